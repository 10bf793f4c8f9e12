//! What was received, and the controls for other processes.

use elevenlabs_emulator::{Event, encode};
use serde_json::{Value, json};

use crate::support::{Http, Response, Socket, emulator, speak, until};

async fn control(emulator: &elevenlabs_emulator::Emulator, method: &str, what: &str, body: &[u8]) -> Response {
    let mut http = Http::connect(emulator.address()).await;
    http.send(method, &format!("/__emulator/{what}"), &[], body).await.expect("an answer")
}

#[tokio::test]
async fn the_log_has_all_that_clients_sent() {
    let emulator = emulator().await;
    let body = json!({"text": "a", "seed": 7, "voice_settings": {"stability": 0.3}});
    speak(&emulator, "/stream?output_format=pcm_16000&enable_logging=false", body.clone()).await.expect("an answer");
    let mut socket = Socket::open(&emulator, "stream-input?model_id=m&seed=3").await;
    let init = json!({"text": " ", "voice_settings": {"speed": 1.1}});
    socket.send(init.clone()).await;
    drop(socket);
    until(|| emulator.log().iter().any(|received| matches!(received.event, Event::Gone { .. }))).await;
    let log = emulator.log();
    let request = log.iter().find_map(|received| match &received.event {
        Event::Request { method, path, query, headers, body } => Some((method, path, query, headers, body)),
        _ => None,
    });
    let (method, path, query, headers, logged) = request.expect("a request");
    assert_eq!((method.as_str(), path.as_str(), logged), ("POST", "/v1/text-to-speech/voice-a/stream", &body));
    assert_eq!((query["enable_logging"].as_str(), headers["xi-api-key"].as_str()), ("false", "test-key"));
    let upgrade = log.iter().find_map(|received| match &received.event {
        Event::Upgrade { socket, query, .. } => Some((*socket, query["seed"].clone())),
        _ => None,
    });
    let (socket, seed) = upgrade.expect("an upgrade");
    assert_eq!(seed, "3");
    assert!(log.iter().any(|received| received.event == Event::Frame { socket, json: init.clone() }));
    assert!(log.windows(2).all(|pair| pair[0].at_ms <= pair[1].at_ms));

    let same = control(&emulator, "GET", "log", b"").await.json();
    let events = same["received"].as_array().expect("a list");
    assert!(events.iter().any(|event| event["event"] == "frame" && event["json"] == init));
    emulator.reset();
    assert!(!emulator.log().iter().any(|received| matches!(received.event, Event::Frame { .. })));
}

#[tokio::test]
async fn faults_are_set_and_reset_from_outside() {
    let emulator = emulator().await;
    let faults = br#"{"http_5xx": {"nth": 2, "status": 503}, "guesses": {"empty_flush_closes": true}}"#;
    let set = control(&emulator, "PUT", "faults", faults).await;
    assert_eq!((set.status, &set.json()["http_5xx"]["status"]), (200, &json!(503)));
    let status = async || speak(&emulator, "/stream", json!({"text": "a"})).await.expect("an answer").status;
    assert_eq!([status().await, status().await, status().await], [200, 503, 200]);
    assert_eq!(control(&emulator, "PUT", "faults", br#"{"no_such_fault": {}}"#).await.status, 400);
    control(&emulator, "PUT", "faults", br#"{"http_5xx": {}}"#).await;
    assert_eq!(status().await, 500);
    assert_eq!(control(&emulator, "POST", "reset", b"").await.status, 200);
    assert_eq!(status().await, 200);
    assert_eq!(control(&emulator, "GET", "faults", b"").await.json().get("http_5xx"), None);
}

#[tokio::test]
async fn sound_is_decoded_for_others() {
    let emulator = emulator().await;
    let bytes: Vec<u8> = encode("Hörst du?", 24_000, 20).iter().flat_map(|sample| sample.to_le_bytes()).collect();
    let answer = control(&emulator, "POST", "decode?sample_rate=24000", &bytes).await.json();
    assert_eq!(answer, json!({"text": "Hörst du?", "samples": bytes.len() / 2}));
    let ulaw: Vec<u8> =
        encode("ja", 8000, 20).iter().map(|&sample| audio_codec_algorithms::encode_ulaw(sample)).collect();
    let answer = control(&emulator, "POST", "decode?sample_rate=8000&format=ulaw", &ulaw).await.json();
    assert_eq!(answer["text"], "ja");
    assert_eq!(control(&emulator, "POST", "decode?sample_rate=1", &bytes).await.status, 400);
    assert_eq!(control(&emulator, "POST", "decode?format=mp3", &bytes).await.status, 400);
}

#[tokio::test]
async fn state_and_clock_from_outside() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, "stream-input").await;
    socket.send(json!({"text": " "})).await;
    until(|| emulator.open_contexts() == 1).await;
    let state = control(&emulator, "GET", "state", b"").await.json();
    assert_eq!(state, json!({"open_sockets": 1, "open_contexts": 1, "generating": 0}));
    assert_eq!(control(&emulator, "POST", "advance?ms=20000", b"").await.status, 200);
    assert_eq!(socket.frame().await["error"], "input_timeout_exceeded");
    assert_eq!(control(&emulator, "GET", "nothing", b"").await.json(), json!({"detail": "Not Found"}));
    let _: Value = state;
}
