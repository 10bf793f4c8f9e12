//! Several utterances over one WebSocket.

use std::{net::SocketAddr, time::Duration};

use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async, tungstenite::Message};

use crate::harness::TestService;

/// A client; with the bytes of a sample, as the last `start` said.
pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>, usize);

/// All that came of one utterance.
#[derive(Debug)]
pub struct Came {
    pub start: Value,
    pub phrases: Vec<String>,
    pub frames: Vec<Vec<u8>>,
    /// Problems of others that came meanwhile.
    pub others: Vec<Value>,
    /// What ended it: `end`, `cancelled`, its `problem`, or the `start` of something else under its name.
    pub last: Value,
}

/// Longer than any utterance here takes.
const DEADLINE: Duration = Duration::from_secs(20);

/// A service that sends sound as fast as it is made.
async fn eager() -> TestService {
    TestService::with(|settings| settings.speech.lead_ms = 600_000).await
}

impl Socket {
    pub async fn open(address: SocketAddr) -> Self {
        Self::with(address, "").await
    }

    /// With this query.
    pub async fn with(address: SocketAddr, query: &str) -> Self {
        Self(connect_async(format!("ws://{address}/ws/tts{query}")).await.unwrap().0, 2)
    }

    pub async fn send(&mut self, message: Value) {
        self.0.send(Message::Text(message.to_string().into())).await.unwrap();
    }

    /// Sound until the next text message that is not about its progress, and that message.
    pub async fn event(&mut self) -> (Vec<u8>, Value) {
        let mut sound = vec![];
        loop {
            let (frames, event) = self.next().await;
            sound.extend(frames.concat());
            if !["phrase", "mark"].contains(&event["type"].as_str().unwrap()) {
                return (sound, event);
            }
        }
    }

    /// The next utterance: what comes next is its `start`.
    pub async fn utterance(&mut self) -> Came {
        let (frames, start) = self.next().await;
        assert!(frames.is_empty() && start["type"] == "start", "{} frames before {start}", frames.len());
        self.utterance_of(start).await
    }

    /// The utterance that has begun so.
    pub async fn utterance_of(&mut self, start: Value) -> Came {
        let (mut phrases, mut frames, mut others) = (vec![], vec![], vec![]);
        let came = async {
            loop {
                let (some, event) = self.next().await;
                frames.extend(some);
                if event["id"] != start["id"] {
                    assert_eq!(event["type"], "problem", "{event} within {start}");
                    others.push(event);
                    continue;
                }
                match event["type"].as_str().unwrap() {
                    "phrase" => {
                        assert_eq!(event["index"], phrases.len());
                        phrases.push(event["text"].as_str().unwrap().to_owned());
                    }
                    "mark" | "provider" => {}
                    _ => return event,
                }
            }
        };
        let last = tokio::time::timeout(DEADLINE, came).await.expect("the utterance has no end");
        Came { start, phrases, frames, others, last }
    }

    /// Frames until the next text message, and that message.
    pub async fn next(&mut self) -> (Vec<Vec<u8>>, Value) {
        let mut frames = vec![];
        loop {
            match self.0.next().await.unwrap().unwrap() {
                Message::Binary(bytes) => {
                    assert_eq!(bytes.len() % self.1, 0, "a torn sample");
                    frames.push(bytes.to_vec());
                }
                Message::Text(text) => {
                    let event: Value = serde_json::from_str(&text).unwrap();
                    if event["type"] == "start" {
                        self.1 = if event["encoding"] == "s16le" { 2 } else { 1 };
                    }
                    return (frames, event);
                }
                Message::Ping(_) | Message::Pong(_) => {}
                other => panic!("{other:?}"),
            }
        }
    }
}

#[tokio::test]
async fn utterances_come_one_after_the_other_whole() {
    let service = eager().await;
    let expected = service.speak(r#"{"text": "Good morning."}"#).await.bytes().await.unwrap();
    let mut socket = Socket::open(service.address).await;
    socket.send(json!({"text": "Good morning."})).await;
    socket.send(json!({"type": "speak", "id": "second", "text": "Good night.", "format": "pcm_8000"})).await;
    let (_, start) = socket.event().await;
    assert_eq!(start["resume_token"].as_str().map(str::len), Some(32));
    assert_eq!(
        start,
        json!({"type": "start", "id": "1", "kind": "speech", "format": "pcm_16000", "encoding": "s16le",
               "sample_rate": 16000, "channels": 1, "provider": "local", "resume_token": start["resume_token"]})
    );
    let (sound, end) = socket.event().await;
    assert!(sound == expected, "the sound differs from that of POST /api/tts");
    let audio_ms = expected.len() / 32;
    assert_eq!(end, json!({"type": "end", "id": "1", "audio_ms": audio_ms, "bytes": expected.len()}));
    let (_, start) = socket.event().await;
    assert_eq!((&start["id"], &start["sample_rate"]), (&json!("second"), &json!(8000)));
    assert_eq!(socket.event().await.1["type"], "end");
}

#[tokio::test]
async fn cancel_stops_what_is_said_and_what_waits() {
    let service = TestService::start().await;
    let mut socket = Socket::open(service.address).await;
    let long = "The quick brown fox jumps over the lazy dog near the river. ".repeat(40);
    socket.send(json!({"id": "long", "text": long, "format": "pcm_48000"})).await;
    socket.send(json!({"id": "waiting", "text": "Never said."})).await;
    assert_eq!(socket.event().await.1["type"], "start");
    socket.send(json!({"type": "cancel"})).await;
    let (sound, cancelled) = socket.event().await;
    assert_eq!((&cancelled["type"], &cancelled["id"]), (&json!("cancelled"), &json!("long")));
    assert_eq!(cancelled["bytes"], sound.len());
    let (sound, cancelled) = socket.event().await;
    assert_eq!((sound.len(), &cancelled["id"]), (0, &json!("waiting")));
    // The socket goes on.
    socket.send(json!({"id": "after", "text": "Go on."})).await;
    assert_eq!(socket.event().await.1["id"], "after");
    assert_eq!(socket.event().await.1["type"], "end");
    assert_eq!(service.metric("tts_active").await, 0.0);
    let upgraded = r#"http_requests_total{route="/ws/tts",method="GET",status="101",outcome="upgraded"}"#;
    assert_eq!(service.metric(upgraded).await, 1.0);
}

#[tokio::test]
async fn mistakes_are_told_and_the_socket_goes_on() {
    let service = TestService::start().await;
    let mut socket = Socket::open(service.address).await;
    for (message, code, id) in [
        (json!({"id": "a", "text": ""}), "text_empty", json!("a")),
        (json!({"id": "b", "text": "x", "format": "wav"}), "unknown_format", json!("b")),
        (json!({"id": "c", "text": "Привет"}), "language_not_supported", json!("c")),
        (json!({"id": "d", "txt": "x"}), "invalid_field", json!("d")),
        (json!({"type": "sing"}), "invalid_field", Value::Null),
        (json!({"type": "cancel", "id": 5}), "invalid_field", Value::Null),
        (json!({"type": "cancel", "id": "e", "played": 1}), "invalid_field", json!("e")),
        (json!({"type": "cancel", "id": "e", "played_ms": -1}), "invalid_field", json!("e")),
        (json!({"type": "filler", "id": "f", "context": "joke"}), "invalid_field", json!("f")),
        (json!({"type": "config", "lead_ms": 39}), "invalid_field", Value::Null),
        (json!({"type": "config", "volume": 11}), "invalid_field", Value::Null),
        (json!({"type": "config", "id": "g"}), "invalid_field", Value::Null),
        (json!({"id": 5, "text": "x"}), "invalid_field", Value::Null),
        (json!({"type": "cancel", "id": "nobody"}), "nothing_to_cancel", json!("nobody")),
        (json!(5), "invalid_field", Value::Null),
    ] {
        socket.send(message.clone()).await;
        let (_, problem) = socket.event().await;
        assert_eq!(
            (&problem["type"], &problem["code"], &problem["id"]),
            (&json!("problem"), &json!(code), &id),
            "{message}"
        );
    }
    socket.send(json!({"type": "sing"})).await;
    let detail = socket.event().await.1["detail"].as_str().unwrap().to_owned();
    for kind in ["speak", "text", "flush", "end", "cancel", "filler", "config", "drain"] {
        assert!(detail.contains(kind), "{kind}: {detail}");
    }
    socket.0.send(Message::Text("{".into())).await.unwrap();
    assert_eq!(socket.event().await.1["code"], "invalid_json");
    socket.0.send(Message::Binary(vec![1, 2].into())).await.unwrap();
    assert_eq!(socket.event().await.1["code"], "text_message_expected");
    socket.send(json!({"text": "Still here."})).await;
    assert_eq!(socket.event().await.1["type"], "start");
}

#[tokio::test]
async fn a_stopping_service_ends_what_is_said_and_closes() {
    let service = TestService::start().await;
    let mut talking = Socket::open(service.address).await;
    let mut idle = Socket::open(service.address).await;
    talking.send(json!({"text": "One two three four five six seven eight nine ten."})).await;
    assert_eq!(talking.event().await.1["type"], "start");
    service.lifecycle.stop();
    let (sound, end) = talking.event().await;
    assert_eq!((&end["type"], &end["bytes"]), (&json!("end"), &json!(sound.len())));
    for socket in [&mut talking, &mut idle] {
        match socket.0.next().await.unwrap().unwrap() {
            Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1001),
            other => panic!("{other:?}"),
        }
    }
}

/// Half a minute of sound at the listener's pace, and a gateway that stops: all of it comes, now.
#[tokio::test]
async fn a_connection_that_is_about_to_end_gets_the_rest_at_once() {
    let service = TestService::start().await;
    let mut socket = Socket::open(service.address).await;
    let mut other = Socket::open(service.address).await;
    let long = "One two three four five six seven eight nine ten. ".repeat(10);
    socket.send(json!({"id": "long", "text": long})).await;
    socket.send(json!({"id": "waits", "text": "Good evening."})).await;
    assert_eq!(socket.event().await.1["type"], "start");
    let began = tokio::time::Instant::now();
    socket.send(json!({"type": "drain"})).await;
    socket.send(json!({"id": "late", "text": "Too late."})).await;
    let (mut sound, mut refused, mut ended) = (0, vec![], vec![]);
    while ended.len() < 2 {
        let (piece, event) = socket.event().await;
        sound += piece.len();
        match event["type"].as_str().unwrap() {
            "problem" => refused.push((event["id"].clone(), event["code"].clone())),
            "end" => {
                assert_eq!(event["bytes"], json!(sound));
                (sound, _) = (0, ended.push((event["id"].clone(), event["bytes"].as_f64().unwrap() / 32_000.0)));
            }
            _ => {}
        }
    }
    assert_eq!(refused, [(json!("late"), json!("shutting_down"))]);
    let seconds: f64 = ended.iter().map(|(_, seconds)| seconds).sum();
    assert!(seconds > 20.0, "{ended:?}");
    assert!(began.elapsed().as_secs_f64() < seconds - 2.0, "at the listener's pace");
    match socket.0.next().await.unwrap().unwrap() {
        Message::Close(Some(frame)) => assert_eq!(u16::from(frame.code), 1001),
        message => panic!("{message:?}"),
    }
    // It was that connection's end alone.
    other.send(json!({"text": "Good evening."})).await;
    assert_eq!(other.event().await.1["type"], "start");
}

#[tokio::test]
async fn sockets_are_limited_in_number() {
    let service = TestService::with(|settings| settings.speech.max_sockets = 1).await;
    let first = Socket::open(service.address).await;
    let refused = connect_async(format!("ws://{}/ws/tts", service.address)).await;
    let Err(tokio_tungstenite::tungstenite::Error::Http(answer)) = refused else { panic!("upgraded") };
    assert_eq!((answer.status().as_u16(), answer.headers()["retry-after"].to_str().unwrap()), (503, "1"));
    drop(first);
}

#[tokio::test]
async fn a_silent_socket_is_closed_also_when_it_pings() {
    let service = TestService::with(|settings| settings.speech.socket_idle_timeout = 1.0).await;
    let mut socket = Socket::open(service.address).await;
    let closed = async {
        loop {
            let _ = socket.0.send(Message::Ping(vec![].into())).await;
            let next = tokio::time::timeout(std::time::Duration::from_millis(100), socket.0.next()).await;
            if matches!(next, Ok(Some(Ok(Message::Close(_))) | None)) {
                return;
            }
        }
    };
    tokio::time::timeout(std::time::Duration::from_secs(10), closed).await.expect("the socket is still open");
}

#[tokio::test]
async fn a_text_in_pieces_is_spoken_while_it_is_written() {
    let service = TestService::start().await;
    let mut socket = Socket::open(service.address).await;
    let piece = |text: &str| json!({"type": "text", "text": text});
    socket.send(json!({"type": "text", "id": "story", "text": "Good mor", "format": "pcm_8000"})).await;
    socket.send(piece("ning. How are")).await;
    let (_, start) = socket.event().await;
    assert_eq!((&start["id"], &start["sample_rate"]), (&json!("story"), &json!(8000)), "before the text is whole");
    socket.send(json!({"type": "text", "id": "other", "text": "x"})).await;
    let (mut sound, unfinished) = socket.event().await;
    assert_eq!((&unfinished["code"], &unfinished["id"]), (&json!("text_unfinished"), &json!("other")));
    socket.send(piece(" you?")).await;
    socket.send(json!({"type": "end"})).await;
    let (more, end) = socket.event().await;
    sound.extend(more);
    assert_eq!((&end["type"], &end["id"], &end["bytes"]), (&json!("end"), &json!("story"), &json!(sound.len())));
    let seconds = sound.len() as f64 / 16_000.0;
    assert!((1.0..5.0).contains(&seconds), "{seconds} s");
}

#[tokio::test]
async fn pieces_go_wrong_visibly() {
    let service = TestService::with(|settings| {
        settings.speech.max_chars = 40;
        settings.speech.text_timeout = 0.3;
        // Nothing is spoken before its sentence is whole.
        (settings.speech.first_phrase_ms, settings.speech.text_idle_ms) = (10_000, 60_000);
    })
    .await;
    let mut socket = Socket::open(service.address).await;
    let code = |(_, message): (Vec<u8>, Value)| message["code"].as_str().unwrap_or_default().to_owned();
    socket.send(json!({"type": "flush"})).await;
    assert_eq!(code(socket.event().await), "no_text");
    socket.send(json!({"type": "end", "text": "x"})).await;
    assert_eq!(code(socket.event().await), "invalid_field");
    socket.send(json!({"type": "text", "text": " "})).await;
    socket.send(json!({"type": "text", "text": "x", "format": "pcm_8000"})).await;
    assert_eq!(code(socket.event().await), "invalid_field", "too late to say how");
    socket.send(json!({"type": "end"})).await;
    assert_eq!(code(socket.event().await), "text_empty");
    socket.send(json!({"type": "text", "id": "long", "text": "a ".repeat(21)})).await;
    assert_eq!(code(socket.event().await), "text_too_long");
    for piece in ["for", " nobody"] {
        socket.send(json!({"type": "text", "id": "long", "text": piece})).await;
    }
    assert_eq!(code(socket.event().await), "text_over", "once");
    socket.send(json!({"type": "end", "id": "long"})).await;
    socket.send(json!({"type": "text", "id": "slow", "text": "Without an"})).await;
    assert_eq!(code(socket.event().await), "text_timeout");
    socket.send(json!({"type": "end", "id": "slow"})).await;
    assert_eq!(code(socket.event().await), "no_text");
    for id in [Value::Null, json!("slow")] {
        socket.send(json!({"type": "text", "id": id, "text": "Slow"})).await;
        assert_eq!(code(socket.event().await), "text_timeout");
        // What comes after it is a new text, also under the same name.
        socket.send(json!({"type": "text", "id": id, "text": "Still here."})).await;
        socket.send(json!({"type": "end"})).await;
        assert_eq!(socket.event().await.1["type"], "start");
        assert_eq!(socket.event().await.1["type"], "end");
    }
}

#[tokio::test]
async fn pieces_without_a_name_are_over_too_when_their_text_is_cancelled() {
    let service = TestService::start().await;
    let mut socket = Socket::open(service.address).await;
    socket.send(json!({"type": "text", "text": "One. Two"})).await;
    assert_eq!(socket.event().await.1["type"], "start");
    socket.send(json!({"type": "cancel"})).await;
    assert_eq!(socket.event().await.1["type"], "cancelled");
    for piece in [" three.", " Four."] {
        socket.send(json!({"type": "text", "text": piece})).await;
    }
    let (sound, over) = socket.event().await;
    assert_eq!((sound.len(), &over["code"], &over["id"]), (0, &json!("text_over"), &json!("1")));
    socket.send(json!({"type": "end"})).await;
    socket.send(json!({"type": "text", "text": "Five."})).await;
    socket.send(json!({"type": "end"})).await;
    let (_, start) = socket.event().await;
    assert_eq!((&start["type"], &start["id"]), (&json!("start"), &json!("2")));
    assert_eq!(socket.event().await.1["type"], "end");
}

#[tokio::test]
async fn a_cancelled_text_is_over_for_its_further_pieces() {
    let service = TestService::start().await;
    let mut socket = Socket::open(service.address).await;
    socket.send(json!({"type": "text", "id": "a", "text": "One. Two"})).await;
    assert_eq!(socket.event().await.1["type"], "start");
    socket.send(json!({"type": "cancel", "id": "a"})).await;
    assert_eq!(socket.event().await.1["type"], "cancelled");
    socket.send(json!({"type": "text", "id": "a", "text": " three. Four."})).await;
    socket.send(json!({"type": "text", "id": "b", "text": "Five."})).await;
    socket.send(json!({"type": "end", "id": "b"})).await;
    let (_, start) = socket.event().await;
    assert_eq!((&start["type"], &start["id"]), (&json!("start"), &json!("b")));
    assert_eq!(socket.event().await.1["type"], "end");
}
