//! What is sent has the recorded shapes.

use elevenlabs_emulator::Emulator;
use serde_json::{Value, json};

use crate::support::{Http, Response, Socket, emulator, speak, text};

/// Keys, types and nulls are the same. Strings and numbers may differ.
fn same_shape(got: &Value, recorded: &Value, at: &str) {
    match (got, recorded) {
        (Value::Object(got), Value::Object(recorded)) => {
            let (mine, theirs): (Vec<_>, Vec<_>) = (got.keys().collect(), recorded.keys().collect());
            assert_eq!(mine, theirs, "the keys at {at}");
            got.iter().for_each(|(key, value)| same_shape(value, &recorded[key], &format!("{at}.{key}")));
        }
        (Value::Array(got), Value::Array(recorded)) => {
            assert!(!got.is_empty(), "{at} is empty");
            got.iter().for_each(|value| same_shape(value, &recorded[0], &format!("{at}[]")));
        }
        (Value::String(_), Value::String(_)) => {}
        (Value::Number(got), Value::Number(recorded)) => assert_eq!(got.is_f64(), recorded.is_f64(), "at {at}"),
        _ => assert_eq!(got, recorded, "at {at}"),
    }
}

macro_rules! fixture {
    ($name:literal) => {
        serde_json::from_str::<Value>(include_str!(concat!("../fixtures/", $name, ".json"))).expect("a fixture")
    };
}

/// The same in all but the id.
fn same_error(mut got: Value, recorded: Value) {
    if let Some(id) = recorded["detail"].get("request_id") {
        assert_eq!(got["detail"]["request_id"].as_str().map(str::len), id.as_str().map(str::len));
        got["detail"]["request_id"] = id.clone();
    }
    assert_eq!(got, recorded);
}

async fn ask(emulator: &Emulator, voice: &str, key: &str, body: Value) -> Response {
    let path = format!("/v1/text-to-speech/{voice}/stream");
    let mut http = Http::connect(emulator.address()).await;
    http.send("POST", &path, &[("xi-api-key", key)], body.to_string().as_bytes()).await.expect("an answer")
}

#[tokio::test]
async fn single_context_frames() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, "stream-input?output_format=pcm_16000").await;
    socket.send(json!({"text": " ", "voice_settings": {"stability": 0.5}})).await;
    socket.send(json!({"text": "Hi there, this takes two frames. ", "flush": true})).await;
    socket.send(text("")).await;
    let frames = socket.until_final().await;
    let [audio @ .., tail, last] = &frames[..] else { panic!("three kinds of frames in {frames:?}") };
    assert!(audio.len() >= 2);
    audio.iter().for_each(|frame| same_shape(frame, &fixture!("ws_audio"), "audio"));
    same_shape(tail, &fixture!("ws_tail"), "tail");
    assert_eq!(last, &fixture!("ws_final"));
    for frame in audio {
        assert_eq!(frame["alignment"]["charStartTimesMs"][0], 0, "times start again in every frame");
        let (plain, normalized) = (&frame["alignment"]["chars"], &frame["normalizedAlignment"]["chars"]);
        assert_eq!(normalized[0], " ");
        assert_eq!(&normalized.as_array().expect("characters")[1..], &plain.as_array().expect("characters")[..]);
    }
}

#[tokio::test]
async fn multi_context_frames() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, "multi-stream-input?output_format=pcm_16000").await;
    socket.send(json!({"text": "Hi. ", "context_id": "a", "flush": true})).await;
    same_shape(&socket.frame().await, &fixture!("ws_multi_audio"), "audio");
    socket.send(json!({"context_id": "a", "close_context": true})).await;
    let frames = socket.until_final().await;
    assert_eq!(frames.last(), Some(&fixture!("ws_multi_final")));
}

#[tokio::test]
async fn errors_of_sockets() {
    let emulator = emulator().await;
    let open = async |voice, key| {
        Socket::try_open(&emulator, voice, "stream-input", Some(key)).await.expect("101, however wrong it is")
    };
    assert_eq!(open("voice-a", "wrong").await.frame().await, fixture!("ws_wrong_key"));
    let mut socket = open("nobody", "test-key").await;
    socket.send(text(" ")).await;
    assert_eq!(socket.frame().await, fixture!("ws_voice_missing"));
    let mut socket = open("voice-a", "test-key").await;
    emulator.clock().advance(std::time::Duration::from_secs(20));
    assert_eq!(socket.frame().await, fixture!("ws_input_timeout"));
}

#[tokio::test]
async fn errors_of_http() {
    let emulator = emulator().await;
    let body = json!({"text": "a"});
    let answer = ask(&emulator, "voice-a", "wrong", body.clone()).await;
    assert_eq!(answer.status, 401);
    same_error(answer.json(), fixture!("http_unauthorized"));
    let answer = ask(&emulator, "voice-a", "sk_123", body.clone()).await;
    assert_eq!(answer.status, 400);
    same_error(answer.json(), fixture!("http_malformed_key"));
    let answer = ask(&emulator, "nobody", "test-key", body).await;
    assert_eq!(answer.status, 404);
    same_error(answer.json(), fixture!("http_voice_not_found"));
    let answer = ask(&emulator, "voice-a", "test-key", json!({})).await;
    assert_eq!(answer.status, 422);
    same_error(answer.json(), fixture!("http_unprocessable"));
}

#[tokio::test]
async fn timestamps() {
    let emulator = emulator().await;
    for path in ["/with-timestamps", "/stream/with-timestamps"] {
        let response = speak(&emulator, &format!("{path}?output_format=pcm_16000"), json!({"text": "Hi"})).await;
        same_shape(&response.expect("an answer").json(), &fixture!("http_timestamps"), path);
    }
}
