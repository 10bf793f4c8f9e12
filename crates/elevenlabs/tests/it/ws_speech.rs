//! What is spoken over WebSockets is the text, all of it, and the chunks know where in the text they are.

use elevenlabs_emulator::{Faults, Trigger};
use evervoice_core::tts::{TtsError, TtsProvider};
use evervoice_elevenlabs::config::WsEndpoint;

use crate::support::{emulator, emulator_with, provider, request, settings, speak};

const CYRILLIC: &str = "Стоимость 12000 рублей. Ёлка, съешь ещё этих булок!";

fn long() -> String {
    let text = "The quick brown fox jumps over the lazy dog, and then it sleeps. ".repeat(80);
    text.chars().take(5_000).collect::<String>().trim().to_owned()
}

#[tokio::test]
async fn the_text_is_spoken_over_both_interfaces_in_every_mode() {
    let emulator = emulator().await;
    for endpoint in [WsEndpoint::Multi, WsEndpoint::Single] {
        for auto_mode in [true, false] {
            let mut settings = settings(&emulator);
            (settings.ws_endpoint, settings.ws_auto_mode) = (endpoint, auto_mode);
            let provider = provider(settings);
            for text in ["Hi.", "Two words", CYRILLIC, long().as_str()] {
                let heard = speak(&provider, request(text)).await.unwrap();
                assert_eq!(heard.text(), text, "{endpoint:?}, auto_mode {auto_mode}");
                assert!(heard.error.is_none(), "{:?}", heard.error);
                assert_eq!(heard.chunks.last().unwrap().text_end, Some(text.len()));
            }
        }
    }
}

#[tokio::test]
async fn every_raw_format_carries_it() {
    let emulator = emulator_with(|config| config.tone_ms = 20).await;
    for format in ["pcm_8000", "pcm_22050", "pcm_24000", "pcm_44100", "ulaw_8000", "alaw_8000"] {
        let mut settings = settings(&emulator);
        settings.ws_output_format = format.parse().unwrap();
        let heard = speak(&provider(settings), request(CYRILLIC)).await.unwrap();
        assert_eq!(heard.text(), CYRILLIC, "{format}");
    }
}

#[tokio::test]
async fn what_was_heard_up_to_a_chunk_is_the_text_up_to_its_place() {
    let emulator = emulator().await;
    let provider = provider(settings(&emulator));
    let text = "One two three. Четыре пять, six seven eight nine ten eleven twelve thirteen fourteen fifteen.";
    let heard = speak(&provider, request(text)).await.unwrap();
    let mut places = vec![];
    for end in 1..=heard.chunks.len() {
        let prefix = crate::support::Heard { chunks: heard.chunks[..end].to_vec(), error: None, ..heard };
        let place = prefix.chunks[end - 1].text_end.unwrap();
        assert_eq!(prefix.text(), text[..place].trim());
        places.push(place);
    }
    assert!(places.is_sorted());
    let between_words = |place: &&usize| text[..**place].ends_with(' ') || text[**place..].starts_with(' ');
    let cuts = places.iter().filter(between_words).count();
    assert!(cuts >= 3, "{places:?}");
}

#[tokio::test]
async fn either_spelling_of_the_names_is_understood() {
    let emulator = emulator().await;
    let provider = provider(settings(&emulator));
    emulator.set_faults(Faults {
        ws_snake_context_id: Some(Trigger::always()),
        ws_snake_is_final: Some(Trigger::always()),
        ws_chars_spelling: Some(Trigger::always()),
        ..Faults::default()
    });
    let heard = speak(&provider, request(CYRILLIC)).await.unwrap();
    assert_eq!((heard.text().as_str(), heard.chunks.last().unwrap().text_end), (CYRILLIC, Some(CYRILLIC.len())));
    emulator.set_faults(Faults { ws_no_alignment: Some(Trigger::always()), ..Faults::default() });
    let heard = speak(&provider, request(CYRILLIC)).await.unwrap();
    assert_eq!(heard.text(), CYRILLIC);
    assert!(heard.error.is_none() && heard.chunks.iter().all(|chunk| chunk.text_end.is_none()));
}

#[tokio::test]
async fn what_it_cannot_do_is_left_to_others() {
    let emulator = emulator().await;
    let provider = provider(settings(&emulator));
    let unknown = provider.speak(request("Hi.").with_voice(Some("nobody".into()))).await;
    assert!(matches!(unknown, Err(TtsError::UnknownVoice { .. })));
    assert!(matches!(provider.speak(request("…")).await, Err(TtsError::NothingToSpeak)));
    assert_eq!(provider.voices().iter().map(|voice| voice.name.as_str()).collect::<Vec<_>>(), ["berta", "voice-a"]);
}
