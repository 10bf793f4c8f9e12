//! The pace: how far the sound runs ahead of its listener, and what happens while the text or the listener pauses.

use super::*;

/// Everything between two marks left after the first one and before the second one, so the bounds are exact.
#[tokio::test]
async fn sound_runs_ahead_of_the_listener_by_no_more_than_the_lead() {
    let stage = Stage::new(|_| {}).await;
    let mut socket = Socket::open(stage.address()).await;
    socket.send(json!({"type": "config", "lead_ms": 200, "mark_ms": 50})).await;
    let text = "The quick brown fox jumps over the lazy dog. ".repeat(100);
    socket.send(json!({"id": "a", "text": text})).await;
    let (mut heard, mut before) = (Heard::default(), (0, 0));
    for _ in 0..20 {
        let mark = heard.until(&mut socket, &["mark"]).await;
        let (played, chars) = (mark["played_ms"].as_u64().unwrap(), mark["chars"].as_u64().unwrap());
        let sent = (heard.sound.len() / MS) as u64;
        assert!(played <= sent && sent <= played + 201, "{sent} ms sent, {played} ms played");
        assert!(played > before.0 && chars >= before.1, "{mark} after {before:?}");
        assert!(chars <= played / TONE_MS as u64, "{mark}");
        before = (played, chars);
    }
    assert!(before.1 > 0);
    socket.send(json!({"type": "cancel"})).await;
    let cancelled = heard.until(&mut socket, &["cancelled"]).await;
    let of = |name: &str| cancelled[name].as_u64().unwrap();
    assert_eq!(of("bytes"), heard.sound.len() as u64);
    assert!(of("heard_ms") <= of("audio_ms") && of("audio_ms") <= of("heard_ms") + 201, "{cancelled}");
    stage.quiet().await;
    // Of 4,500 characters no more was made than was heard, waited in the service's own buffers, and was on its way.
    let made = stage.service.metric("tts_audio_ms_total{provider=\"elevenlabs_ws\"}").await;
    assert!(made < 20_000.0, "{made} ms were made");
}

#[tokio::test]
async fn nothing_is_made_for_a_client_that_does_not_read() {
    let stage = TestService::with(|settings| settings.speech.lead_ms = 600_000).await;
    let mut socket = Socket::open(stage.address).await;
    let text = "The quick brown fox jumps over the lazy dog near the river. ".repeat(80);
    socket.send(json!({"text": text, "format": "pcm_48000"})).await;
    assert_eq!(socket.event().await.1["type"], "start");
    let made = async || stage.metric("tts_audio_ms_total{provider=\"local\"}").await;
    // Until the buffers of the network are full.
    let (mut last, mut still) = (-1.0, 0);
    while still < 5 {
        tokio::time::sleep(Duration::from_millis(200)).await;
        let now = made().await;
        still = if now == last { still + 1 } else { 0 };
        last = now;
    }
    let (sound, end) = socket.event().await;
    assert_eq!((&end["type"], end["bytes"].as_u64().unwrap()), (&json!("end"), sound.len() as u64));
    assert!(last < made().await / 2.0, "{last} ms were made for nobody");
}

#[tokio::test]
async fn a_phrase_is_heard_whole_while_its_text_pauses() {
    // Another rate than that of the sound as it is made: a resampler must not keep any of it.
    for (format, bytes_per_ms) in [("pcm_16000", 32), ("pcm_8000", 16), ("ulaw_8000", 8)] {
        let stage = Stage::eager().await;
        let mut socket = Socket::open(stage.address()).await;
        socket.send(json!({"type": "config", "format": format})).await;
        let text = "One and two and!";
        socket.send(json!({"id": "whole", "text": text})).await;
        socket.event().await;
        let whole = socket.event().await.0.len();
        assert!(whole >= text.len() * TONE_MS * bytes_per_ms);
        phrase(&mut socket, text).await;
        let mut sent = 0;
        let all = async {
            while sent < whole {
                let message = socket.0.next().await.unwrap().unwrap();
                sent += if let Message::Binary(sound) = message { sound.len() } else { 0 };
            }
        };
        tokio::time::timeout(DEADLINE, all).await.unwrap_or_else(|_| panic!("{format}: the end is kept back"));
        socket.send(json!({"type": "end"})).await;
        let (sound, end) = socket.event().await;
        assert_eq!((sound.len(), &end["type"], &end["bytes"]), (0, &json!("end"), &json!(whole)), "{format}");
    }
}

#[tokio::test]
async fn what_was_sent_whole_is_not_said_again_after_a_pause() {
    let stage = Stage::eager().await;
    let mut socket = Socket::open(stage.address()).await;
    let text = "One and two and!";
    socket.send(json!({"id": "whole", "text": text})).await;
    let token = socket.event().await.1["resume_token"].as_str().unwrap().to_owned();
    let whole = socket.event().await.0.len();
    phrase(&mut socket, text).await;
    let mut heard = Heard::default();
    heard.until(&mut socket, &["phrase"]).await;
    heard.of_last_phrase(&mut socket, (whole - 1) / MS).await;
    drop(socket);
    let mut socket = Socket::with(stage.address(), &format!("?resume={token}")).await;
    let resumed = socket.event().await.1;
    assert_eq!(resumed["utterances"][0]["next_phrase"], 1, "{resumed}");
    socket.send(json!({"type": "text", "text": " Three."})).await;
    socket.send(json!({"type": "end"})).await;
    heard.until(&mut socket, &["end"]).await;
    assert_eq!(heard.words(), words("One and two and! Three."));
}
