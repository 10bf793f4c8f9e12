//! The provider: every word, in its place, and requests that it does not take.

use elevenlabs_emulator::{Faults, Guesses, decode};
use evervoice_core::tts::{ProviderFailure, SpeechLimits, SpeechRequest, TtsError, TtsProvider};
use evervoice_elevenlabs::OutputFormat;

use crate::http::{TEXT, collect, emulator, provider, requests, samples, server};
use crate::support::request;

#[tokio::test]
async fn each_chunk_ends_where_it_says() {
    let (emulator, mut settings) = emulator().await;
    let long = format!("{TEXT} And so on,   with gaps\nand \"marks\". ").repeat(10);
    for http_times_restart in [false, true] {
        emulator
            .set_faults(Faults { guesses: Guesses { http_times_restart, ..Guesses::default() }, ..Faults::default() });
        for format in ["pcm_16000", "pcm_22050", "pcm_44100", "ulaw_8000", "alaw_8000"] {
            settings.http_output_format = format.parse().unwrap();
            let stream = provider(&settings).speak(request(&long)).await.unwrap();
            let rate = stream.sample_rate;
            assert_eq!((stream.provider, rate), ("elevenlabs_http", settings.http_output_format.sample_rate()));
            let (chunks, error) = collect(stream).await;
            assert!(error.is_none(), "{error:?}");
            assert_eq!(decode(&samples(&chunks), rate), long);
            for heard in 1..=chunks.len() {
                let end = chunks[heard - 1].text_end.unwrap();
                assert_eq!(decode(&samples(&chunks[..heard]), rate), long[..end], "{format} {http_times_restart}");
            }
            assert_eq!(chunks.last().unwrap().text_end, Some(long.len()));
        }
    }
}

#[tokio::test]
async fn without_timestamps_no_place_is_told() {
    let (emulator, mut settings) = emulator().await;
    settings.http_timestamps = false;
    let (chunks, error) = collect(provider(&settings).speak(request(TEXT)).await.unwrap()).await;
    assert!(error.is_none());
    assert_eq!(decode(&samples(&chunks), 16_000), TEXT);
    assert!(chunks.iter().all(|chunk| chunk.text_end.is_none() && !chunk.samples.is_empty()));
    assert!(requests(&emulator)[0].0.ends_with("/stream"));
}

#[tokio::test]
async fn lossy_formats_are_as_long_as_the_text_and_tell_no_place() {
    let (_emulator, mut settings) = emulator().await;
    for format in
        OutputFormat::all().filter(|format| ["mp3", "opus"].iter().any(|codec| format.name().starts_with(codec)))
    {
        settings.http_output_format = format;
        let (chunks, error) = collect(provider(&settings).speak(request(TEXT)).await.unwrap()).await;
        assert!(error.is_none(), "{format}: {error:?}");
        let ms = samples(&chunks).len() as u64 * 1000 / u64::from(format.sample_rate());
        let spoken = 10 * TEXT.chars().count() as u64;
        // A frame of mp3 is up to 52 ms long.
        assert!((spoken..spoken + 160).contains(&ms), "{format}: {ms} ms");
        assert!(chunks.iter().all(|chunk| chunk.text_end.is_none()), "{format}");
    }
}

#[tokio::test]
async fn a_text_of_five_thousand_characters_is_whole() {
    let (_emulator, settings) = emulator().await;
    let text: String = "Съешь ещё этих мягких французских булок, да выпей чаю. ".chars().cycle().take(5_000).collect();
    let (chunks, error) = collect(provider(&settings).speak(request(&text)).await.unwrap()).await;
    assert!(error.is_none());
    assert_eq!(decode(&samples(&chunks), 16_000), text);
}

#[tokio::test]
async fn what_was_spoken_before_goes_along() {
    let (emulator, mut settings) = emulator().await;
    let rest = request("One two. Three.").rest(8).unwrap();
    provider(&settings).speak(rest.clone()).await.unwrap();
    settings.model_id = "eleven_v3".into();
    provider(&settings).speak(rest).await.unwrap();
    provider(&settings).speak(request("Hi.")).await.unwrap();
    let bodies: Vec<_> = requests(&emulator).into_iter().map(|(.., body)| body).collect();
    assert_eq!((bodies[0]["text"].as_str(), bodies[0]["previous_text"].as_str()), (Some("Three."), Some("One two.")));
    assert!(bodies[1].get("previous_text").is_none() && bodies[2].get("previous_text").is_none());
}

#[tokio::test]
async fn voice_language_and_pace_arrive() {
    let (emulator, mut settings) = emulator().await;
    settings.voices = [("anna".to_owned(), "voice-b".to_owned())].into();
    settings.voice_speed = 0.8;
    let limits = SpeechLimits { max_chars: 100 };
    let request =
        SpeechRequest::new("Hi.".into(), Some("anna".into()), Some("en-GB".into()), Some(1.25), limits).unwrap();
    provider(&settings).speak(request).await.unwrap();
    let (path, _, _, body) = requests(&emulator).remove(0);
    assert_eq!(path, "/v1/text-to-speech/voice-b/stream/with-timestamps");
    assert_eq!((body["language_code"].as_str(), body["voice_settings"]["speed"].as_f64()), (Some("en"), Some(1.0)));
}

#[tokio::test]
async fn what_another_provider_may_speak_is_not_even_asked() {
    let (emulator, settings) = emulator().await;
    let provider = provider(&settings);
    let limits = SpeechLimits { max_chars: 100 };
    let ask = |text: &str, voice: Option<&str>, speed| {
        SpeechRequest::new(text.into(), voice.map(str::to_owned), None, Some(speed), limits).unwrap()
    };
    let mute = provider.speak(ask("…!", None, 1.0)).await.err().unwrap();
    assert!(matches!(mute, TtsError::NothingToSpeak));
    let unknown = provider.speak(ask("Hi.", Some("bob"), 1.0)).await.err().unwrap();
    assert!(matches!(unknown, TtsError::UnknownVoice { .. }));
    let fast = provider.speak(ask("Hi.", None, 2.0)).await.err().unwrap();
    assert!(matches!(fast, TtsError::SpeedNotSupported { .. }));
    assert!(emulator.log().is_empty());
}

#[tokio::test]
async fn its_details_hold_no_secret() {
    let (_emulator, settings) = emulator().await;
    let provider = provider(&settings);
    let details = format!("{:?}", provider.details());
    assert!(details.contains("pcm_16000") && !details.contains(crate::http::KEY), "{details}");
    assert_eq!(provider.voices().iter().map(|voice| voice.name.as_str()).collect::<Vec<_>>(), ["berta", "voice-a"]);
}

#[tokio::test]
async fn a_body_that_ends_in_order_but_before_the_text_is_not_whole() {
    let (_emulator, mut settings) = emulator().await;
    // 40 ms of silence for "One ".
    let line = serde_json::json!({
        "audio_base64": "A".repeat(1_712),
        "alignment": {
            "characters": ["O", "n", "e", " "],
            "character_start_times_seconds": [0.0, 0.01, 0.02, 0.03],
            "character_end_times_seconds": [0.01, 0.02, 0.03, 0.04],
        },
    })
    .to_string();
    let head = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";
    settings.http_base_url = server(format!("{head}{:x}\r\n{line}\n\r\n0\r\n\r\n", line.len() + 1)).await;
    let (chunks, error) = collect(provider(&settings).speak(request("One two.")).await.unwrap()).await;
    assert_eq!(chunks.last().unwrap().text_end, Some(4));
    let Some(TtsError::Provider { failure: ProviderFailure::Broken, source, .. }) = error else { panic!("{error:?}") };
    assert_eq!(source.to_string(), "the sound ends before the text: at byte 4");
}
