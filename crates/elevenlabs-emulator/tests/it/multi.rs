//! `/multi-stream-input`.

use std::time::Duration;

use elevenlabs_emulator::{Config, Faults, Guesses};
use serde_json::{Value, json};

use crate::support::{Got, Socket, aligned, emulator, emulator_with, emulator_with_faults, heard, until};

const PATH: &str = "multi-stream-input?output_format=pcm_16000";

fn say(context: &str, text: &str) -> Value {
    json!({"text": text, "context_id": context, "flush": true})
}

fn close(context: &str) -> Value {
    json!({"context_id": context, "close_context": true})
}

/// Frames up to the end of so many contexts, by context.
async fn until_finals(socket: &mut Socket, contexts: &[&str]) -> Vec<Vec<Value>> {
    let mut frames: Vec<Vec<Value>> = vec![Vec::new(); contexts.len()];
    let mut ended = 0;
    while ended < contexts.len() {
        let frame = socket.frame().await;
        let context = frame["contextId"].as_str().expect("a context").to_owned();
        ended += usize::from(frame["isFinal"] == true);
        frames[contexts.iter().position(|known| *known == context).expect("a known context")].push(frame);
    }
    frames
}

#[tokio::test]
async fn contexts_speak_side_by_side_and_end_only_when_closed() {
    let emulator = emulator_with(Config { pace: 20.0, ..Config::default() }).await;
    let mut socket = Socket::open(&emulator, PATH).await;
    let texts = ["The first one says this. ", "The second one says that. "];
    for (context, text) in ["a", "b"].iter().zip(texts) {
        socket.send(json!({"text": " ", "context_id": context, "voice_settings": {"speed": 1.0}})).await;
        socket.send(say(context, text)).await;
    }
    let first = socket.frame().await;
    assert_eq!(emulator.open_contexts(), 2);
    socket.send(close("a")).await;
    socket.send(close("b")).await;
    let mut frames = until_finals(&mut socket, &["a", "b"]).await;
    let index = usize::from(first["contextId"] == "b");
    frames[index].insert(0, first);
    for (frames, text) in frames.iter().zip(texts) {
        assert_eq!(heard(frames), text);
        assert_eq!(frames.iter().filter(|frame| frame["isFinal"] == true).count(), 1);
        assert_eq!(frames[frames.len() - 2]["alignment"], Value::Null, "the tail comes before the end");
    }
    until(|| emulator.open_contexts() == 0).await;
    assert!(socket.is_quiet().await, "the socket lives on");
}

#[tokio::test]
async fn a_flush_alone_ends_nothing() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(say("a", "hi")).await;
    assert_eq!(aligned(&[socket.frame().await]), "hi");
    assert!(socket.is_quiet().await);
    socket.send(close("a")).await;
    assert_eq!(socket.until_final().await.len(), 2);
}

#[tokio::test]
async fn closing_discards_what_was_not_flushed() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(json!({"text": "never heard", "context_id": "a"})).await;
    socket.send(close("a")).await;
    assert_eq!(socket.until_final().await.len(), 1, "one message, isFinal, no sound");
    let mut socket = Socket::open(&emulator, &format!("{PATH}&auto_mode=true")).await;
    socket.send(json!({"text": "heard", "context_id": "a"})).await;
    socket.send(close("a")).await;
    assert_eq!(heard(&socket.until_final().await), "heard ");
}

#[tokio::test]
async fn there_is_no_cancel() {
    let emulator = emulator_with(Config { pace: 10.0, ..Config::default() }).await;
    let mut socket = Socket::open(&emulator, PATH).await;
    let text = "all of this was generated and comes whatever is closed ";
    socket.send(say("a", text)).await;
    let first = socket.frame().await;
    socket.send(close("a")).await;
    let mut frames = socket.until_final().await;
    frames.insert(0, first);
    assert_eq!(heard(&frames), text);
}

#[tokio::test]
async fn the_sixth_context_is_one_too_many_and_an_ended_one_makes_room() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    for context in ["a", "b", "c", "d", "e"] {
        socket.send(json!({"text": " ", "context_id": context})).await;
    }
    socket.send(close("a")).await;
    assert_eq!(socket.frame().await["isFinal"], true);
    socket.send(json!({"text": " ", "context_id": "f"})).await;
    assert!(socket.is_quiet().await);
    socket.send(json!({"text": " ", "context_id": "g"})).await;
    let recorded: Value = serde_json::from_str(include_str!("../fixtures/ws_too_many_contexts.json")).expect("JSON");
    assert_eq!(socket.frame().await, recorded);
    emulator.clock().advance(Duration::from_secs(1));
    assert!(matches!(socket.next().await, Got::Close(1008, reason) if reason.len() <= 123));
}

#[tokio::test]
async fn a_flush_of_an_unknown_context_takes_a_place() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    let flush = json!({"context_id": "ghost", "flush": true});
    socket.send(flush.clone()).await;
    until(|| emulator.open_contexts() == 1).await;
    let guesses = Guesses { flush_opens_context: false, ..Guesses::default() };
    emulator.set_faults(Faults { guesses, ..Faults::default() });
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(flush).await;
    socket.send(say("real", "a")).await;
    socket.frame().await;
    assert_eq!(emulator.open_contexts(), 2);
}

#[tokio::test]
async fn keep_alives_keep_and_one_before_the_settings_spoils_them() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(json!({"text": " ", "context_id": "a"})).await;
    until(|| emulator.open_contexts() == 1).await;
    emulator.clock().advance(Duration::from_secs(15));
    let heard_all = emulator.log().len() + 2;
    socket.send(json!({"text": "", "context_id": "a"})).await;
    socket.send(json!({"text": ""})).await;
    until(|| emulator.log().len() >= heard_all).await;
    emulator.clock().advance(Duration::from_secs(15));
    assert!(socket.is_quiet().await);
    assert_eq!(emulator.open_contexts(), 1, "a keep-alive without a context opens none");
    socket.send(json!({"text": " ", "context_id": "a", "voice_settings": {"stability": 1}})).await;
    assert_eq!(socket.frame().await["code"], 1008);
}

#[tokio::test]
async fn identical_settings_may_be_sent_again() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    for _ in 0..3 {
        socket.send(json!({"text": "a", "context_id": "a", "voice_settings": {"stability": 1}, "flush": true})).await;
        assert_eq!(aligned(&[socket.frame().await]), "a");
    }
}

#[tokio::test]
async fn a_context_without_input_is_closed_and_then_the_socket() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(json!({"text": " ", "context_id": "old"})).await;
    until(|| emulator.open_contexts() == 1).await;
    emulator.clock().advance(Duration::from_secs(10));
    socket.send(json!({"text": " ", "context_id": "new"})).await;
    until(|| emulator.open_contexts() == 2).await;
    emulator.clock().advance(Duration::from_secs(10));
    let last = socket.frame().await;
    assert_eq!((&last["contextId"], &last["isFinal"]), (&json!("old"), &json!(true)));
    emulator.clock().advance(Duration::from_secs(10));
    assert_eq!(socket.frame().await["error"], "input_timeout_exceeded");
}

#[tokio::test]
async fn closing_the_socket_lets_the_contexts_finish() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    socket.send(say("a", "to the end")).await;
    socket.send(json!({"close_socket": true})).await;
    let (frames, end) = socket.until_end().await;
    assert_eq!((heard(&frames).as_str(), end), ("to the end", Got::Close(1000, String::new())));
}

#[tokio::test]
async fn a_thousand_turns_leave_no_context() {
    let emulator = emulator().await;
    let mut socket = Socket::open(&emulator, PATH).await;
    for turn in 0..1000 {
        let context = format!("turn-{turn}");
        socket.send(say(&context, "x")).await;
        socket.send(close(&context)).await;
        socket.until_final().await;
    }
    until(|| emulator.open_contexts() == 0).await;
}

#[tokio::test]
async fn keys_have_two_spellings() {
    use elevenlabs_emulator::Trigger;
    let faults = Faults {
        ws_snake_context_id: Some(Trigger::every(2)),
        ws_snake_is_final: Some(Trigger::every(2)),
        ws_chars_spelling: Some(Trigger::every(2)),
        ws_no_alignment: Some(Trigger::nth(3)),
        ..Faults::default()
    };
    let emulator = emulator_with_faults(faults).await;
    let mut socket = Socket::open(&emulator, PATH).await;
    for (turn, context) in ["a", "b", "c"].into_iter().enumerate() {
        socket.send(say(context, "hi")).await;
        let frame = socket.frame().await;
        let snake = turn == 1;
        assert_eq!(frame.get("context_id").is_some(), snake);
        assert_eq!(frame.get("contextId").is_some(), !snake);
        assert_eq!(frame.get("is_final").is_some(), snake);
        assert_eq!(frame["alignment"].get("charsDurationsMs").is_some(), snake);
        assert_eq!(frame["alignment"].is_null(), turn == 2);
    }
}
