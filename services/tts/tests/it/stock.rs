//! Texts whose sound is at hand: kept in the cache, or rendered at start; through real sockets.

use std::{path::Path, time::Duration};

use elevenlabs_emulator::{Config, Emulator, Event, decode};
use evervoice_tts::{
    TtsSettings,
    config::{Fillers, StockSettings},
};
use serde_json::json;

use crate::{
    elevenlabs::{HTTP, WS, providers},
    harness::TestService,
};

/// Longer than anything here takes.
const DEADLINE: Duration = Duration::from_secs(30);

const GREETING: &str = "Hello, this is the clinic.";

async fn emulator() -> Emulator {
    Emulator::start(Config { tone_ms: 20, ..Config::default() }).await.unwrap()
}

/// ElevenLabs over HTTP alone, which is the emulator.
fn cloud(settings: &mut TtsSettings, emulator: &Emulator) {
    providers(settings, &[HTTP], emulator);
    settings.elevenlabs.rewarm_after_idle_sec = None;
    settings.elevenlabs.http_max_retries = 0;
}

/// A filler, a greeting and what is said in an outage, in English.
fn stock(dir: Option<&Path>) -> StockSettings {
    let fillers = Fillers { question: vec!["One moment.".into()], ..Fillers::default() };
    StockSettings {
        enabled: true,
        dir: dir.map(Into::into),
        formats: vec!["pcm_16000".into(), "ulaw_8000".into()],
        fillers: [("en".to_owned(), fillers)].into(),
        pinned: [("en".to_owned(), vec![GREETING.to_owned()])].into(),
        outage: [("en".to_owned(), "Sorry.".to_owned())].into(),
    }
}

async fn wait_for(service: &TestService, result: &str, count: f64) {
    let sample = format!("tts_stock_total{{result=\"{result}\"}}");
    let there = async {
        while service.metric(&sample).await < count {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, there).await.expect("the stock does not get ready");
}

/// The sound of a text as samples, and who spoke.
async fn say(service: &TestService, text: &str) -> Option<(String, Vec<i16>)> {
    let response = service.speak(&json!({ "text": text }).to_string()).await;
    if response.status() != 200 {
        return None;
    }
    let provider = response.headers()["x-voice-provider"].to_str().unwrap().to_owned();
    let bytes = response.bytes().await.unwrap();
    Some((provider, bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()))
}

fn words(samples: &[i16]) -> String {
    decode(samples, 16_000).trim().to_owned()
}

/// HTTP requests, and messages with text on WebSockets.
fn texts(emulator: &Emulator) -> usize {
    let text = |event: &Event| match event {
        Event::Request { .. } => true,
        Event::Frame { json, .. } => json["text"].as_str().is_some_and(|text| !text.trim().is_empty()),
        _ => false,
    };
    emulator.log().iter().filter(|received| text(&received.event)).count()
}

/// Sound files in a directory.
fn files(dir: &Path) -> Vec<std::path::PathBuf> {
    let files = std::fs::read_dir(dir).unwrap().map(|file| file.unwrap().path());
    files.filter(|file| file.extension().is_some_and(|extension| extension != "json")).collect()
}

#[tokio::test]
async fn the_stock_is_rendered_once_and_pinned_texts_are_spoken_without_anybody() {
    let (emulator, dir) = (emulator().await, tempfile::tempdir().unwrap());
    let with_stock = |settings: &mut TtsSettings| {
        cloud(settings, &emulator);
        settings.stock = stock(Some(dir.path()));
    };
    let first = TestService::with(with_stock).await;
    wait_for(&first, "rendered", 3.0).await;
    assert_eq!(texts(&emulator), 3);
    let (provider, sound) = say(&first, GREETING).await.unwrap();
    assert_eq!((provider.as_str(), words(&sound).as_str()), ("elevenlabs_http", GREETING));
    assert_eq!(texts(&emulator), 3, "nobody was asked");
    // The manifest comes last.
    let saved = async {
        while !dir.path().join("manifest.json").exists() {
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
    };
    tokio::time::timeout(DEADLINE, saved).await.expect("it is not saved");
    assert_eq!(files(dir.path()).len(), 6);

    let second = TestService::with(with_stock).await;
    wait_for(&second, "loaded", 3.0).await;
    assert_eq!(texts(&emulator), 3, "all was on disk");
    assert!(say(&second, GREETING).await.unwrap() == (provider, sound.clone()));

    for file in files(dir.path()) {
        let mut bytes = std::fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 0x40;
        std::fs::write(&file, bytes).unwrap();
    }
    let third = TestService::with(with_stock).await;
    wait_for(&third, "rendered", 3.0).await;
    assert_eq!(texts(&emulator), 6, "what is broken is rendered anew");
    let (_, again) = say(&third, GREETING).await.unwrap();
    assert_eq!(words(&again), GREETING);

    let address = emulator.http_url();
    emulator.stop().await;
    assert_eq!(words(&say(&third, GREETING).await.unwrap().1), GREETING, "{address} is down");
    assert!(say(&third, "Anything else.").await.is_none());
}

#[tokio::test]
async fn a_service_speaks_at_once_and_fills_its_stock_meanwhile() {
    let service = TestService::with(|settings| {
        settings.stock = StockSettings { dir: None, ..stock(None) };
        settings.stock.outage.insert("ru".into(), "Извините.".into());
    })
    .await;
    assert!(say(&service, "Good morning.").await.is_some());
    wait_for(&service, "rendered", 3.0).await;
    wait_for(&service, "failed", 1.0).await;
    let before = service.metric("tts_audio_ms_total").await;
    assert_eq!(say(&service, GREETING).await.unwrap().0, "local");
    assert_eq!(service.metric("tts_audio_ms_total").await, before, "it was not made again");
    assert_eq!(service.get("/health").await.status(), 200);
}

#[tokio::test]
async fn a_text_is_asked_for_once_and_spoken_while_the_cloud_is_down() {
    for provider in [HTTP, WS] {
        let emulator = emulator().await;
        let service = TestService::with(|settings| {
            cloud(settings, &emulator);
            (settings.chain, settings.speech.cache_mb) = (vec![provider], 1);
        })
        .await;
        let text = "The quick brown fox, again.";
        let first = say(&service, text).await.unwrap();
        assert_eq!(words(&first.1), text);
        let asked = texts(&emulator);
        for _ in 0..3 {
            assert!(say(&service, text).await.unwrap() == first, "{provider:?}: not the same samples");
        }
        let telephone = service.speak(&json!({ "text": text, "format": "ulaw_8000" }).to_string()).await;
        assert_eq!(telephone.bytes().await.unwrap().len(), first.1.len() / 2);
        assert_eq!(texts(&emulator), asked, "{provider:?}: one entry serves every format");
        emulator.stop().await;
        assert!(say(&service, text).await.unwrap() == first);
        assert!(say(&service, "Another one.").await.is_none());
        assert_eq!(service.metric("tts_cache_total{result=\"hit\"}").await, 5.0);
    }
}
