//! The four endpoints, and what they refuse.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use elevenlabs_emulator::{Config, decode};
use serde_json::{Value, json};

use crate::support::{Http, VOICE, emulator, emulator_with, samples, speak};

const TEXT: &str = "The quick brown fox, jumps over 12 lazy dogs. Съешь ещё!";

#[tokio::test]
async fn a_stream_says_the_text_in_odd_chunks() {
    let emulator = emulator().await;
    for rate in [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000] {
        let response = speak(&emulator, &format!("/stream?output_format=pcm_{rate}"), json!({"text": TEXT})).await;
        let response = response.expect("an answer");
        assert_eq!(response.status, 200);
        assert_eq!(response.text(rate), TEXT);
        assert_eq!(response.headers["content-type"], "audio/pcm");
        assert_eq!(response.headers["transfer-encoding"], "chunked");
        assert!(response.complete && response.chunks.iter().any(|size| size % 2 == 1));
    }
}

#[tokio::test]
async fn companded_and_wav() {
    let emulator = emulator().await;
    let ulaw = speak(&emulator, "/stream?output_format=ulaw_8000", json!({"text": TEXT})).await.expect("an answer");
    let samples_of = |bytes: &[u8], decode: fn(u8) -> i16| bytes.iter().map(|&byte| decode(byte)).collect::<Vec<_>>();
    assert_eq!(decode(&samples_of(&ulaw.body, audio_codec_algorithms::decode_ulaw), 8000), TEXT);
    let alaw = speak(&emulator, "/stream?output_format=alaw_8000", json!({"text": TEXT})).await.expect("an answer");
    assert_eq!(decode(&samples_of(&alaw.body, audio_codec_algorithms::decode_alaw), 8000), TEXT);

    let wav = speak(&emulator, "?output_format=wav_24000", json!({"text": TEXT})).await.expect("an answer");
    assert_eq!((&wav.body[..4], &wav.body[36..40]), (&b"RIFF"[..], &b"data"[..]));
    let length = u32::from_le_bytes(wav.body[40..44].try_into().expect("four bytes")) as usize;
    assert_eq!(length, wav.body.len() - 44);
    assert_eq!(decode(&samples(&wav.body[44..]), 24_000), TEXT);
    assert!(wav.headers.contains_key("tts-latency-ms"));

    let refused = speak(&emulator, "/stream?output_format=wav_24000", json!({"text": TEXT})).await.expect("an answer");
    assert_eq!(refused.status, 422);
}

#[tokio::test]
async fn compressed_formats_are_the_default_and_as_long_as_they_should_be() {
    let emulator = emulator().await;
    let mp3 = speak(&emulator, "/stream", json!({"text": TEXT})).await.expect("an answer");
    assert_eq!(mp3.headers["content-type"], "audio/mpeg");
    let expected = TEXT.chars().count() * 20 * 16;
    assert!((expected..expected + 1000).contains(&mp3.body.len()), "{} of {expected}", mp3.body.len());
    let opus = speak(&emulator, "/stream?output_format=opus_48000_64", json!({"text": TEXT})).await.expect("an answer");
    assert_eq!(&opus.body[..4], b"OggS");
}

#[tokio::test]
async fn timestamps_come_in_one_object_or_in_lines() {
    let emulator = emulator().await;
    let path = "/with-timestamps?output_format=pcm_16000";
    let whole = speak(&emulator, path, json!({"text": TEXT})).await.expect("an answer").json();
    let audio = STANDARD.decode(whole["audio_base64"].as_str().expect("a string")).expect("base64");
    assert_eq!(decode(&samples(&audio), 16_000), TEXT);

    let path = "/stream/with-timestamps?output_format=pcm_16000";
    let response = speak(&emulator, path, json!({"text": TEXT})).await.expect("an answer");
    assert_eq!(response.headers["content-type"], "application/json");
    let body = String::from_utf8(response.body).expect("UTF-8");
    let lines: Vec<Value> = body.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    assert!(lines.len() > 2 && body.ends_with('\n'));
    let (mut text, mut audio, mut end) = (String::new(), Vec::new(), 0.0);
    for line in &lines {
        audio.extend(STANDARD.decode(line["audio_base64"].as_str().expect("a string")).expect("base64"));
        let alignment = &line["alignment"];
        let starts = alignment["character_start_times_seconds"].as_array().expect("times");
        let ends = alignment["character_end_times_seconds"].as_array().expect("times");
        assert_eq!(starts[0].as_f64(), Some(end));
        end = ends.last().and_then(Value::as_f64).expect("a time");
        text.extend(alignment["characters"].as_array().expect("characters").iter().filter_map(Value::as_str));
    }
    assert_eq!((text.as_str(), decode(&samples(&audio), 16_000).as_str()), (TEXT, TEXT));
    assert!((end - audio.len() as f64 / 32_000.0).abs() < 0.001);
}

#[tokio::test]
async fn speed_shortens() {
    let emulator = emulator().await;
    let body = json!({"text": "speed", "voice_settings": {"speed": 1.2}});
    let response = speak(&emulator, "/stream?output_format=pcm_16000", body).await.expect("an answer");
    assert_eq!(response.text(16_000), "speed");
    assert_eq!(response.body.len() / 2, 5 * 20 * 16 * 5 / 6);
}

#[tokio::test]
async fn success_has_the_recorded_headers() {
    let emulator = emulator().await;
    let body = json!({"text": "Just forty-four characters of text in here..", "model_id": "eleven_flash_v2_5"});
    let response = speak(&emulator, "/stream?output_format=pcm_24000", body).await.expect("an answer");
    for name in [
        "character-cost",
        "content-type",
        "current-concurrent-requests",
        "history-item-id",
        "maximum-concurrent-requests",
        "request-id",
        "transfer-encoding",
        "workspace-concurrent-requests",
        "x-region",
        "x-trace-id",
    ] {
        assert!(response.headers.contains_key(name), "{name} is missing in {:?}", response.headers);
    }
    assert_eq!(response.headers["character-cost"], "22");
    assert_eq!(response.headers["request-id"].len(), 20);
    assert!(!response.headers.contains_key("tts-latency-ms"));
}

#[tokio::test]
async fn requests_that_are_refused() {
    let emulator = emulator().await;
    let long = "a".repeat(10_001);
    for (body, status) in [
        (json!({}), 422),
        (json!({"text": 1}), 422),
        (json!({"text": " "}), 400),
        (json!({"text": long}), 400),
        (json!({"text": long, "model_id": "eleven_flash_v2_5"}), 200),
        (json!({"text": "a", "model_id": "eleven_v3", "previous_text": "b"}), 400),
        (json!({"text": "a", "previous_text": "b", "no such field": 1}), 200),
        (json!({"text": "a", "previous_request_ids": ["1", "2", "3", "4"]}), 422),
    ] {
        let response = speak(&emulator, "/stream?output_format=pcm_8000", body.clone()).await.expect("an answer");
        let short: String = body.to_string().chars().take(60).collect();
        assert_eq!(response.status, status, "{short}");
        assert_eq!(response.headers.contains_key("request-id"), status == 200, "only good answers have the header");
    }
    let unknown = speak(&emulator, "/stream?output_format=mp3_1", json!({"text": "a"})).await.expect("an answer");
    assert_eq!(unknown.status, 422);
    let nothing = speak(&emulator, "/sing", json!({"text": "a"})).await.expect("an answer");
    assert_eq!(nothing.status, 404);
}

#[tokio::test]
async fn one_request_more_than_allowed_is_one_too_many() {
    let config = Config { max_concurrent: 1, pace: 0.5, ..Config::default() };
    let emulator = emulator_with(config).await;
    let mut first = Http::connect(emulator.address()).await;
    let path = format!("/v1/text-to-speech/{VOICE}/stream?output_format=pcm_16000");
    let headers = [("xi-api-key", "test-key")];
    let body = json!({"text": "long ".repeat(200)}).to_string();
    let first = tokio::spawn(async move { first.send("POST", &path, &headers, body.as_bytes()).await });
    crate::support::until(|| emulator.generating() == 1).await;
    let second = speak(&emulator, "/stream", json!({"text": "a"})).await.expect("an answer");
    assert_eq!(second.status, 429);
    assert_eq!(second.json()["detail"]["code"], "concurrent_limit_exceeded");
    // The client that leaves gives its place back.
    first.abort();
    crate::support::until(|| emulator.generating() == 0).await;
}

#[tokio::test]
async fn the_small_endpoints_want_a_key() {
    let emulator = emulator().await;
    for path in ["/v1/voices", "/v1/user", "/v1/models"] {
        let mut http = Http::connect(emulator.address()).await;
        let refused = http.send("GET", path, &[("xi-api-key", "wrong")], b"").await.expect("an answer");
        assert_eq!(refused.status, 401);
        let answer = http.send("GET", path, &[("xi-api-key", "test-key")], b"").await.expect("an answer");
        assert_eq!(answer.status, 200);
    }
    let mut http = Http::connect(emulator.address()).await;
    let voices = http.send("GET", "/v1/voices", &[("xi-api-key", "test-key")], b"").await.expect("an answer").json();
    assert!(voices["voices"].as_array().expect("voices").iter().any(|voice| voice["voice_id"] == VOICE));
}
