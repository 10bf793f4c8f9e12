//! The four endpoints: what is asked for arrives, and what is answered is read.

use std::time::Duration;

use elevenlabs_emulator::{Event, Faults, Trigger, decode};
use evervoice_elevenlabs::{
    ElevenLabsError, OutputFormat,
    config::TextNormalization,
    decode::Decoder,
    format::{Codec, Endpoint},
    http::PronunciationDictionary,
};
use serde_json::json;

use crate::http::{KEY, TEXT, client, emulator, listen, requests, server, wanted};
use crate::support::{emulator_with, settings};

/// Tones of the emulator are read back where the format keeps them; its mp3 and opus are silent.
fn keeps_tones(format: OutputFormat) -> bool {
    !matches!(format.codec(), Codec::Mp3 | Codec::Opus)
}

#[tokio::test]
async fn every_streamed_format_is_the_whole_text() {
    let (_emulator, settings) = emulator().await;
    let client = client(&settings);
    for format in OutputFormat::all().filter(|format| format.allowed_on(Endpoint::Stream)) {
        let mut request = wanted(&settings, TEXT);
        request.output_format = format;
        for body in [client.stream(&request).await.unwrap(), client.stream_with_timestamps(&request).await.unwrap()] {
            let (samples, error) = listen(body, format).await;
            assert!(error.is_none(), "{format}: {error:?}");
            // 10 ms for each character.
            assert!(samples.len() >= TEXT.chars().count() * format.sample_rate() as usize / 100, "{format}");
            if keeps_tones(format) {
                assert_eq!(decode(&samples, format.sample_rate()), TEXT, "{format}");
            }
        }
    }
}

#[tokio::test]
async fn every_whole_format_is_the_whole_text() {
    let (_emulator, settings) = emulator().await;
    let client = client(&settings);
    for format in OutputFormat::all() {
        let mut request = wanted(&settings, TEXT);
        request.output_format = format;
        let (audio, _) = client.convert(&request).await.unwrap();
        let (piece, _) = client.convert_with_timestamps(&request).await.unwrap();
        let alignment = piece.alignment.unwrap();
        assert_eq!(alignment.chars.concat(), TEXT);
        assert!(alignment.end_ms.is_sorted() && alignment.end_ms.last().unwrap() >= &100.0, "times are in ms");
        assert!(piece.normalized_alignment.is_some());
        for audio in [audio, piece.audio] {
            let mut decoder = Decoder::new(format).unwrap();
            let mut samples = decoder.push(&audio).unwrap();
            samples.extend(decoder.finish().unwrap());
            if keeps_tones(format) {
                assert_eq!(decode(&samples, format.sample_rate()), TEXT, "{format}");
            }
        }
    }
}

#[tokio::test]
async fn a_format_that_is_not_streamed_is_refused_by_the_service() {
    let (emulator, settings) = emulator().await;
    let mut request = wanted(&settings, TEXT);
    request.output_format = "wav_16000".parse().unwrap();
    let error = client(&settings).stream(&request).await.err().unwrap();
    assert!(error.status() == 422 && error.to_string().contains("query.output_format"), "{error}");
    assert_eq!(requests(&emulator).len(), 1);
}

#[tokio::test]
async fn every_option_arrives_as_it_was_given() {
    let (emulator, settings) = emulator().await;
    let mut request = wanted(&settings, TEXT);
    request.enable_logging = false;
    request.optimize_streaming_latency = Some(3);
    let body = &mut request.body;
    body.language_code = Some("ru".into());
    body.pronunciation_dictionary_locators = vec![PronunciationDictionary {
        pronunciation_dictionary_id: "dictionary".into(),
        version_id: "version".into(),
    }]
    .try_into()
    .unwrap();
    body.seed = Some(u32::MAX);
    body.previous_text = Some("Before.".into());
    body.next_text = Some("After.".into());
    body.previous_request_ids = vec!["a".to_owned(), "b".to_owned(), "c".to_owned()].try_into().unwrap();
    body.next_request_ids = vec!["d".to_owned()].try_into().unwrap();
    body.apply_text_normalization = Some(TextNormalization::On);
    body.apply_language_text_normalization = Some(false);
    body.use_pvc_as_ivc = Some(true);
    client(&settings).stream(&request).await.unwrap();

    let (path, query, headers, body) = requests(&emulator).remove(0);
    assert_eq!(path, "/v1/text-to-speech/voice-a/stream");
    let expected = json!({"output_format": "pcm_16000", "enable_logging": "false", "optimize_streaming_latency": "3"});
    assert_eq!(query, expected);
    assert_eq!(headers["xi-api-key"], KEY);
    assert_eq!(headers["content-type"], "application/json");
    assert_eq!(
        body,
        json!({
            "text": TEXT,
            "model_id": "eleven_flash_v2_5",
            "language_code": "ru",
            "voice_settings": {
                "stability": 0.5, "similarity_boost": 0.8, "style": 0.0, "use_speaker_boost": false, "speed": 1.0,
            },
            "pronunciation_dictionary_locators": [
                {"pronunciation_dictionary_id": "dictionary", "version_id": "version"},
            ],
            "seed": 4_294_967_295u32,
            "previous_text": "Before.",
            "next_text": "After.",
            "previous_request_ids": ["a", "b", "c"],
            "next_request_ids": ["d"],
            "apply_text_normalization": "on",
            "apply_language_text_normalization": false,
            "use_pvc_as_ivc": true,
        })
    );
}

#[tokio::test]
async fn neighbouring_text_is_kept_from_models_that_refuse_it() {
    let (emulator, mut settings) = emulator().await;
    settings.model_id = "eleven_v3".into();
    let mut request = wanted(&settings, TEXT);
    request.body.previous_text = Some("Before.".into());
    request.body.next_text = Some("After.".into());
    client(&settings).stream(&request).await.unwrap();
    let body = requests(&emulator).remove(0).3;
    assert!(body.get("previous_text").is_none() && body.get("next_text").is_none(), "{body}");
}

#[tokio::test]
async fn the_head_of_an_answer_is_read() {
    let (_emulator, settings) = emulator().await;
    let body = client(&settings).stream(&wanted(&settings, TEXT)).await.unwrap();
    let info = body.info();
    assert_eq!(info.request_id.as_ref().unwrap().len(), 20);
    assert!(info.history_item_id.is_some() && info.region.is_some());
    assert_eq!(info.character_cost, Some(TEXT.chars().count().div_ceil(2) as u64));
    assert_eq!(info.current_concurrent_requests, Some(1));
    assert!(info.maximum_concurrent_requests.is_some());
}

#[tokio::test]
async fn one_connection_serves_requests_in_a_row_and_its_death_is_not_noticed() {
    let (emulator, settings) = emulator().await;
    let client = client(&settings);
    let request = wanted(&settings, TEXT);
    let speak = async || listen(client.stream(&request).await.unwrap(), settings.http_output_format).await;
    speak().await;
    speak().await;
    let connections = || emulator.log().iter().filter(|entry| matches!(entry.event, Event::Connect { .. })).count();
    assert_eq!(connections(), 1);
    emulator.set_faults(Faults { http_keep_alive_close: Some(Trigger::always()), ..Faults::default() });
    for _ in 0..20 {
        let (samples, error) = speak().await;
        assert!(error.is_none());
        assert_eq!(decode(&samples, 16_000), TEXT);
    }
}

#[tokio::test]
async fn over_tls_only_whom_we_trust_gets_the_key() {
    let emulator = emulator_with(|config| config.tls = true).await;
    let mut settings = settings(&emulator);
    settings.http_base_url = emulator.https_url();
    settings.http_max_retries = 0;
    let request = wanted(&settings, TEXT);
    let error = client(&settings).stream(&request).await.err().unwrap();
    assert!(matches!(error, ElevenLabsError::Connect(_)), "{error:?}");
    assert!(requests(&emulator).is_empty());
    settings.trusted_pem = emulator.certificate_pem().into();
    let (samples, error) = listen(client(&settings).stream(&request).await.unwrap(), settings.http_output_format).await;
    assert!(error.is_none());
    assert_eq!(decode(&samples, 16_000), TEXT);
}

#[tokio::test]
async fn a_body_that_is_dropped_ends_the_request() {
    let (emulator, settings) = emulator().await;
    let long = "word ".repeat(2_000);
    let body = client(&settings).stream(&wanted(&settings, &long)).await.unwrap();
    assert_eq!(emulator.generating(), 1);
    drop(body);
    let idle = async {
        while emulator.generating() > 0 {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(20), idle).await.unwrap();
}

#[tokio::test]
async fn the_key_does_not_follow_a_redirection() {
    let (elsewhere, mut settings) = emulator().await;
    let to = elsewhere.http_url();
    settings.http_base_url =
        server(format!("HTTP/1.1 307 Temporary Redirect\r\nLocation: {to}/\r\nContent-Length: 0\r\n\r\n")).await;
    settings.http_max_retries = 0;
    let error = client(&settings).stream(&wanted(&settings, TEXT)).await.err().unwrap();
    assert_eq!(error.status(), 307);
    assert!(elsewhere.log().is_empty());
}

#[tokio::test]
async fn a_page_is_not_played_as_sound() {
    let (_emulator, mut settings) = emulator().await;
    let page = "<html>Please log in</html>";
    settings.http_base_url =
        server(format!("HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\n\r\n{page}", page.len()))
            .await;
    settings.http_max_retries = 0;
    let client = client(&settings);
    let request = wanted(&settings, TEXT);
    for error in [client.stream(&request).await.err(), client.stream_with_timestamps(&request).await.err()] {
        assert!(matches!(error, Some(ElevenLabsError::Protocol(_))), "{error:?}");
    }
}

#[tokio::test]
async fn nobody_there_is_told_as_no_connection() {
    let (_emulator, mut settings) = emulator().await;
    settings.http_base_url = "http://127.0.0.1:1".into();
    settings.http_max_retries = 1;
    let error = client(&settings).stream(&wanted(&settings, TEXT)).await.err().unwrap();
    assert!(matches!(error, ElevenLabsError::Connect(_)), "{error:?}");
}
