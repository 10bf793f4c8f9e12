//! Through the gateway, with the real voice and the real recogniser.

use evervoice_core::service::serve::Drained;
use futures_util::{SinkExt, StreamExt};
use serde_json::Value;
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message},
};

use crate::harness::{TestHouse, testdata};

#[tokio::test]
async fn the_gateway_gives_what_the_service_gives() {
    let house = TestHouse::start().await;
    let body = r#"{"text": "Turn on the light in the kitchen."}"#;
    let direct = house.client.post(format!("http://{}/api/tts", house.tts)).body(body).send().await.unwrap();
    let through = house.post("/api/tts", body).await;
    for name in ["content-type", "x-audio-format", "x-sample-rate", "x-channels", "x-voice-provider"] {
        assert_eq!(through.headers()[name], direct.headers()[name]);
    }
    assert!(through.bytes().await.unwrap() == direct.bytes().await.unwrap());
    let wav = house.post("/api/tts/wav", body).await;
    assert_eq!(wav.headers()["content-type"], "audio/wav");
    assert!(hound::WavReader::new(&wav.bytes().await.unwrap()[..]).is_ok());
}

#[tokio::test]
async fn what_is_spoken_is_heard() {
    let house = TestHouse::start().await;
    let sound = house.speak("What is the weather like in Paris tomorrow?").await;
    let heard: Value = house.post("/api/stt/bytes?sr=16000&ch=1&fmt=s16le", sound).await.json().await.unwrap();
    assert_eq!(heard["text"], "what is the weather like in paris tomorrow");
    let segments = heard["segments"].as_array().unwrap();
    assert_eq!(segments.len(), 8);
    assert!(segments.windows(2).all(|pair| pair[0]["end_ms"].as_u64() <= pair[1]["start_ms"].as_u64()));
}

#[tokio::test]
async fn an_echo_is_text_and_sound() {
    let house = TestHouse::start().await;
    let clip = std::fs::read(testdata("asr/hello.wav")).unwrap();
    let response = house.post("/api/echo-bytes", clip).await;
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["x-recognized-text"], "hello world this is a test of the speech recognition system");
    assert_eq!(response.headers()["x-sample-rate"], "16000");
    let sound = response.bytes().await.unwrap();
    // And what comes back is that sentence again.
    let heard: Value = house.post("/api/stt/bytes", sound).await.json().await.unwrap();
    assert_eq!(heard["text"], "hello world this is a test of the speech recognition system");
}

#[tokio::test]
async fn nothing_recognised_and_bad_sound_are_told_through_the_gateway() {
    let house = TestHouse::start().await;
    for (query, body, status, code) in [
        ("", vec![0; 32_000], 422, "nothing_recognized"),
        ("", vec![0; 100], 422, "audio_too_short"),
        ("", vec![0; 16_001], 400, "audio_torn_frame"),
        ("", vec![0; 16 * 32_000], 413, "audio_too_long"),
        ("?lang=fr", vec![0; 32_000], 422, "language_not_supported"),
    ] {
        let response = house.post(&format!("/api/echo-bytes{query}"), body).await;
        let answer = response.status().as_u16();
        let problem: Value = response.json().await.unwrap();
        assert_eq!((answer, problem["code"].as_str().unwrap()), (status, code));
    }
}

#[tokio::test]
async fn health_names_the_parts() {
    let house = TestHouse::start().await;
    let url = format!("http://{}/health", house.gateway);
    let health: Value = house.client.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(health["status"], "ok");
    assert_eq!(health["parts"]["tts"]["parts"]["local"]["status"], "ok");
    assert_eq!(health["parts"]["asr"]["status"], "ok");
}

#[tokio::test]
async fn speech_by_websocket_through_the_gateway() {
    let house = TestHouse::start().await;
    let expected = house.speak("Good morning.").await;
    let (mut socket, _) = connect_async(format!("ws://{}/ws/tts", house.gateway)).await.unwrap();
    socket.send(Message::Text(r#"{"text": "Good morning."}"#.into())).await.unwrap();
    let (mut sound, mut events) = (vec![], vec![]);
    while events.last() != Some(&"end".to_owned()) {
        match socket.next().await.unwrap().unwrap() {
            Message::Binary(bytes) => sound.extend_from_slice(&bytes),
            Message::Text(text) => {
                let event: Value = serde_json::from_str(&text).unwrap();
                events.push(event["type"].as_str().unwrap().to_owned());
            }
            _ => {}
        }
    }
    // How many marks come depends on the clock.
    events.retain(|event| event != "mark");
    assert_eq!(events, ["start", "phrase", "end"]);
    assert!(sound == expected);
    // The close is answered, not cut.
    socket.close(None).await.unwrap();
    let answer = socket.next().await;
    assert!(matches!(answer, None | Some(Ok(Message::Close(_)))), "{answer:?}");
}

#[tokio::test]
async fn recognition_by_websocket_through_the_gateway() {
    let house = TestHouse::start().await;
    let clip = hound::WavReader::open(testdata("asr/two_parts.wav")).unwrap();
    let bytes: Vec<u8> = clip.into_samples::<i16>().flat_map(|sample| sample.unwrap().to_le_bytes()).collect();
    let (mut socket, _) = connect_async(format!("ws://{}/ws/stt?sr=16000", house.gateway)).await.unwrap();
    for piece in bytes.chunks(3_201) {
        socket.send(Message::Binary(piece.to_vec().into())).await.unwrap();
    }
    socket.send(Message::Text(r#"{"type": "end"}"#.into())).await.unwrap();
    let mut finals = vec![];
    let mut partials = 0;
    while let Some(Ok(message)) = socket.next().await {
        let Message::Text(text) = message else { continue };
        let event: Value = serde_json::from_str(&text).unwrap();
        match event["type"].as_str().unwrap() {
            "final" => finals.push(event["text"].as_str().unwrap().to_owned()),
            "partial" => partials += 1,
            "problem" => panic!("{event}"),
            _ => {}
        }
    }
    finals.retain(|text| !text.is_empty());
    assert_eq!(finals, ["good morning how are you today", "please open the door"]);
    assert!(partials > 2, "{partials} partial results");
}

#[tokio::test]
async fn a_refused_upgrade_is_the_services_own_problem() {
    let house = TestHouse::start().await;
    let refused = connect_async(format!("ws://{}/ws/stt?sr=1", house.gateway)).await;
    let Err(Error::Http(answer)) = refused else { panic!("upgraded") };
    assert_eq!(answer.status(), 422);
    let problem: Value = serde_json::from_slice(answer.body().as_ref().unwrap()).unwrap();
    assert_eq!(problem["status"], 422);
}

#[tokio::test]
async fn streams_through_the_gateway_end_whole_when_the_house_stops() {
    let house = TestHouse::start().await;
    let text = "The quick brown fox jumps over the lazy dog near the river. ".repeat(20);
    let body = serde_json::json!({"text": text, "format": "pcm_48000"}).to_string();
    let expected = house.post("/api/tts", body.clone()).await.bytes().await.unwrap();
    let mut streams = vec![];
    for _ in 0..4 {
        let mut stream = Box::pin(house.post("/api/tts", body.clone()).await.bytes_stream());
        let first = stream.next().await.unwrap().unwrap();
        streams.push((first.to_vec(), stream));
    }
    house.lifecycle.stop();
    for (mut bytes, mut stream) in streams {
        while let Some(chunk) = stream.next().await {
            bytes.extend_from_slice(&chunk.unwrap());
        }
        assert!(bytes == expected, "{} bytes instead of {}", bytes.len(), expected.len());
    }
    assert_eq!(house.house.ended().await.unwrap(), Drained::Whole);
}

/// The gateway has accepted the echo, but has not yet asked for the speech: it still needs the service behind.
#[tokio::test]
async fn an_echo_that_has_begun_ends_whole_when_the_house_stops() {
    let house = TestHouse::start().await;
    let clip = std::fs::read(testdata("asr/hello.wav")).unwrap();
    let expected = house.post("/api/echo-bytes", clip.clone()).await.bytes().await.unwrap();
    let (sender, receiver) = tokio::sync::mpsc::channel::<Result<Vec<u8>, std::io::Error>>(1);
    let body = futures_util::stream::unfold(receiver, |mut receiver| async {
        receiver.recv().await.map(|piece| (piece, receiver))
    });
    let request = house.client.post(format!("http://{}/api/echo-bytes", house.gateway));
    let answer = tokio::spawn(request.body(reqwest::Body::wrap_stream(body)).send());
    let (first, rest) = clip.split_at(1_000);
    sender.send(Ok(first.to_vec())).await.unwrap();
    // The question for the metric is itself one of the two.
    while house.metric("http_active").await < 2.0 {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    house.lifecycle.stop();
    tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    sender.send(Ok(rest.to_vec())).await.unwrap();
    drop(sender);
    let answer = answer.await.unwrap().unwrap();
    assert_eq!(answer.status(), 200);
    assert!(answer.bytes().await.unwrap() == expected);
    assert_eq!(house.house.ended().await.unwrap(), Drained::Whole);
}

#[tokio::test]
async fn sockets_through_the_gateway_end_whole_when_the_house_stops() {
    let house = TestHouse::start().await;
    let expected = house.speak("One two three four five six seven.").await;
    let url = format!("ws://{}/ws/tts", house.gateway);
    let (mut talking, _) = connect_async(&url).await.unwrap();
    let (mut idle, _) = connect_async(&url).await.unwrap();
    talking.send(Message::Text(r#"{"text": "One two three four five six seven."}"#.into())).await.unwrap();
    assert!(matches!(talking.next().await, Some(Ok(Message::Text(_)))));
    house.lifecycle.stop();
    let mut sound = vec![];
    let mut events = vec![];
    while let Some(Ok(message)) = talking.next().await {
        match message {
            Message::Binary(bytes) => sound.extend_from_slice(&bytes),
            Message::Text(text) => events.push(text.to_string()),
            Message::Close(frame) => events.push(format!("close {}", u16::from(frame.unwrap().code))),
            _ => {}
        }
    }
    assert!(sound == expected);
    events.retain(|event| !event.contains("\"mark\""));
    let [phrase, end, close] = &events[..] else { panic!("{events:?}") };
    assert!(phrase.contains("\"phrase\"") && end.contains("\"end\"") && close == "close 1001", "{events:?}");
    assert!(matches!(idle.next().await, Some(Ok(Message::Close(_)))));
    drop((talking, idle));
    assert_eq!(house.house.ended().await.unwrap(), Drained::Whole);
}

#[tokio::test]
async fn two_hundred_echoes_at_once_are_right_or_refused() {
    let house = TestHouse::with(|settings| settings.asr.recognition.queue = 6).await;
    let clip = std::fs::read(testdata("asr/digits.wav")).unwrap();
    let answers = futures_util::future::join_all((0..200).map(|_| async {
        let response = house.post("/api/echo-bytes", clip.clone()).await;
        let status = response.status().as_u16();
        let header = |name: &str| response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        (status, header("x-recognized-text"), header("retry-after"), response.bytes().await.unwrap().len())
    }))
    .await;
    let spoken: Vec<_> = answers.iter().filter(|(status, ..)| *status == 200).collect();
    for (status, text, retry_after, length) in &answers {
        match status {
            200 => assert_eq!((text.as_deref(), *length), (Some("one two three four five"), spoken[0].3)),
            503 => assert!(retry_after.is_some()),
            other => panic!("status {other}"),
        }
    }
    assert!((8..200).contains(&spoken.len()), "{} of 200 were answered", spoken.len());
}

#[tokio::test]
async fn the_gateway_lists_voices_and_counts() {
    let house = TestHouse::start().await;
    let url = format!("http://{}/api/voices", house.gateway);
    let voices: Value = house.client.get(url).send().await.unwrap().json().await.unwrap();
    assert_eq!(voices["voices"][0]["provider"], "local");
    house.speak("Yes.").await;
    let spoken = r#"http_requests_total{route="/api/tts",method="POST",status="200",outcome="complete"}"#;
    assert_eq!(house.metric(spoken).await, 1.0);
}
