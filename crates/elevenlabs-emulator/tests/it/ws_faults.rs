//! Each fault of WebSockets does what it says.

use std::time::{Duration, Instant};

use elevenlabs_emulator::{Emulator, Fault, Faults, Trigger};
use futures_util::SinkExt;
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::{Error, Message};

use crate::support::{Got, Socket, VOICE, aligned, audio, emulator, heard, until};

const SINGLE: &str = "stream-input?output_format=pcm_16000";
const MULTI: &str = "multi-stream-input?output_format=pcm_16000";
const TEXT: &str = "A text of more than one frame, so that there is a middle.";

/// Speaks the text on one of the endpoints, up to its end.
async fn utterance(emulator: &Emulator, path: &str) -> Socket {
    let mut socket = Socket::open(emulator, path).await;
    if path.starts_with("multi") {
        socket.send(json!({"text": TEXT, "context_id": "a", "flush": true})).await;
        socket.send(json!({"context_id": "a", "close_context": true})).await;
    } else {
        socket.send(json!({"text": TEXT})).await;
        socket.send(json!({"text": ""})).await;
    }
    socket
}

async fn with(fault: Fault, trigger: Trigger, path: &str) -> (Emulator, Socket) {
    let emulator = emulator().await;
    emulator.set_faults(Faults::only(fault, trigger));
    let socket = utterance(&emulator, path).await;
    (emulator, socket)
}

#[tokio::test]
async fn sockets_that_break_in_the_middle() {
    for path in [SINGLE, MULTI] {
        for (fault, expected) in [
            (Fault::WsReset, Got::Gone),
            (Fault::WsAbnormalClose, Got::Gone),
            (Fault::WsInternalError, Got::Close(1011, "Internal server error".into())),
            (Fault::WsEarlyClose, Got::Close(1000, String::new())),
        ] {
            let trigger = Trigger::once().after_audio(Duration::from_millis(480));
            let (emulator, mut socket) = with(fault, trigger, path).await;
            let (frames, end) = socket.until_end().await;
            assert_eq!((heard(&frames).as_str(), &end), (&TEXT[..24], &expected), "{fault:?} {path}");
            until(|| emulator.open_sockets() == 0 && emulator.open_contexts() == 0).await;
            assert_eq!(emulator.generating(), 0);
        }
    }
}

#[tokio::test]
async fn a_reset_is_a_reset_and_an_abnormal_end_is_none() {
    use tokio::io::AsyncReadExt;
    for (fault, is_reset) in [(Fault::WsReset, true), (Fault::WsAbnormalClose, false)] {
        let (_emulator, socket) = with(fault, Trigger::once(), SINGLE).await;
        let mut tcp = socket.0.into_inner();
        let mut rest = Vec::new();
        let result = tcp.read_to_end(&mut rest).await;
        let kind = result.err().map(|error| error.kind());
        assert_eq!(kind, is_reset.then_some(std::io::ErrorKind::ConnectionReset), "{fault:?}");
    }
}

#[tokio::test]
async fn errors_in_frames() {
    for path in [SINGLE, MULTI] {
        for (fault, error) in [
            (Fault::WsSomethingWrong, Value::Null),
            (Fault::WsQuotaExceeded, json!("quota_exceeded")),
            (Fault::WsUnusualActivity, json!("detected_unusual_activity")),
            (Fault::WsInputTimeout, json!("input_timeout_exceeded")),
            (Fault::WsTooManyAtOnce, json!("concurrent_limit_exceeded")),
        ] {
            let (emulator, mut socket) = with(fault, Trigger::once().after_audio(Duration::ZERO), path).await;
            let frame = socket.frame().await;
            assert_eq!((&frame["error"], &frame["code"]), (&error, &json!(1008)), "{fault:?} {path}");
            assert!(socket.is_quiet().await);
            emulator.clock().advance(Duration::from_millis(800));
            let Got::Close(1008, reason) = socket.next().await else { panic!("{fault:?} does not close") };
            assert!(frame["message"].as_str().expect("a message").starts_with(&reason));
        }
    }
}

#[tokio::test]
async fn sockets_that_go_dead() {
    let (emulator, mut socket) = with(Fault::WsHalfOpen, Trigger::once(), SINGLE).await;
    assert!(heard(&[socket.frame().await]).len() < TEXT.len());
    socket.0.send(Message::Ping(vec![].into())).await.expect("it seems open");
    assert!(socket.is_quiet().await, "not even a pong");
    assert_eq!(emulator.open_sockets(), 1);
    drop(socket);
    until(|| emulator.open_sockets() == 0).await;
}

#[tokio::test]
async fn a_stalled_context_leaves_the_others_alone() {
    let (_emulator, mut socket) = with(Fault::WsStall, Trigger::once(), MULTI).await;
    assert_eq!(socket.frame().await["contextId"], "a");
    assert!(socket.is_quiet().await);
    socket.send(json!({"text": "b lives", "context_id": "b", "flush": true})).await;
    assert_eq!(aligned(&[socket.frame().await]), "b lives");
}

#[tokio::test]
async fn utterances_without_sound_or_end() {
    for path in [SINGLE, MULTI] {
        let (_emulator, mut socket) = with(Fault::WsSilent, Trigger::once(), path).await;
        assert_eq!(socket.until_final().await.len(), 1, "isFinal and nothing else");
        let (_emulator, mut socket) = with(Fault::WsLost, Trigger::once(), path).await;
        assert!(socket.is_quiet().await);
        let (emulator, mut socket) = with(Fault::WsNoFinal, Trigger::once(), path).await;
        let mut frames = Vec::new();
        while aligned(&frames) != TEXT {
            frames.push(socket.frame().await);
        }
        frames.push(socket.frame().await);
        assert!(frames.iter().all(|frame| frame["isFinal"].is_null()));
        assert_eq!(heard(&frames), TEXT);
        assert!(socket.is_quiet().await);
        assert_eq!(emulator.open_contexts(), 1, "its place is never given back");
    }
}

#[tokio::test]
async fn closing_before_the_first_sound_races_with_it() {
    for (fault, is_final) in [(Fault::WsCloseRace, true), (Fault::WsCloseRaceLost, false)] {
        let emulator = emulator().await;
        emulator.set_faults(Faults::only(fault, Trigger::always()));
        let mut careful = Socket::open(&emulator, MULTI).await;
        careful.send(json!({"text": TEXT, "context_id": "a", "flush": true})).await;
        let first = careful.frame().await;
        careful.send(json!({"context_id": "a", "close_context": true})).await;
        let mut frames = careful.until_final().await;
        frames.insert(0, first);
        assert_eq!(heard(&frames), TEXT, "who waits for the first sound loses nothing");
        // Both in one write, so that the close arrives before any sound has left.
        let slow = elevenlabs_emulator::Config { first_byte: Duration::from_millis(500), ..Default::default() };
        let emulator = crate::support::emulator_with(slow).await;
        emulator.set_faults(Faults::only(fault, Trigger::always()));
        let mut hasty = utterance(&emulator, MULTI).await;
        if is_final {
            assert_eq!(hasty.until_final().await.len(), 1);
        } else {
            hasty.send(json!({"text": "b lives", "context_id": "b", "flush": true})).await;
            assert_eq!(hasty.frame().await["contextId"], "b", "nothing comes of the one before it");
        }
    }
}

#[tokio::test]
async fn odd_frames() {
    let (_emulator, mut socket) = with(Fault::WsLateAudio, Trigger::once(), MULTI).await;
    assert_eq!(heard(&socket.until_final().await), TEXT);
    assert_eq!(aligned(&[socket.frame().await]), "×××");

    let (_emulator, mut socket) = with(Fault::WsMalformedJson, Trigger::once(), SINGLE).await;
    let (frames, end) = socket.until_end().await;
    assert!(matches!(end, Got::Text(_)) && !frames.is_empty());

    let (_emulator, mut socket) = with(Fault::WsBadBase64, Trigger::once(), SINGLE).await;
    let frames = socket.until_final().await;
    assert_eq!(frames.iter().filter(|frame| frame["audio"] == "~not base64~").count(), 1);
    assert_eq!(aligned(&frames), TEXT);

    let (_emulator, mut socket) = with(Fault::WsLargeFrame, Trigger::once(), SINGLE).await;
    let mut largest = 0;
    let mut frames = Vec::new();
    while frames.last().is_none_or(|frame: &Value| frame["isFinal"] != true) {
        let message = crate::support::soon(futures_util::StreamExt::next(&mut socket.0)).await;
        let text = message.expect("a message").expect("a message").into_text().expect("text");
        largest = largest.max(text.len());
        frames.push(serde_json::from_str(text.as_str()).expect("JSON"));
    }
    assert!(largest > 1 << 20);
    assert_eq!(heard(&frames), TEXT);
    assert_eq!(audio(&frames).len() / 2, TEXT.len() * 320 + 9 * 16);
}

async fn upgrade(emulator: &Emulator) -> Result<Socket, Error> {
    Socket::try_open(emulator, VOICE, SINGLE, Some("test-key")).await
}

#[tokio::test]
async fn upgrades_that_fail() {
    let emulator = emulator().await;
    emulator.set_faults(Faults::only(Fault::WsHandshakeReset, Trigger::once()));
    assert!(upgrade(&emulator).await.is_err());
    emulator.set_faults(Faults::only(Fault::WsUpgradeRefused, Trigger::once().status(429).retry_after("3")));
    let Err(Error::Http(response)) = upgrade(&emulator).await else { panic!("an answer") };
    assert_eq!((response.status().as_u16(), response.headers()["retry-after"].to_str().ok()), (429, Some("3")));
    emulator.set_faults(Faults::only(Fault::WsHandshakeHang, Trigger::once()));
    assert!(tokio::time::timeout(Duration::from_millis(200), upgrade(&emulator)).await.is_err());
    let start = Instant::now();
    emulator.set_faults(Faults::only(Fault::WsHandshakeDelay, Trigger::once().delay(Duration::from_millis(200))));
    assert!(upgrade(&emulator).await.is_ok() && start.elapsed() >= Duration::from_millis(200));
    emulator.set_faults(Faults::only(Fault::WsInvalidKey, Trigger::once()));
    assert_eq!(upgrade(&emulator).await.expect("101").frame().await["error"], "invalid_api_key");
    emulator.set_faults(Faults::only(Fault::WsVoiceMissing, Trigger::once()));
    let mut socket = upgrade(&emulator).await.expect("101");
    assert!(socket.is_quiet().await, "told after the first text");
    socket.send(json!({"text": " "})).await;
    assert_eq!(socket.frame().await["error"], "voice_id_does_not_exist");
}

#[tokio::test]
async fn sockets_that_end_while_idle() {
    let emulator = emulator().await;
    let delay = || Trigger::once().delay(Duration::from_secs(5));
    for (fault, expected) in [(Fault::WsIdleClose, Got::Close(1000, String::new())), (Fault::WsIdleReset, Got::Gone)] {
        emulator.set_faults(Faults::only(fault, delay()));
        let mut socket = upgrade(&emulator).await.expect("101");
        emulator.clock().advance(Duration::from_secs(4));
        assert!(socket.is_quiet().await);
        emulator.clock().advance(Duration::from_secs(1));
        assert_eq!(socket.next().await, expected);
    }
    emulator.set_faults(Faults::only(Fault::WsIdleHalfOpen, delay()));
    let mut socket = upgrade(&emulator).await.expect("101");
    emulator.clock().advance(Duration::from_secs(5));
    // The advance wakes the session, which then no longer answers.
    assert!(socket.is_quiet().await);
    socket.send(json!({"text": "a", "flush": true})).await;
    assert!(socket.is_quiet().await);
}

#[tokio::test]
async fn faults_by_chance_hit_some() {
    let emulator = emulator().await;
    emulator.set_faults(Faults { rate: 0.3, seed: 5, ..Faults::default() });
    let (mut good, mut bad) = (0, 0);
    for _ in 0..60 {
        let answer = crate::support::speak(&emulator, "/stream?output_format=pcm_16000", json!({"text": TEXT}));
        match tokio::time::timeout(Duration::from_millis(300), answer).await {
            Ok(Some(answer)) if answer.complete && answer.status == 200 && answer.text(16_000) == TEXT => good += 1,
            _ => bad += 1,
        }
    }
    assert!(good >= 30 && bad >= 5, "{good} good, {bad} bad");
}
