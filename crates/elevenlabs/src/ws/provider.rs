//! WebSockets as a provider of speech.

use std::{
    collections::BTreeMap,
    fmt::Debug,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use async_trait::async_trait;
use evervoice_core::{
    audio::{AudioChunk, AudioStream},
    pool::{Eviction, KeyStatus, Pool, PoolConfig, PoolWatcher},
    tts::{SpeechRequest, TtsError, TtsProvider, VoiceInfo},
};
use futures_util::stream;
use serde_json::{Value, json};
use tokio::time::Instant;

use super::{
    connector::{Key, WsConnector},
    llm::{self, LlmStream},
    place::{Line, Order},
    utterance::Utterance,
};
use crate::{
    config::ElevenLabsSettings,
    error::ElevenLabsError,
    events::Events,
    voice::{self, Casting},
};

/// How long an idle socket may take to answer a ping.
const PING_TIMEOUT: Duration = Duration::from_secs(5);
/// A voice, model and format that nobody asked for so long is no longer kept ready.
const KEY_IDLE: Duration = Duration::from_secs(900);

/// ElevenLabs over WebSockets out of a warm pool. Cloning it is cheap.
#[derive(Clone)]
pub struct WebSocketProvider {
    line: Arc<Line>,
    back: Back,
}

/// When ElevenLabs could be reached again last.
type Back = Arc<Mutex<Option<Instant>>>;

impl WebSocketProvider {
    /// The name told in `X-Voice-Provider`.
    pub const NAME: &str = "elevenlabs_ws";

    /// Starts the pool, which connects at once for the configured voice. Must be called within a tokio runtime.
    ///
    /// # Errors
    /// [`ElevenLabsError::Connect`] when no client can be made.
    pub fn start(settings: Arc<ElevenLabsSettings>, events: Events) -> Result<Self, ElevenLabsError> {
        let seconds = Duration::from_secs_f64;
        let defaults = PoolConfig::default();
        let config = PoolConfig {
            ready: settings.pool_size,
            max: settings.pool_max,
            max_idle: settings.max_idle(),
            ping_interval: seconds(settings.ws_keep_alive_sec),
            ping_timeout: PING_TIMEOUT,
            rewarm_after_idle: settings.rewarm_after_idle_sec.map(seconds),
            // It has a limit of its own, which tells more.
            warm_timeout: seconds(settings.ws_first_audio_timeout_sec + 1.0),
            key_idle: KEY_IDLE,
            acquire_timeout: seconds(settings.ws_connect_timeout_sec),
            ..defaults
        };
        let connector = WsConnector::new(Arc::clone(&settings), events.clone())?;
        let back = Back::default();
        let watcher = Watcher { events: events.clone(), back: Arc::clone(&back) };
        let pool = Pool::start(connector, config, Arc::new(watcher));
        let line = Arc::new(Line { settings, pool, events });
        let provider = Self { line, back };
        if let Ok(casting) = Casting::new(None, None, 1.0, &provider.line.settings) {
            provider.line.pool.keep(provider.key(casting));
        }
        Ok(provider)
    }

    /// Speaks text that comes in pieces, such as the answer of a language model. Must be called within a tokio runtime.
    /// `voice`, `language` and `speed` are those of a [`SpeechRequest`]; `request_id` is for the log.
    ///
    /// # Errors
    /// [`TtsError::UnknownVoice`], [`TtsError::LanguageNotSupported`], [`TtsError::SpeedNotSupported`]. What fails later is an item of the stream.
    pub fn start_llm_stream(
        &self,
        voice: Option<&str>,
        language: Option<&str>,
        speed: f32,
        request_id: &str,
    ) -> Result<LlmStream, TtsError> {
        let casting = Casting::new(voice, language, speed, &self.line.settings)?;
        Ok(llm::start(Arc::clone(&self.line), self.order(casting, request_id)))
    }

    /// What the pool looks like, a line per voice, model, format and language.
    pub fn pool_status(&self) -> Vec<KeyStatus<Key>> {
        self.line.pool.status()
    }

    /// Starts no more utterances, and returns when those under way are over and the last socket is closed.
    pub async fn drain(&self) {
        self.line.pool.drain().await;
    }

    /// The same, but sockets that are in use after `deadline` are closed too.
    pub async fn close(&self, deadline: Duration) {
        self.line.pool.close(deadline).await;
    }

    fn key(&self, Casting { voice_id, language, .. }: Casting) -> Key {
        let settings = &self.line.settings;
        Key { voice_id, model_id: settings.model_id.clone(), format: settings.ws_output_format, language }
    }

    fn order(&self, casting: Casting, request_id: &str) -> Order {
        Order { speed: casting.speed, key: self.key(casting), request_id: request_id.to_owned() }
    }

    /// Tells the metrics how full the pool is.
    fn tell_level(&self) {
        let status = self.pool_status();
        let sum = |count: fn(&KeyStatus<Key>) -> usize| status.iter().map(count).sum();
        self.line.events.ws_pool_level(sum(|key| key.ready), sum(|key| key.in_use));
    }

    /// Begins to speak `text` and waits for the first sound.
    async fn begin(&self, order: Order, text: &str) -> Result<(AudioChunk, Utterance), ElevenLabsError> {
        let mut utterance = Utterance::begin(Arc::clone(&self.line), order, text, true).await?;
        self.tell_level();
        loop {
            match utterance.next().await {
                Some(Ok(chunk)) => return Ok((chunk, utterance)),
                Some(Err(error)) => utterance.recover(error).await?,
                None => return Err(ElevenLabsError::Silent),
            }
        }
    }
}

#[async_trait]
impl TtsProvider for WebSocketProvider {
    fn name(&self) -> &'static str {
        Self::NAME
    }

    fn voices(&self) -> Vec<VoiceInfo> {
        let settings = &self.line.settings;
        voice::voices(settings, Self::NAME, settings.ws_output_format.sample_rate())
    }

    fn has_voice(&self, name: &str) -> bool {
        voice::has_voice(&self.line.settings, name)
    }

    async fn speak(&self, request: SpeechRequest) -> Result<AudioStream, TtsError> {
        let casting = Casting::of(&request, &self.line.settings)?;
        let order = self.order(casting, request.id());
        let (first, utterance) = self.begin(order, request.text()).await.map_err(|error| error.into_tts(Self::NAME))?;
        let sample_rate = utterance.sample_rate();
        let chunks = stream::unfold((Some(first), utterance), |(first, mut utterance)| async move {
            let chunk = match first {
                Some(first) => Ok(first),
                None => utterance.next().await?.map_err(|error| error.into_tts(Self::NAME)),
            };
            Some((chunk, (None, utterance)))
        });
        Ok(AudioStream { provider: Self::NAME, sample_rate, chunks: Box::pin(chunks) })
    }

    fn rendering(&self, request: &SpeechRequest) -> Option<String> {
        let settings = &self.line.settings;
        let told = voice::rendering(Self::NAME, &settings.ws_base_url, request, settings, settings.ws_output_format)?;
        let (auto, schedule) = (settings.ws_auto_mode, &settings.chunk_length_schedule);
        Some(format!("{told} auto={auto} schedule={schedule:?} ssml={}", settings.ws_enable_ssml_parsing))
    }

    fn recovered_at(&self) -> Option<Instant> {
        *self.back.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn details(&self) -> BTreeMap<String, Value> {
        self.tell_level();
        let pool = self.pool_status().into_iter().map(|status| {
            json!({
                "voice_id": status.key.voice_id,
                "model_id": status.key.model_id,
                "format": status.key.format.name(),
                "language": status.key.language,
                "ready": status.ready,
                "connecting": status.connecting,
                "connections": status.connections,
                "in_use": status.in_use,
                "waiting": status.waiting,
                "proven": status.proven,
                "hopeless": status.hopeless,
                "backoff_ms": status.backoff.map(|backoff| backoff.as_millis() as u64),
                "last_error": status.last_error,
            })
        });
        BTreeMap::from([("pool".to_owned(), pool.collect())])
    }
}

/// Tells what happens in the pool to log and metrics. Handshakes and pings are told by those who make them.
struct Watcher {
    events: Events,
    back: Back,
}

impl PoolWatcher for Watcher {
    fn back(&self, _: &dyn Debug) {
        *self.back.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
    }

    fn evicted(&self, _: &dyn Debug, reason: &Eviction) {
        self.events.ws_pool_evicted(reason.label());
    }

    fn ping_failed(&self, _: &dyn Debug, reason: &str) {
        self.events.ws_keepalive_error(reason);
    }

    fn warmed(&self, _: &dyn Debug, took: Duration) {
        self.events.ws_pool_warmed(took);
    }

    fn warm_failed(&self, _: &dyn Debug, reason: &str) {
        self.events.ws_pool_warm_failed(reason);
    }

    fn acquired(&self, _: &dyn Debug, waited: bool, took: Duration) {
        self.events.ws_pool_lease(waited, took);
    }
}
