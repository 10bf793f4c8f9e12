//! Barge-in: what is cancelled, by the client or by the caller's voice.

use super::*;

/// Sockets that cancel at random, and how often each does.
const CANCELLING: u64 = 8;
const CANCELS: u64 = 100;

#[tokio::test]
async fn one_utterance_of_several_is_cancelled() {
    let stage = Stage::eager().await;
    let mut socket = Socket::open(stage.address()).await;
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(20);
    for id in ["a", "b"] {
        socket.send(json!({"id": id, "text": text})).await;
        assert_eq!(socket.event().await.1["type"], "start");
        assert_eq!(socket.event().await.1["type"], "end");
    }
    socket.send(json!({"type": "cancel", "id": "a"})).await;
    assert_eq!(socket.event().await.1["id"], "a");
    // `b` moves up: it would have been heard 18 s later.
    tokio::time::sleep(Duration::from_millis(100)).await;
    socket.send(json!({"type": "cancel", "id": "b"})).await;
    let (_, cancelled) = socket.event().await;
    let of = |name: &str| cancelled[name].as_u64().unwrap();
    assert!(of("heard_ms") > 0 && of("heard_ms") < of("audio_ms"), "{cancelled}");
}

#[tokio::test]
async fn random_cancels_leave_nothing_behind() {
    let stage = Stage::new(|settings| settings.speech.max_sockets = CANCELLING as usize).await;
    let talk = async |seed: u64, cancels: u64| {
        let mut socket = Socket::open(stage.address()).await;
        for n in 0..cancels {
            // Knuth's multiplicative generator: any numbers will do, the same ones every time.
            let random = (seed * 1_000 + n).wrapping_mul(6_364_136_223_846_793_005) >> 33;
            let id = format!("{n}");
            match random % 3 {
                0 => socket.send(json!({"id": id, "text": "One two three. Four five six. Seven eight nine."})).await,
                1 => {
                    socket.send(json!({"type": "text", "id": id, "text": "One two three. Four five"})).await;
                    socket.send(json!({"type": "flush"})).await;
                }
                _ => {
                    socket.send(json!({"id": "before", "text": "Zero."})).await;
                    socket.send(json!({"id": id, "text": "One two three."})).await;
                }
            }
            for _ in 0..random / 3 % 3 {
                socket.next().await;
            }
            socket.send(json!({"type": "cancel"})).await;
            socket.send(json!({"type": "flush", "id": "nobody"})).await;
            while socket.event().await.1["code"] != "no_text" {}
            if random % 3 == 1 {
                // Its further pieces are for nobody, until its end.
                socket.send(json!({"type": "end", "id": id})).await;
            }
        }
        socket.0.close(None).await.unwrap();
        while socket.0.next().await.is_some() {}
    };
    let tasks = || tokio::runtime::Handle::current().metrics().num_alive_tasks();
    join_all((0..CANCELLING).map(|seed| talk(seed, CANCELS / 5))).await;
    stage.quiet().await;
    let before = tasks();
    // There are no more places than that: each has been given back.
    join_all((0..CANCELLING).map(|seed| talk(seed + CANCELLING, CANCELS))).await;
    stage.quiet().await;
    let gone = async {
        while tasks() > before {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, gone).await.expect("a task is left");
    let health: Value = stage.service.get("/health").await.json().await.unwrap();
    assert_eq!(health["parts"]["speech"]["active"], 0, "{health}");
    assert!(stage.service.metric("barge_in_reaction_ms_count{reason=\"cancel\"}").await > 100.0);
}

/// The caller's sound at 16 kHz: a rectangle whose RMS is its level.
fn sound(level: i16, ms: usize) -> Message {
    let samples = (0..ms * 16).flat_map(|n| (if n / 40 % 2 == 0 { level } else { -level }).to_le_bytes());
    Message::Binary(samples.collect::<Vec<u8>>().into())
}

#[tokio::test]
async fn silence_noise_and_short_words_do_not_interrupt() {
    let stage = Stage::new(|_| {}).await;
    let mut socket = Socket::open(stage.address()).await;
    let barge_in = |holdoff_ms: u64| {
        let barge_in =
            json!({"min_level_dbfs": -30, "min_speech_ms": 300, "max_pause_ms": 60, "holdoff_ms": holdoff_ms});
        json!({"type": "config", "barge_in": barge_in})
    };
    socket.send(barge_in(60_000)).await;
    socket.send(json!({"id": "a", "text": "The quick brown fox jumps over the lazy dog. ".repeat(100)})).await;
    let mut heard = Heard::default();
    heard.until(&mut socket, &["mark"]).await;
    // It has not been heard for long enough.
    socket.0.send(sound(8_000, 1_000)).await.unwrap();
    socket.send(json!({"type": "flush", "id": "holdoff"})).await;
    let answer = heard.until(&mut socket, &["cancelled", "problem"]).await;
    assert_eq!((&answer["code"], &answer["id"]), (&json!("no_text"), &json!("holdoff")));
    // −30.5 dB, and words of 280 ms with pauses that are no part of them.
    socket.send(barge_in(0)).await;
    socket.0.send(sound(0, 1_000)).await.unwrap();
    socket.0.send(sound(978, 2_000)).await.unwrap();
    for _ in 0..5 {
        socket.0.send(sound(8_000, 280)).await.unwrap();
        socket.0.send(sound(0, 80)).await.unwrap();
    }
    socket.send(json!({"type": "flush", "id": "noise"})).await;
    let answer = heard.until(&mut socket, &["cancelled", "problem"]).await;
    assert_eq!((&answer["code"], &answer["id"]), (&json!("no_text"), &json!("noise")));
    assert_eq!(stage.service.metric("barge_in_reaction_ms_count").await, 0.0);
    // −29.5 dB, with a pause between two syllables.
    for message in [sound(1_098, 160), sound(0, 60), sound(1_098, 140)] {
        socket.0.send(message).await.unwrap();
    }
    let cancelled = heard.until(&mut socket, &["cancelled", "problem"]).await;
    assert_eq!((&cancelled["id"], &cancelled["reason"]), (&json!("a"), &json!("barge_in")));
    assert_eq!(cancelled["bytes"], heard.sound.len());
    assert_eq!(stage.service.metric("barge_in_reaction_ms_count{reason=\"barge_in\"}").await, 1.0);
    // Nothing of it comes any more.
    socket.send(json!({"type": "flush", "id": "after"})).await;
    let (frames, answer) = socket.next().await;
    assert!(frames.is_empty() && answer["id"] == "after", "{} frames, {answer}", frames.len());
    stage.quiet().await;
}

#[tokio::test]
async fn the_callers_voice_interrupts_once_it_may() {
    let stage = Stage::new(|_| {}).await;
    let mut socket = Socket::open(stage.address()).await;
    for _ in 0..3 {
        socket.0.send(sound(8_000, 20)).await.unwrap();
    }
    assert_eq!(socket.event().await.1["code"], "text_message_expected");
    socket.send(json!({"type": "flush"})).await;
    assert_eq!(socket.event().await.1["code"], "no_text", "it is told once");
    socket.send(json!({"type": "config", "barge_in": {"holdoff_ms": 0}})).await;
    // In silence there is nothing to interrupt; the caller stops before the answer.
    socket.0.send(sound(8_000, 1_000)).await.unwrap();
    socket.0.send(sound(0, 1_000)).await.unwrap();
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(100);
    socket.send(json!({"id": "a", "text": text})).await;
    socket.send(json!({"id": "b", "text": text})).await;
    assert_eq!(socket.event().await.1["type"], "start");
    let mut heard = Heard::default();
    heard.until(&mut socket, &["mark"]).await;
    socket.0.send(sound(100, 1_000)).await.unwrap();
    heard.until(&mut socket, &["mark"]).await;
    // A torn sample in between.
    let Message::Binary(voice) = sound(8_000, 220) else { unreachable!() };
    let (first, second) = voice.split_at(3_001);
    socket.0.send(Message::Binary(first.to_vec().into())).await.unwrap();
    socket.0.send(Message::Binary(second.to_vec().into())).await.unwrap();
    let cancelled = heard.until(&mut socket, &["cancelled"]).await;
    assert_eq!((&cancelled["id"], &cancelled["reason"]), (&json!("a"), &json!("barge_in")));
    assert!(text.starts_with(cancelled["heard"].as_str().unwrap()) && cancelled["heard_chars"].as_u64().unwrap() > 0);
    assert_eq!(socket.event().await.1["id"], "b");
    assert_eq!(stage.service.metric("barge_in_reaction_ms_count{reason=\"barge_in\"}").await, 1.0);
}
