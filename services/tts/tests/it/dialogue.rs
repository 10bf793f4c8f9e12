//! A dialogue over `/ws/tts`: frames, pace, marks, what was heard, barge-in, and connections that break. The emulator says a
//! character in [`TONE_MS`], and its sound can be read, so every expectation is exact.

use std::{net::SocketAddr, time::Duration};

use elevenlabs_emulator::{Config, Emulator, decode};
use evervoice_tts::{
    TtsSettings,
    config::{ProviderChoice, ProviderName},
};
use futures_util::{SinkExt, StreamExt, future::join_all};
use serde_json::{Value, json};
use tokio_tungstenite::{
    connect_async,
    tungstenite::{Error, Message},
};

use crate::{harness::TestService, socket::Socket};

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
            settings.provider = ProviderChoice::ElevenLabs;
            settings.chain = vec![ProviderName::ElevenLabsWs];
            settings.elevenlabs.api_key = "test-key".into();
            settings.elevenlabs.voice_id = "JBFqnCBsd6RMkjVDRZzb".into();
            settings.elevenlabs.model_id = "eleven_flash_v2_5".into();
            settings.elevenlabs.http_base_url = emulator.http_url();
            settings.elevenlabs.ws_base_url = emulator.ws_url();
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

#[tokio::test]
async fn a_client_that_was_cut_off_can_take_its_conversation_up() {
    let stage = TestService::with(|settings| {
        settings.speech.lead_ms = 600_000;
        settings.speech.client_stall_timeout = 0.3;
        settings.speech.resume_timeout = 60.0;
    })
    .await;
    let mut socket = Socket::open(stage.address).await;
    // More than the network holds.
    let text = "The quick brown fox jumps over the lazy dog near the river. ".repeat(80);
    for _ in 0..3 {
        socket.send(json!({"text": text, "format": "pcm_48000"})).await;
    }
    let token = socket.event().await.1["resume_token"].as_str().unwrap().to_owned();
    let parked = async {
        while stage.metric("tts_active ").await != 0.0 {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(DEADLINE, parked).await.expect("it is still spoken");
    let cut_off = async { while let Some(Ok(_)) = socket.0.next().await {} };
    tokio::time::timeout(DEADLINE, cut_off).await.expect("its connection does not end");
    assert_eq!(refused(stage.address, &format!("?resume={token}")).await, 101);
}

/// Sockets that cancel at random, and how often each does.
const CANCELLING: u64 = 8;
const CANCELS: u64 = 100;

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

/// Two phrases are sent whole, a third one is written, then the connection breaks. Returns what the client has of it.
async fn broken(stage: &Stage) -> (Heard, String) {
    let mut socket = Socket::open(stage.address()).await;
    let mut heard = Heard::default();
    phrase(&mut socket, "One and two.").await;
    let token = heard.until(&mut socket, &["start"]).await["resume_token"].as_str().unwrap().to_owned();
    heard.until(&mut socket, &["phrase"]).await;
    phrase(&mut socket, " Three and four.").await;
    heard.until(&mut socket, &["phrase"]).await;
    // Of the last one not all has left: sound that has left counts as heard.
    socket.send(json!({"type": "config", "lead_ms": 40})).await;
    phrase(&mut socket, " Five and six.").await;
    let last = heard.until(&mut socket, &["phrase"]).await;
    heard.of_last_phrase(&mut socket, last["start_ms"].as_u64().unwrap() as usize).await;
    // Dropped without a close.
    drop(socket);
    (heard, token)
}

/// Hears the rest on a new connection: what it says first, and the end.
async fn taken_up(stage: &Stage, heard: &mut Heard, query: &str) -> (Value, Value) {
    let mut socket = Socket::with(stage.address(), query).await;
    let (_, resumed) = socket.next().await;
    let start = socket.next().await.1;
    assert_eq!((&start["type"], &start["id"]), (&json!("start"), &json!("story")));
    // What it has of the phrase that comes again it throws away: `start_ms` tells where that begins.
    heard.phrases.truncate(resumed["utterances"][0]["next_phrase"].as_u64().unwrap() as usize);
    let (_, again) = socket.next().await;
    assert_eq!((&again["type"], &again["index"]), (&json!("phrase"), &resumed["utterances"][0]["next_phrase"]));
    heard.sound.truncate(again["start_ms"].as_u64().unwrap() as usize * MS);
    heard.phrases.push(again["text"].as_str().unwrap().to_owned());
    socket.send(json!({"type": "text", "id": "story", "text": " Seven."})).await;
    socket.send(json!({"type": "end"})).await;
    let end = heard.until(&mut socket, &["end"]).await;
    (resumed, end)
}

#[tokio::test]
async fn a_broken_conversation_goes_on_with_the_phrase_that_was_cut() {
    let stage = Stage::eager().await;
    let (mut heard, token) = broken(&stage).await;
    let (resumed, end) = taken_up(&stage, &mut heard, &format!("?resume={token}")).await;
    let text = "One and two. Three and four. Five and six.";
    let expected = json!({"type": "resumed", "utterances":
        [{"id": "story", "next_phrase": 2, "received_chars": text.len(), "complete": false}]});
    assert_eq!(resumed, expected);
    assert_eq!(heard.words(), words(&format!("{text} Seven.")));
    assert_eq!(words(&heard.phrases.concat()), words(&format!("{text} Seven.")));
    assert_eq!((end["bytes"].as_u64().unwrap(), &end["id"]), (heard.sound.len() as u64, &json!("story")));
    assert_eq!(stage.service.metric("tts_resumed_total{result=\"resumed\"}").await, 1.0);
}

#[tokio::test]
async fn a_client_says_what_it_has_heard() {
    let stage = Stage::eager().await;
    let (mut heard, token) = broken(&stage).await;
    let (resumed, _) = taken_up(&stage, &mut heard, &format!("?resume={token}&after=0&id=story")).await;
    assert_eq!(resumed["utterances"][0]["next_phrase"], 1);
    assert_eq!(heard.words(), words("One and two. Three and four. Five and six. Seven."));
}

#[tokio::test]
async fn what_waits_goes_on_too_and_an_end_that_was_lost_comes_again() {
    let stage = Stage::eager().await;
    let mut socket = Socket::open(stage.address()).await;
    let long = "The quick brown fox jumps over the lazy dog.".repeat(3);
    socket.send(json!({"id": "a", "text": long})).await;
    let start = socket.event().await.1;
    let (sound, end) = socket.event().await;
    drop(socket);
    let token = start["resume_token"].as_str().unwrap();
    let mut socket = Socket::with(stage.address(), &format!("?resume={token}")).await;
    let resumed = socket.next().await.1;
    assert_eq!(resumed["utterances"][0]["complete"], true);
    assert_eq!(socket.next().await, (vec![], end.clone()), "all of it had been sent");
    assert_eq!(end["bytes"], sound.len());
    // Again, while one is spoken slowly and another one waits.
    socket.send(json!({"type": "config", "lead_ms": 40})).await;
    socket.send(json!({"id": "b", "text": long})).await;
    socket.send(json!({"id": "c", "text": "Last."})).await;
    assert_eq!(socket.event().await.1["id"], "b");
    drop(socket);
    let mut socket = Socket::with(stage.address(), &format!("?resume={token}")).await;
    let resumed = socket.next().await.1;
    let ids: Vec<&Value> = resumed["utterances"].as_array().unwrap().iter().map(|it| &it["id"]).collect();
    assert_eq!(ids, ["b", "c"]);
    for id in ["b", "c"] {
        for kind in ["start", "end"] {
            let event = socket.event().await.1;
            assert_eq!((&event["type"], &event["id"]), (&json!(kind), &json!(id)));
        }
    }
    assert_eq!(stage.service.metric("tts_waiting ").await, 0.0);
}

#[tokio::test]
async fn a_conversation_is_taken_over_from_a_connection_that_is_still_open() {
    let stage = Stage::new(|_| {}).await;
    let mut old = Socket::open(stage.address()).await;
    old.send(json!({"id": "a", "text": "The quick brown fox jumps over the lazy dog. ".repeat(20)})).await;
    let token = old.event().await.1["resume_token"].as_str().unwrap().to_owned();
    let mut new = Socket::with(stage.address(), &format!("?resume={token}")).await;
    assert_eq!(new.next().await.1["utterances"][0]["id"], "a");
    assert_eq!(new.event().await.1["type"], "start");
    let closed = async { while !matches!(old.0.next().await, None | Some(Err(_) | Ok(Message::Close(_)))) {} };
    tokio::time::timeout(DEADLINE, closed).await.expect("the old connection is still open");
    new.send(json!({"type": "cancel"})).await;
    assert_eq!(new.event().await.1["type"], "cancelled");
}

async fn refused(address: SocketAddr, query: &str) -> u16 {
    match connect_async(format!("ws://{address}/ws/tts{query}")).await {
        Err(Error::Http(answer)) => answer.status().as_u16(),
        Ok(_) => 101,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn a_conversation_that_is_not_taken_up_leaves_nothing_behind() {
    let stage = Stage::new(|settings| {
        settings.speech.max_sockets = 1;
        settings.speech.resume_timeout = 0.5;
    })
    .await;
    assert_eq!(refused(stage.address(), "?resume=nobody").await, 410);
    assert_eq!(refused(stage.address(), "?resume=x&after=y").await, 422);
    let (_, token) = broken(&stage).await;
    // It keeps its place, and nobody speaks.
    assert_eq!(refused(stage.address(), "").await, 503);
    let free = async {
        while refused(stage.address(), "").await != 101 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, free).await.expect("its place is never free");
    assert_eq!(refused(stage.address(), &format!("?resume={token}")).await, 410);
    stage.quiet().await;
    assert_eq!(stage.service.metric("tts_resumed_total{result=\"unknown\"}").await, 2.0);
}

#[tokio::test]
async fn a_client_that_closes_is_not_waited_for_and_a_stopping_service_waits_for_nobody() {
    let stage = Stage::new(|_| {}).await;
    let mut socket = Socket::open(stage.address()).await;
    socket.send(json!({"text": "One.", "id": "a"})).await;
    let token = socket.event().await.1["resume_token"].as_str().unwrap().to_owned();
    socket.0.close(None).await.unwrap();
    let over = async {
        while refused(stage.address(), &format!("?resume={token}")).await == 101 {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(DEADLINE, over).await.expect("it can still be taken up");
    let _kept = broken(&stage).await;
    stage.service.lifecycle.stop();
    let done = tokio::time::timeout(Duration::from_secs(9), stage.service.done).await;
    assert!(done.is_ok(), "the service waits for a conversation that nobody has");
}

#[tokio::test]
async fn the_schema_is_at_hand() {
    let service = TestService::start().await;
    let schema: Value = service.get("/api/schema/ws-tts").await.json().await.unwrap();
    let written: Value = serde_json::from_str(include_str!("../../protocol.schema.json")).unwrap();
    assert_eq!(schema, written);
    assert_eq!(schema["$schema"], "https://json-schema.org/draft/2020-12/schema");
}
