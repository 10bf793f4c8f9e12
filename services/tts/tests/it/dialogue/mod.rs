//! A dialogue over `/ws/tts`: frames, pace, marks, what was heard, barge-in, and connections that break. The emulator says a
//! character in [`TONE_MS`], and its sound can be read, so every expectation is exact.

mod heard;
mod interruption;
mod pace;
mod resumption;

use std::{net::SocketAddr, time::Duration};

use elevenlabs_emulator::{Config, Emulator, decode};
use evervoice_tts::TtsSettings;
use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message},
};

use crate::{
    elevenlabs::{WS, providers},
    harness::TestService,
    socket::Socket,
};

const TONE_MS: usize = 20;

/// Bytes of a ms of 16 kHz s16le.
const MS: usize = 32;

/// Longer than anything takes that is waited for here.
const DEADLINE: Duration = Duration::from_secs(20);

struct Stage {
    _emulator: Emulator,
    service: TestService,
}

impl Stage {
    async fn new(change: impl FnOnce(&mut TtsSettings)) -> Self {
        let emulator = Emulator::start(Config { tone_ms: TONE_MS as u32, ..Config::default() }).await.unwrap();
        let service = TestService::with(|settings| {
            providers(settings, &[WS], &emulator);
            settings.speech.first_audio_budget_ms = None;
            change(settings);
        })
        .await;
        Self { _emulator: emulator, service }
    }

    /// Sound leaves as fast as it is made.
    async fn eager() -> Self {
        Self::new(|settings| settings.speech.lead_ms = 600_000).await
    }

    fn address(&self) -> SocketAddr {
        self.service.address
    }

    /// Waits until nothing is spoken and nothing waits.
    async fn quiet(&self) {
        let quiet = async {
            for gauge in ["tts_active ", "tts_waiting "] {
                while self.service.metric(gauge).await != 0.0 {
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
            }
        };
        tokio::time::timeout(DEADLINE, quiet).await.expect("something is still spoken or waits");
    }
}

/// What a client has of an utterance.
#[derive(Default)]
struct Heard {
    sound: Vec<u8>,
    phrases: Vec<String>,
}

impl Heard {
    /// Takes sound until the last phrase has begun.
    async fn of_last_phrase(&mut self, socket: &mut Socket, start_ms: usize) {
        while self.sound.len() <= start_ms * MS {
            match socket.0.next().await.unwrap().unwrap() {
                Message::Binary(sound) => self.sound.extend(sound),
                Message::Text(text) => assert!(text.contains("mark"), "{text}"),
                other => panic!("{other:?}"),
            }
        }
    }

    /// Takes everything until an event of one of these kinds, and that event.
    async fn until(&mut self, socket: &mut Socket, kinds: &[&str]) -> Value {
        loop {
            let (frames, event) = socket.next().await;
            self.sound.extend(frames.concat());
            if event["type"] == "phrase" {
                let at = event["start_ms"].as_u64().unwrap() as usize * MS;
                if event["index"].as_u64().unwrap() as usize == self.phrases.len() {
                    self.phrases.push(event["text"].as_str().unwrap().to_owned());
                } else {
                    panic!("phrase {event} after {:?}", self.phrases);
                }
                assert!(at >= self.sound.len(), "a phrase is announced before its sound");
            }
            if kinds.contains(&event["type"].as_str().unwrap()) {
                return event;
            }
        }
    }

    /// What the sound says.
    fn words(&self) -> String {
        let samples: Vec<i16> = self.sound.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        words(&decode(&samples, 16_000))
    }
}

/// Where two phrases meet, the space between them is nobody's.
fn words(text: &str) -> String {
    text.split_whitespace().collect()
}

/// Writes a phrase of its own.
async fn phrase(socket: &mut Socket, text: &str) {
    socket.send(json!({"type": "text", "id": "story", "text": text})).await;
    socket.send(json!({"type": "flush"})).await;
}

#[tokio::test]
async fn sound_comes_in_frames_and_each_phrase_is_announced_before_its_own() {
    let stage = Stage::eager().await;
    let mut socket = Socket::open(stage.address()).await;
    let texts = ["One and two and three.", " Four and five.", " Six."];
    let (mut frames, mut events) = (vec![], vec![]);
    for text in texts {
        phrase(&mut socket, text).await;
        let last = loop {
            let (some, event) = socket.next().await;
            frames.extend(some);
            events.push((frames.concat().len(), event.clone()));
            if event["type"] == "phrase" {
                break event;
            }
        };
        assert_eq!(words(last["text"].as_str().unwrap()), words(text));
    }
    socket.send(json!({"type": "end"})).await;
    let end = loop {
        let (some, event) = socket.next().await;
        frames.extend(some);
        if event["type"] == "end" {
            break event;
        }
    };
    let (last, others) = frames.split_last().unwrap();
    assert!(others[0].len() >= 20 * MS && others[0].len() <= 40 * MS, "the first frame: {}", others[0].len());
    let starts: Vec<u64> = events.iter().filter_map(|(_, event)| event["start_ms"].as_u64()).collect();
    let mut sent = others[0].len();
    for frame in &others[1..] {
        sent += frame.len();
        let phrase_end = starts.contains(&((sent / MS) as u64));
        assert!(frame.len() == 40 * MS || frame.len() < 40 * MS && phrase_end, "a frame of {} to {sent}", frame.len());
    }
    assert!(!last.is_empty() && last.len() <= 40 * MS);
    assert_eq!(events[0].1["type"], "start");
    for (sent, event) in events.iter().filter(|(_, event)| event["type"] == "phrase") {
        let at = event["start_ms"].as_u64().unwrap() as usize * MS;
        assert!((*sent..sent + 40 * MS).contains(&at), "{event} after {sent} bytes");
    }
    let heard = Heard { sound: frames.concat(), phrases: vec![] };
    assert_eq!(heard.words(), words(&texts.concat()));
    assert_eq!(end["bytes"], heard.sound.len());
    assert_eq!(end["audio_ms"], heard.sound.len() / MS);
}

#[tokio::test]
async fn a_config_holds_for_what_comes_after_it() {
    let stage = Stage::eager().await;
    let mut socket = Socket::open(stage.address()).await;
    socket.send(json!({"type": "config", "format": "pcm_8000"})).await;
    socket.send(json!({"type": "config", "format": "mp3", "speed": 1.1})).await;
    assert_eq!(socket.event().await.1["code"], "unknown_format");
    socket.send(json!({"text": "One."})).await;
    assert_eq!(socket.event().await.1["format"], "pcm_8000");
    assert_eq!(socket.event().await.1["type"], "end");
    socket.send(json!({"text": "One.", "format": "pcm_16000"})).await;
    assert_eq!(socket.event().await.1["format"], "pcm_16000");
    assert_eq!(socket.event().await.1["type"], "end");
    socket.send(json!({"type": "config", "voice": "nobody"})).await;
    socket.send(json!({"text": "One."})).await;
    assert_eq!(socket.event().await.1["code"], "unknown_voice");
}

#[tokio::test]
async fn without_a_filler_or_without_silence_a_filler_is_a_problem() {
    let stage = Stage::new(|settings| settings.stock.enabled = false).await;
    let mut socket = Socket::open(stage.address()).await;
    socket.send(json!({"type": "filler", "id": "f", "text": "Why?"})).await;
    let (_, problem) = socket.event().await;
    assert_eq!((&problem["code"], &problem["status"], &problem["id"]), (&json!("no_filler"), &json!(404), &json!("f")));
    socket.send(json!({"text": "The quick brown fox jumps over the lazy dog. ".repeat(20)})).await;
    assert_eq!(socket.event().await.1["type"], "start");
    socket.send(json!({"type": "filler"})).await;
    let (_, problem) = socket.event().await;
    assert_eq!((&problem["code"], &problem["status"]), (&json!("already_speaking"), &json!(409)));
}

#[tokio::test]
async fn the_schema_is_at_hand() {
    let service = TestService::start().await;
    let schema: Value = service.get("/api/schema/ws-tts").await.json().await.unwrap();
    let written: Value = serde_json::from_str(include_str!("../../../protocol.schema.json")).unwrap();
    assert_eq!(schema, written);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}
