//! Sound comes out, in every format, whole.

use crate::harness::TestService;

const HELLO: &str = r#"{"text": "Hello world, this is a test of the voice."}"#;

#[tokio::test]
async fn a_text_becomes_sound_with_its_headers() {
    let service = TestService::start().await;
    let response = service.post("/api/tts").header("x-request-id", "my-id").body(HELLO).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let headers = response.headers();
    for (name, value) in [
        ("content-type", "application/octet-stream"),
        ("x-audio-format", "s16le"),
        ("x-sample-rate", "16000"),
        ("x-channels", "1"),
        ("x-voice-provider", "local"),
        ("x-request-id", "my-id"),
        ("transfer-encoding", "chunked"),
    ] {
        assert_eq!(headers[name], value, "{name}");
    }
    let bytes = response.bytes().await.unwrap();
    assert_eq!(bytes.len() % 2, 0);
    let seconds = bytes.len() as f64 / 32_000.0;
    assert!((1.5..5.0).contains(&seconds), "{seconds} s");
    let samples: Vec<i16> = bytes.chunks_exact(2).map(|b| i16::from_le_bytes([b[0], b[1]])).collect();
    assert!(samples.iter().any(|&sample| sample.abs() > 3_000), "silence");
}

#[tokio::test]
async fn every_format_lasts_as_long_as_the_default() {
    let service = TestService::start().await;
    let reference = service.speak(HELLO).await.bytes().await.unwrap().len() as f64 / 32_000.0;
    for (format, encoding, rate, width) in [
        ("pcm_8000", "s16le", 8_000, 2),
        ("pcm_16000", "s16le", 16_000, 2),
        ("pcm_24000", "s16le", 24_000, 2),
        ("pcm_48000", "s16le", 48_000, 2),
        ("ulaw_8000", "ulaw", 8_000, 1),
        ("alaw_8000", "alaw", 8_000, 1),
    ] {
        let body = HELLO.replace('}', &format!(r#", "format": "{format}"}}"#));
        let response = service.speak(&body).await;
        assert_eq!(response.headers()["x-audio-format"], encoding);
        assert_eq!(response.headers()["x-sample-rate"], rate.to_string());
        let seconds = response.bytes().await.unwrap().len() as f64 / f64::from(rate * width);
        assert!((seconds - reference).abs() < 0.001, "{format}: {seconds} s instead of {reference} s");
    }
}

#[tokio::test]
async fn a_wav_file_has_true_sizes_and_the_same_samples() {
    let service = TestService::start().await;
    let pcm = service.speak(HELLO).await.bytes().await.unwrap();
    for (path, body) in [("/api/tts/wav", HELLO.to_owned()), ("/api/tts", HELLO.replace('}', r#", "format": "wav"}"#))]
    {
        let response = service.post(path).body(body).send().await.unwrap();
        assert_eq!(response.headers()["content-type"], "audio/wav");
        let file = response.bytes().await.unwrap();
        let reader = hound::WavReader::new(&file[..]).unwrap();
        assert_eq!((reader.spec().sample_rate, reader.spec().channels), (16_000, 1));
        let samples: Vec<u8> = reader.into_samples::<i16>().flat_map(|sample| sample.unwrap().to_le_bytes()).collect();
        assert!(samples == pcm, "the samples differ from those of /api/tts");
    }
}

#[tokio::test]
async fn speed_changes_the_length() {
    let service = TestService::start().await;
    let mut lengths = vec![];
    for speed in ["2.0", "1.0", "0.5"] {
        let body = HELLO.replace('}', &format!(r#", "speed": {speed}}}"#));
        lengths.push(service.speak(&body).await.bytes().await.unwrap().len());
    }
    assert!(lengths[0] * 3 < lengths[1] * 2 && lengths[1] * 3 < lengths[2] * 2, "{lengths:?}");
}

#[tokio::test]
async fn voices_are_listed_and_can_be_asked_for() {
    let service = TestService::start().await;
    let list: serde_json::Value = service.get("/api/voices").await.json().await.unwrap();
    let voice = &list["voices"][0];
    assert_eq!((voice["provider"].as_str(), voice["default"].as_bool()), (Some("local"), Some(true)));
    assert_eq!(voice["languages"], serde_json::json!(["en"]));
    let name = voice["name"].as_str().unwrap();
    let response = service.speak(&format!(r#"{{"text": "Yes.", "voice": "{name}", "lang": "en-GB"}}"#)).await;
    assert_eq!(response.status(), 200);
}

#[tokio::test]
async fn ops_routes_answer() {
    let service = TestService::start().await;
    assert_eq!(service.get("/live").await.status(), 200);
    assert_eq!(service.get("/ready").await.status(), 200);
    let health: serde_json::Value = service.get("/health").await.json().await.unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["parts"]["local"]["status"], "ok");
    service.speak(HELLO).await.bytes().await.unwrap();
    assert_eq!(service.metric("tts_utterances_total{provider=\"local\",outcome=\"complete\"}").await, 1.0);
    assert_eq!(service.metric("tts_first_audio_ms_count{provider=\"local\"}").await, 1.0);
    assert_eq!(service.metric("tts_active").await, 0.0);
    service.lifecycle.stop();
}

/// A short name of a list of one's own leads to its directory.
#[tokio::test]
async fn a_voice_besides_the_built_in_one_speaks() {
    let place = tempfile::tempdir().unwrap();
    let entry = "models:\n  - {name: ours, kind: voice, language: en, url: 'https://models.invalid/ours.zip', bytes: 1, \
                 sha256: null, licence: MIT, source: nowhere}\naliases: {o: ours}\n";
    std::fs::write(place.path().join("list.yml"), entry).unwrap();
    let voice = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../voices/en-us-slt").canonicalize().unwrap();
    std::os::unix::fs::symlink(voice, place.path().join("ours")).unwrap();
    let service = TestService::with(|settings| {
        settings.local.built_in = false;
        settings.local.models_dir = place.path().to_owned();
        settings.local.manifest = Some(place.path().join("list.yml"));
        settings.local.voices = vec!["o".to_owned()];
    })
    .await;
    assert!(service.speak(HELLO).await.bytes().await.unwrap().len() > 32_000);
}
