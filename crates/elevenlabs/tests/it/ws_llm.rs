//! Text that comes in pieces is spoken while it comes.

use std::time::Duration;

use elevenlabs_emulator::{Faults, Trigger};
use evervoice_elevenlabs::{ElevenLabsSettings, config::WsEndpoint};
use futures_util::StreamExt;

use crate::support::{emulator, emulator_with, failure, frames, in_use, listen, provider, settings, until, within};

const PIECES: [&str; 7] = ["Hel", "lo wor", "ld. H", "ow are ", "you? The pri", "ce is 12", "000 roubles"];

fn all() -> String {
    PIECES.concat()
}

/// Both interfaces, with and without `auto_mode`.
fn modes(settings: &ElevenLabsSettings) -> Vec<ElevenLabsSettings> {
    [(WsEndpoint::Multi, true), (WsEndpoint::Multi, false), (WsEndpoint::Single, true), (WsEndpoint::Single, false)]
        .map(|(ws_endpoint, ws_auto_mode)| ElevenLabsSettings { ws_endpoint, ws_auto_mode, ..settings.clone() })
        .into()
}

#[tokio::test]
async fn pieces_are_spoken_as_one_text() {
    let emulator = emulator().await;
    for settings in modes(&settings(&emulator)) {
        let mode = (settings.ws_endpoint, settings.ws_auto_mode);
        emulator.reset();
        let provider = provider(settings);
        let stream = provider.start_llm_stream(None, None, 1.0, "r1").unwrap();
        let listener = tokio::spawn(listen(stream.audio));
        for piece in PIECES {
            stream.text.send(piece).await.unwrap();
        }
        stream.text.finish();
        let heard = within(listener).await.unwrap();
        assert_eq!((heard.text(), heard.failure()), (all(), None), "{mode:?}");
        assert_eq!(heard.chunks.last().unwrap().text_end, Some(all().len()), "{mode:?}");
        let triggers =
            frames(&emulator).iter().filter(|(_, json)| json.get("try_trigger_generation").is_some()).count();
        assert_eq!(triggers, 1, "{mode:?}: the first piece only");
        until("free", || in_use(&provider) == 0).await;
    }
}

#[tokio::test]
async fn sound_comes_before_the_text_has_ended() {
    let emulator = emulator().await;
    for settings in modes(&settings(&emulator)) {
        let provider = provider(settings);
        let mut stream = provider.start_llm_stream(Some("berta"), None, 1.0, "r1").unwrap();
        stream.text.send("The first sentence.").await.unwrap();
        stream.text.flush().await.unwrap();
        let first = within(stream.audio.chunks.next()).await.unwrap().unwrap();
        stream.text.send(" And the second").await.unwrap();
        stream.text.finish();
        let mut heard = within(listen(stream.audio)).await;
        heard.chunks.insert(0, first);
        assert_eq!(heard.text(), "The first sentence. And the second");
    }
}

#[tokio::test]
async fn a_pause_in_the_text_is_bridged() {
    let emulator = emulator().await;
    let mut slow = settings(&emulator);
    (slow.ws_keep_alive_sec, slow.ws_stall_timeout_sec) = (0.05, 0.5);
    for settings in modes(&slow) {
        emulator.reset();
        let keep_alive = match settings.ws_endpoint {
            WsEndpoint::Multi => "",
            WsEndpoint::Single => " ",
        };
        let provider = provider(settings);
        let stream = provider.start_llm_stream(None, None, 1.0, "r1").unwrap();
        let listener = tokio::spawn(listen(stream.audio));
        stream.text.send("Wait. ").await.unwrap();
        // The message that opens a context is the first with a space.
        until("kept alive", || {
            let is_one = |json: &serde_json::Value| json["text"] == keep_alive && json.get("voice_settings").is_none();
            frames(&emulator).iter().filter(|(_, json)| is_one(json)).count() >= 3
        })
        .await;
        stream.text.send("Done.").await.unwrap();
        stream.text.finish();
        let heard = within(listener).await.unwrap();
        assert_eq!((heard.text().as_str(), heard.failure()), ("Wait. Done.", None));
    }
}

#[tokio::test]
async fn the_end_does_not_overtake_the_text() {
    let emulator = emulator_with(|config| config.first_byte = Duration::from_millis(30)).await;
    for settings in modes(&settings(&emulator)) {
        // With SSML nobody can tell which part of the text was heard.
        for ssml in [false, true] {
            let provider = provider(ElevenLabsSettings { ws_enable_ssml_parsing: ssml, ..settings.clone() });
            emulator.set_faults(Faults { ws_close_race: Some(Trigger::always()), ..Faults::default() });
            let stream = provider.start_llm_stream(None, None, 1.0, "r1").unwrap();
            stream.text.send("Over at once.").await.unwrap();
            stream.text.finish();
            let heard = within(listen(stream.audio)).await;
            assert_eq!((heard.text().as_str(), heard.failure()), ("Over at once.", None));
        }
    }
}

#[tokio::test]
async fn an_end_that_comes_late_is_no_stall() {
    let emulator = emulator().await;
    for settings in modes(&settings(&emulator)) {
        for ssml in [false, true] {
            let provider = provider(ElevenLabsSettings { ws_enable_ssml_parsing: ssml, ..settings.clone() });
            let mut stream = provider.start_llm_stream(None, None, 1.0, "r1").unwrap();
            stream.text.send("One sentence.").await.unwrap();
            stream.text.flush().await.unwrap();
            let mut chunks = vec![within(stream.audio.chunks.next()).await.unwrap().unwrap()];
            // Until nothing more comes.
            while let Ok(chunk) = tokio::time::timeout(Duration::from_millis(300), stream.audio.chunks.next()).await {
                chunks.push(chunk.unwrap().unwrap());
            }
            stream.text.finish();
            let mut heard = within(listen(stream.audio)).await;
            heard.chunks.splice(..0, chunks);
            assert_eq!((heard.text().as_str(), heard.failure()), ("One sentence.", None));
        }
    }
}

#[tokio::test]
async fn nothing_to_say_is_no_failure() {
    let emulator = emulator().await;
    let provider = provider(settings(&emulator));
    let stream = provider.start_llm_stream(None, None, 1.0, "r1").unwrap();
    stream.text.send(" … ").await.unwrap();
    stream.text.finish();
    let heard = within(listen(stream.audio)).await;
    assert!(heard.chunks.is_empty() && heard.error.is_none());
    assert!(frames(&emulator).is_empty());
}

#[tokio::test]
async fn dropping_the_sound_cancels_the_text() {
    let emulator = emulator().await;
    let provider = provider(settings(&emulator));
    let mut stream = provider.start_llm_stream(None, None, 1.0, "r1").unwrap();
    stream.text.send("A sentence. ").await.unwrap();
    within(stream.audio.chunks.next()).await.unwrap().unwrap();
    drop(stream.audio);
    until("over", || in_use(&provider) == 0 && emulator.open_contexts() == 0).await;
    let refused = within(async {
        while stream.text.send("more ").await.is_ok() {
            tokio::task::yield_now().await;
        }
    });
    refused.await;
}

#[tokio::test]
async fn a_socket_that_fails_before_the_first_sound_is_replaced_and_all_is_said_again() {
    let emulator = emulator().await;
    let provider = provider(settings(&emulator));
    until("ready", || crate::support::ready(&provider) == 2).await;
    let fault = Trigger::once().after_audio(Duration::ZERO);
    emulator.set_faults(Faults { ws_reset: Some(fault), ..Faults::default() });
    let stream = provider.start_llm_stream(None, None, 1.0, "r1").unwrap();
    let listener = tokio::spawn(listen(stream.audio));
    for piece in PIECES {
        stream.text.send(piece).await.unwrap();
    }
    stream.text.finish();
    let heard = within(listener).await.unwrap();
    assert_eq!((heard.text(), heard.failure()), (all(), None));
}

#[tokio::test]
async fn a_failure_ends_the_sound_with_an_error() {
    let emulator = emulator().await;
    let mut settings = settings(&emulator);
    settings.api_key = "wrong".into();
    let provider = provider(settings);
    let stream = provider.start_llm_stream(None, None, 1.0, "r1").unwrap();
    // It may be refused before the text has gone.
    let _ = stream.text.send("Hello there. ").await;
    let heard = within(listen(stream.audio)).await;
    assert!(heard.chunks.is_empty());
    assert_eq!(failure(heard.error.as_ref().unwrap()), evervoice_core::tts::ProviderFailure::Refused);
}

#[tokio::test]
async fn sound_that_came_before_a_failure_is_heard_though_text_is_still_sent() {
    let emulator = emulator().await;
    let mut settings = settings(&emulator);
    settings.pool_size = 0;
    let provider = provider(settings);
    let sound = Duration::from_secs(5);
    emulator.set_faults(Faults { ws_internal_error: Some(Trigger::always().after_audio(sound)), ..Faults::default() });
    let stream = provider.start_llm_stream(None, None, 1.0, "r1").unwrap();
    stream.text.send("One of quite a number of sentences. ".repeat(30)).await.unwrap();
    until("begun", || !frames(&emulator).is_empty()).await;
    until("failed", || in_use(&provider) == 0).await;
    // Nobody has listened yet, and the socket takes no more.
    for _ in 0..10 {
        stream.text.send("One more sentence. ").await.unwrap();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    stream.text.finish();
    let heard = within(listen(stream.audio)).await;
    assert_eq!(heard.failure(), Some(evervoice_core::tts::ProviderFailure::Broken));
    let samples: usize = heard.chunks.iter().map(|chunk| chunk.samples.len()).sum();
    assert!(samples >= sound.as_secs() as usize * heard.sample_rate as usize, "{samples}");
}
