//! What the tests share: an emulator, settings that lead to it, and ears.

use std::{future::Future, sync::Arc, time::Duration};

use elevenlabs_emulator::{Config, Emulator, Event, decode};
use evervoice_core::{
    audio::{AudioChunk, AudioStream},
    tts::{ProviderFailure, SpeechLimits, SpeechRequest, TtsError, TtsProvider},
};
use evervoice_elevenlabs::{ElevenLabsSettings, Events, WebSocketProvider};
use futures_util::StreamExt;

/// Longer than anything here takes: what lasts longer hangs.
pub const DEADLINE: Duration = Duration::from_secs(60);

pub async fn emulator() -> Emulator {
    emulator_with(|_| {}).await
}

pub async fn emulator_with(change: impl FnOnce(&mut Config)) -> Emulator {
    let mut config = Config { tone_ms: 10, ..Config::default() };
    change(&mut config);
    Emulator::start(config).await.unwrap()
}

pub fn settings(emulator: &Emulator) -> ElevenLabsSettings {
    ElevenLabsSettings {
        api_key: "test-key".into(),
        voice_id: "voice-a".into(),
        model_id: "eleven_flash_v2_5".into(),
        voices: [("berta".to_owned(), "voice-b".to_owned())].into(),
        ws_base_url: emulator.ws_url(),
        http_base_url: emulator.http_url(),
        rewarm_after_idle_sec: None,
        ..ElevenLabsSettings::default()
    }
}

pub fn provider(settings: ElevenLabsSettings) -> WebSocketProvider {
    WebSocketProvider::start(Arc::new(settings), Events::unregistered()).unwrap()
}

pub fn request(text: &str) -> SpeechRequest {
    SpeechRequest::new(text.to_owned(), None, None, None, SpeechLimits { max_chars: 100_000 }).unwrap()
}

/// Fails a test that would hang.
pub async fn within<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(DEADLINE, what).await.expect("hangs")
}

/// Waits until something has become so.
pub async fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let becomes_so = async {
        while !is_so() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    };
    tokio::time::timeout(DEADLINE, becomes_so).await.unwrap_or_else(|_| panic!("never: {what}"));
}

/// What was heard of an utterance, and how it ended.
#[derive(Debug)]
pub struct Heard {
    pub sample_rate: u32,
    pub chunks: Vec<AudioChunk>,
    pub error: Option<TtsError>,
}

impl Heard {
    /// The characters in the sound.
    pub fn text(&self) -> String {
        let samples: Vec<i16> = self.chunks.iter().flat_map(|chunk| chunk.samples.iter().copied()).collect();
        let text = decode(&samples, self.sample_rate);
        // How many spaces there are is up to where text was cut and kept waiting.
        text.split_whitespace().collect::<Vec<_>>().join(" ")
    }

    pub fn failure(&self) -> Option<ProviderFailure> {
        self.error.as_ref().map(failure)
    }
}

pub async fn listen(mut stream: AudioStream) -> Heard {
    let mut heard = Heard { sample_rate: stream.sample_rate, chunks: vec![], error: None };
    while let Some(chunk) = stream.chunks.next().await {
        match chunk {
            Ok(chunk) => heard.chunks.push(chunk),
            Err(error) => heard.error = Some(error),
        }
    }
    heard
}

/// Speaks and listens to the end.
pub async fn speak(provider: &dyn TtsProvider, request: SpeechRequest) -> Result<Heard, TtsError> {
    within(async { Ok(listen(provider.speak(request).await?).await) }).await
}

pub fn failure(error: &TtsError) -> ProviderFailure {
    match error {
        TtsError::Provider { failure, .. } => *failure,
        other => panic!("not of the provider: {other:?}"),
    }
}

/// The JSON messages that the emulator got, with the number of the socket.
pub fn frames(emulator: &Emulator) -> Vec<(u64, serde_json::Value)> {
    let frame = |event| match event {
        Event::Frame { socket, json } => Some((socket, json)),
        _ => None,
    };
    emulator.log().into_iter().filter_map(|received| frame(received.event)).collect()
}

/// How many sockets were opened.
pub fn upgrades(emulator: &Emulator) -> usize {
    emulator.log().iter().filter(|received| matches!(received.event, Event::Upgrade { .. })).count()
}

/// How many places of the pool are in use.
pub fn in_use(provider: &WebSocketProvider) -> usize {
    provider.pool_status().iter().map(|status| status.in_use).sum()
}

/// How many sockets stand ready.
pub fn ready(provider: &WebSocketProvider) -> usize {
    provider.pool_status().iter().map(|status| status.ready).sum()
}
