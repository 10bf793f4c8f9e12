//! What was heard: told by the client, or else by the clock.

use super::*;

#[tokio::test]
async fn what_was_heard_is_told_by_the_client_or_by_the_clock() {
    let stage = Stage::eager().await;
    let text = "The quick brown fox jumps over the lazy dog.";
    for (played, heard) in [(0, ""), (70, "The"), (150, "The"), (199, "The quick"), (99_999, text)] {
        let mut socket = Socket::open(stage.address()).await;
        socket.send(json!({"id": "a", "text": text})).await;
        assert_eq!(socket.event().await.1["type"], "start");
        let (sound, end) = socket.event().await;
        assert_eq!((&end["type"], &end["audio_ms"]), (&json!("end"), &json!(sound.len() / MS)));
        let audio_ms = end["audio_ms"].as_u64().unwrap();
        // All has been sent, and is still being played.
        socket.send(json!({"type": "cancel", "id": "a", "played_ms": played})).await;
        let (_, cancelled) = socket.event().await;
        assert_eq!(
            cancelled,
            json!({"type": "cancelled", "id": "a", "reason": "cancel", "heard": heard, "heard_chars": heard.len(),
                   "heard_ms": audio_ms.min(played), "audio_ms": audio_ms, "bytes": sound.len()})
        );
        socket.send(json!({"type": "cancel", "id": "a"})).await;
        assert_eq!(socket.event().await.1["code"], "nothing_to_cancel", "it has been thrown away");
    }
    let mut socket = Socket::open(stage.address()).await;
    socket.send(json!({"text": text})).await;
    assert_eq!(socket.event().await.1["type"], "start");
    assert_eq!(socket.event().await.1["type"], "end");
    socket.send(json!({"type": "cancel"})).await;
    let (_, cancelled) = socket.event().await;
    let (heard, ms) = (cancelled["heard"].as_str().unwrap(), cancelled["heard_ms"].as_u64().unwrap() as usize);
    assert!(text.starts_with(heard) && heard.len() * TONE_MS <= ms && ms <= 1_000, "{cancelled}");
}

/// The client is behind the server's clock, which has it in the next utterance already.
#[tokio::test]
async fn what_was_heard_is_of_the_utterance_that_the_client_is_in() {
    let stage = Stage::new(|_| {}).await;
    let mut socket = Socket::open(stage.address()).await;
    socket.send(json!({"type": "config", "mark_ms": 20})).await;
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(3);
    for id in ["a", "b"] {
        socket.send(json!({"id": id, "text": text})).await;
    }
    let mut heard = Heard::default();
    let end = heard.until(&mut socket, &["end"]).await;
    let mut heard = Heard::default();
    while heard.until(&mut socket, &["mark"]).await["id"] != "b" {}
    let played = end["audio_ms"].as_u64().unwrap() - 120;
    socket.send(json!({"type": "cancel", "played_ms": played})).await;
    let first = heard.until(&mut socket, &["cancelled"]).await;
    assert_eq!((&first["id"], &first["heard_ms"]), (&json!("a"), &json!(played)));
    assert!(text.starts_with(first["heard"].as_str().unwrap()) && first["heard_chars"].as_u64().unwrap() > 100);
    let (_, second) = socket.event().await;
    assert_eq!((&second["id"], &second["heard_ms"], &second["heard"]), (&json!("b"), &json!(0), &json!("")));
}

#[tokio::test]
async fn a_text_that_grows_too_long_is_heard_up_to_there() {
    let stage = Stage::new(|settings| {
        settings.speech.lead_ms = 600_000;
        settings.speech.max_chars = 60;
    })
    .await;
    let mut socket = Socket::open(stage.address()).await;
    let text = "One and two and three. Four and five";
    phrase(&mut socket, text).await;
    let mut heard = Heard::default();
    heard.until(&mut socket, &["phrase"]).await;
    socket.send(json!({"type": "text", "text": "x".repeat(60)})).await;
    let problem = heard.until(&mut socket, &["problem", "end"]).await;
    // The sound of its last phrase comes before the problem that is told once.
    assert_eq!((&problem["code"], &problem["id"]), (&json!("text_too_long"), &json!("story")));
    assert_eq!(heard.words(), words(text));
    socket.send(json!({"type": "end"})).await;
    socket.send(json!({"type": "flush"})).await;
    assert_eq!(socket.event().await.1["code"], "no_text");
}
