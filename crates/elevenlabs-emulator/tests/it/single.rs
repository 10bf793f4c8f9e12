//! `/stream-input`.

use std::time::Duration;

use elevenlabs_emulator::{Config, Faults, Guesses};
use serde_json::json;
use tokio_tungstenite::tungstenite::Error;

use crate::support::{Got, Socket, VOICE, aligned, emulator, emulator_with, emulator_with_faults, heard, text, until};

const PATH: &str = "stream-input?output_format=pcm_16000";

#[tokio::test]
async fn text_is_spoken_and_the_socket_closed_late() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(json!({"text": " ", "generation_config": {"chunk_length_schedule": [50]}})).await;
    socket.send(text("Hello ")).await;
    socket.send(text("world, Grüße. ")).await;
    assert!(socket.is_quiet().await, "20 characters are below the schedule");
    socket.send(text("")).await;
    let frames = socket.until_final().await;
    assert_eq!(heard(&frames), "Hello world, Grüße. ");
    assert_eq!(aligned(&frames), "Hello world, Grüße. ");
    assert!(socket.is_quiet().await, "the close comes later");
    emulator.clock().advance(Duration::from_millis(749));
    assert!(socket.is_quiet().await);
    emulator.clock().advance(Duration::from_millis(1));
    assert_eq!(socket.next().await, Got::Close(1000, String::new()));
    until(|| emulator.open_sockets() == 0 && emulator.open_contexts() == 0).await;
}

#[tokio::test]
async fn the_schedule_decides_when_generation_starts() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(json!({"text": " ", "generation_config": {"chunk_length_schedule": [50, 60]}})).await;
    let fifty = "x".repeat(49) + " ";
    socket.send(text(&fifty[1..])).await;
    assert!(socket.is_quiet().await);
    socket.send(text("x")).await;
    let mut frames = vec![];
    while aligned(&frames).chars().count() < 50 {
        frames.push(socket.frame().await);
    }
    socket.send(text(&fifty)).await;
    assert!(socket.is_quiet().await, "the second stage is longer");
    socket.send(text(&fifty[40..])).await;
    assert_eq!(socket.frame().await["isFinal"], json!(null));
}

#[tokio::test]
async fn a_trigger_needs_a_minimum_and_a_flush_does_not() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(text(" ")).await;
    socket.send(json!({"text": "short ", "try_trigger_generation": true})).await;
    assert!(socket.is_quiet().await);
    socket.send(json!({"text": "y".repeat(44), "try_trigger_generation": true})).await;
    socket.frame().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(json!({"text": "a", "flush": true})).await;
    assert_eq!(aligned(&[socket.frame().await]), "a");
    assert!(socket.is_quiet().await, "a flush has no end mark");
}

#[tokio::test]
async fn auto_mode_takes_every_message_as_a_phrase() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, &format!("{PATH}&auto_mode=true")).await;
    socket.send(text(" ")).await;
    for piece in ["Hel", "lo", " world", ".", " "] {
        socket.send(text(piece)).await;
    }
    socket.send(text("")).await;
    let frames = socket.until_final().await;
    let phrases: Vec<String> = frames.iter().map(|frame| aligned(std::slice::from_ref(frame))).collect();
    assert_eq!(phrases[..4], ["Hel ", "lo ", "world ", ". "]);
    assert_eq!(heard(&frames), "Hel lo world . ");
}

#[tokio::test]
async fn a_keep_alive_is_real_text() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(text(" ")).await;
    for piece in ["Hi", " ", " there.", ""] {
        socket.send(text(piece)).await;
    }
    assert_eq!(heard(&socket.until_final().await), "Hi  there.");
}

#[tokio::test]
async fn the_key_may_come_in_the_first_message() {
    let emulator = emulator().await;
    for name in ["xi-api-key", "xi_api_key"] {
        let mut socket = Socket::try_open(&emulator, VOICE, PATH, None).await.expect("an upgrade");
        socket.send(json!({"text": " ", name: "test-key"})).await;
        socket.send(text("ok")).await;
        socket.send(text("")).await;
        assert_eq!(heard(&socket.until_final().await), "ok");
    }
    let mut socket = Socket::try_open(&emulator, VOICE, PATH, None).await.expect("an upgrade");
    socket.send(text(" ")).await;
    assert_eq!(socket.frame().await["error"], "invalid_api_key");
}

#[tokio::test]
async fn errors_close_with_1008_after_a_while() {
    let emulator = emulator().await;
    let mut socket = Socket::try_open(&emulator, VOICE, PATH, Some("wrong")).await.expect("an upgrade");
    assert_eq!(socket.frame().await["error"], "invalid_api_key");
    emulator.clock().advance(Duration::from_millis(799));
    assert!(socket.is_quiet().await);
    emulator.clock().advance(Duration::from_millis(1));
    assert_eq!(socket.next().await, Got::Close(1008, "Invalid API key".into()));
}

#[tokio::test]
async fn voice_settings_may_not_change() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(json!({"text": " ", "voice_settings": {"stability": 0.5}})).await;
    socket.send(json!({"text": "same ", "voice_settings": {"stability": 0.5}, "flush": true})).await;
    assert_eq!(aligned(&[socket.frame().await]), "same ");
    socket.send(json!({"text": "other ", "voice_settings": {"stability": 0.6}})).await;
    let error = socket.frame().await;
    assert!(error["message"].as_str().expect("a message").starts_with("voice_settings field must"));
    assert_eq!(error["code"], 1008);
}

#[tokio::test]
async fn inactivity_counts_from_the_connect_and_text_resets_it() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, &format!("{PATH}&inactivity_timeout=30")).await;
    emulator.clock().advance(Duration::from_secs(29));
    assert!(socket.is_quiet().await);
    socket.send(text(" ")).await;
    until(|| emulator.open_contexts() == 1).await;
    emulator.clock().advance(Duration::from_secs(29));
    assert!(socket.is_quiet().await);
    emulator.clock().advance(Duration::from_secs(1));
    let error = socket.frame().await;
    assert!(error["message"].as_str().expect("a message").contains("timeout of 30.0 seconds"));
}

#[tokio::test]
async fn pings_count_as_input_only_if_they_are_guessed_to() {
    use futures_util::SinkExt;
    use tokio_tungstenite::tungstenite::Message;
    for pings_are_input in [false, true] {
        let guesses = Guesses { pings_are_input, ..Guesses::default() };
        let emulator = emulator_with_faults(Faults { guesses, ..Faults::default() }).await;
        let mut socket = Socket::open(&emulator, PATH).await;
        emulator.clock().advance(Duration::from_secs(19));
        socket.0.send(Message::Ping(vec![1].into())).await.expect("it is open");
        let pinged = |received: &elevenlabs_emulator::Received| {
            matches!(received.event, elevenlabs_emulator::Event::Ping { .. })
        };
        until(|| emulator.log().iter().any(pinged)).await;
        emulator.clock().advance(Duration::from_secs(1));
        if pings_are_input {
            // The pong, and then nothing.
            assert!(matches!(futures_util::StreamExt::next(&mut socket.0).await, Some(Ok(Message::Pong(_)))));
            assert!(socket.is_quiet().await);
        } else {
            assert_eq!(socket.frame().await["error"], "input_timeout_exceeded");
        }
    }
}

#[tokio::test]
async fn long_timeouts_and_odd_queries() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, &format!("{PATH}&inactivity_timeout=1000")).await;
    emulator.clock().advance(Duration::from_secs(180));
    assert_eq!(socket.frame().await["error"], "input_timeout_exceeded");
    for path in ["stream-input?output_format=wav_16000", "stream-input?inactivity_timeout=x"] {
        assert!(matches!(status(&emulator, path).await, 400));
    }
    let guesses = Guesses { long_inactivity_timeout_is_refused: true, ..Guesses::default() };
    emulator.set_faults(Faults { guesses, ..Faults::default() });
    assert_eq!(status(&emulator, &format!("{PATH}&inactivity_timeout=181")).await, 400);
}

#[tokio::test]
async fn some_models_have_no_websocket() {
    let emulator = emulator().await;
    for model in ["eleven_v3", "eleven_v4_turbo"] {
        assert_eq!(status(&emulator, &format!("stream-input?model_id={model}")).await, 400);
        assert_eq!(status(&emulator, &format!("multi-stream-input?model_id={model}")).await, 400);
    }
}

async fn status(emulator: &elevenlabs_emulator::Emulator, path: &str) -> u16 {
    match Socket::try_open(emulator, VOICE, path, Some("test-key")).await {
        Err(Error::Http(response)) => response.status().as_u16(),
        Err(other) => panic!("{other}"),
        Ok(_) => 101,
    }
}

#[tokio::test]
async fn wrappers_and_nonsense_fail_loudly() {
    let emulator = emulator().await;
    for message in [json!({"sendText": {"text": "a"}}), json!({"initializeConnection": {"text": " "}}), json!([1])] {
        let mut socket = Socket::open(&emulator, PATH).await;
        socket.send(message).await;
        assert_eq!(socket.frame().await["error"], "invalid_message");
    }
    let guesses = Guesses { wrapper_frames_fail: false, ..Guesses::default() };
    emulator.set_faults(Faults { guesses, ..Faults::default() });
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(json!({"sendText": {"text": "a"}})).await;
    assert!(socket.is_quiet().await);
}

#[tokio::test]
async fn an_empty_flush_keeps_the_socket_unless_guessed_otherwise() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(text("one ")).await;
    socket.send(json!({"text": "", "flush": true})).await;
    assert_eq!(aligned(&[socket.frame().await]), "one ");
    socket.send(text("two")).await;
    socket.send(text("")).await;
    assert_eq!(aligned(&socket.until_final().await), "two");
    let guesses = Guesses { empty_flush_closes: true, ..Guesses::default() };
    emulator.set_faults(Faults { guesses, ..Faults::default() });
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(text("one ")).await;
    socket.send(json!({"text": "", "flush": true})).await;
    assert_eq!(aligned(&socket.until_final().await), "one ");
}

#[tokio::test]
async fn only_sockets_that_generate_count() {
    let config = Config { max_concurrent: 1, pace: 0.2, ..Config::default() };
    let emulator = emulator_with(config).await;
    let mut idle = Socket::open(&emulator, PATH).await;
    let mut busy = Socket::open(&emulator, PATH).await;
    assert_eq!((emulator.open_sockets(), emulator.generating()), (2, 0));
    busy.send(json!({"text": "z".repeat(100), "flush": true})).await;
    busy.frame().await;
    assert_eq!(emulator.generating(), 1);
    idle.send(json!({"text": "no place", "flush": true})).await;
    assert_eq!(idle.frame().await["error"], "concurrent_limit_exceeded");
    assert_eq!(status_when_guessed(&emulator).await, 429);
    drop(busy);
    until(|| emulator.generating() == 0).await;
}

async fn status_when_guessed(emulator: &elevenlabs_emulator::Emulator) -> u16 {
    let guesses = Guesses { concurrency_is_checked_at_upgrade: true, ..Guesses::default() };
    emulator.set_faults(Faults { guesses, ..Faults::default() });
    status(emulator, PATH).await
}

#[tokio::test]
async fn a_session_may_have_an_end() {
    let guesses = Guesses { longest_session_seconds: Some(60.0), ..Guesses::default() };
    let emulator = emulator_with_faults(Faults { guesses, ..Faults::default() }).await;
    let mut socket = Socket::open(&emulator, &format!("{PATH}&inactivity_timeout=180")).await;
    emulator.clock().advance(Duration::from_secs(60));
    assert_eq!(socket.next().await, Got::Close(1000, String::new()));
}
