//! Each thing worth knowing, once: as a log line and as a metric.

use evervoice_core::{
    service::observe::ms_histogram,
    tts::{ProviderFailure, TtsError},
};
use evervoice_elevenlabs::ElevenLabsSettings;
use std::{sync::atomic::AtomicU64, time::Duration};

use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::speech::breaker::State;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByProvider {
    provider: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Failed {
    provider: &'static str,
    failure: &'static str,
    when: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Switched {
    from: &'static str,
    to: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Hedged {
    slow: &'static str,
    /// Who was heard.
    won: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByReason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByResult {
    result: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByOutcome {
    provider: &'static str,
    outcome: &'static str,
}

/// Log and metrics of speech.
#[derive(Clone)]
pub struct Events {
    first_audio: Family<ByProvider, Histogram, fn() -> Histogram>,
    utterances: Family<ByOutcome, Counter>,
    audio_ms: Family<ByProvider, Counter<f64, AtomicU64>>,
    rejected: Counter,
    active: Gauge,
    failed: Family<Failed, Counter>,
    switched: Family<Switched, Counter>,
    breakers: Family<ByProvider, Gauge<f64, AtomicU64>>,
    provider_first_audio: Family<ByProvider, Histogram, fn() -> Histogram>,
    fallbacks: Counter,
    hedged: Family<Hedged, Counter>,
    gap: Histogram,
    phrases: Family<ByReason, Counter>,
    waiting: Gauge,
    barge_in_reaction: Family<ByReason, Histogram, fn() -> Histogram>,
    filler: Histogram,
    cache: Family<ByResult, Counter>,
    cache_bytes: Gauge,
    stock: Family<ByResult, Counter>,
    resumed: Family<ByResult, Counter>,
}

/// What an utterance came to.
pub struct Ending<'a> {
    pub request_id: &'a str,
    pub provider: &'static str,
    /// `complete`, `failed` or `cancelled`.
    pub outcome: &'static str,
    pub audio_ms: u64,
    pub total_ms: f64,
}

impl Events {
    pub fn register(registry: &mut Registry) -> Self {
        let events = Self {
            first_audio: Family::new_with_constructor(ms_histogram),
            utterances: Family::default(),
            audio_ms: Family::default(),
            rejected: Counter::default(),
            active: Gauge::default(),
            failed: Family::default(),
            switched: Family::default(),
            breakers: Family::default(),
            provider_first_audio: Family::new_with_constructor(ms_histogram),
            fallbacks: Counter::default(),
            hedged: Family::default(),
            gap: ms_histogram(),
            phrases: Family::default(),
            waiting: Gauge::default(),
            barge_in_reaction: Family::new_with_constructor(ms_histogram),
            filler: ms_histogram(),
            cache: Family::default(),
            cache_bytes: Gauge::default(),
            stock: Family::default(),
            resumed: Family::default(),
        };
        registry.register("tts_first_audio_ms", "Request to first audio, ms", events.first_audio.clone());
        registry.register("tts_utterances", "Utterances by provider and how they ended", events.utterances.clone());
        registry.register("tts_audio_ms", "Speech made, ms", events.audio_ms.clone());
        registry.register("tts_rejected", "Utterances refused because too many were spoken", events.rejected.clone());
        registry.register("tts_active", "Utterances being spoken", events.active.clone());
        registry.register(
            "tts_provider_failed",
            "Providers that failed, before the first sound or within",
            events.failed.clone(),
        );
        registry.register(
            "tts_provider_switch",
            "Utterances that another provider went on with",
            events.switched.clone(),
        );
        registry.register(
            "tts_breaker",
            "0 closed, 0.5 half open, 1 open: nobody is sent there",
            events.breakers.clone(),
        );
        registry.register(
            "tts_provider_first_audio_ms",
            "A provider asked to its first sound, or until another one had won, ms",
            events.provider_first_audio.clone(),
        );
        registry.register(
            "tts_fallback",
            "Utterances that the provider in front did not speak to their end",
            events.fallbacks.clone(),
        );
        registry.register("tts_hedged", "Providers that got company because they were slow", events.hedged.clone());
        registry.register("tts_gap_ms", "Silence before a phrase because it was late, ms", events.gap.clone());
        registry.register("tts_phrases", "Phrases by what ended them", events.phrases.clone());
        registry.register(
            "tts_waiting",
            "Utterances that wait on WebSockets for those before them",
            events.waiting.clone(),
        );
        registry.register(
            "barge_in_reaction_ms",
            "Interruption to the last sound, ms",
            events.barge_in_reaction.clone(),
        );
        registry.register("tts_filler_ms", "Message filler to its first sound, ms", events.filler.clone());
        registry.register("tts_cache", "Texts looked for in the cache", events.cache.clone());
        registry.register("tts_cache_bytes", "Sound in the cache", events.cache_bytes.clone());
        registry.register("tts_stock", "Phrases of the stock, by where their sound came from", events.stock.clone());
        registry.register("tts_resumed", "Conversations taken up again", events.resumed.clone());
        events
    }

    /// A provider has made its first sound, `ms` after it was asked.
    pub fn provider_first_audio(&self, provider: &'static str, ms: f64) {
        self.provider_first_audio.get_or_create(&ByProvider { provider }).observe(ms);
    }

    /// The provider in front did not speak an utterance to its end: somebody else did.
    pub fn fallback(&self) {
        self.fallbacks.inc();
    }

    /// `slow` had no sound in time; `won` was heard.
    pub fn hedged(&self, request_id: &str, slow: &'static str, won: &'static str) {
        self.hedged.get_or_create(&Hedged { slow, won }).inc();
        tracing::info!(event = "tts_hedged", request_id, slow, won);
    }

    /// A phrase was cut off a text, for this `reason`.
    pub fn phrase(&self, request_id: &str, index: u64, chars: usize, reason: &'static str) {
        self.phrases.get_or_create(&ByReason { reason }).inc();
        tracing::debug!(event = "tts_phrase", request_id, index, chars, reason);
    }

    /// The listener had nothing to hear for `ms` before a phrase; 0 when it was in time.
    pub fn gap(&self, request_id: &str, index: u64, ms: f64) {
        self.gap.observe(ms);
        if ms > 20.0 {
            tracing::info!(event = "tts_gap", request_id, index, ms);
        }
    }

    /// How many more utterances wait for those before them on a WebSocket.
    pub fn waiting(&self, change: i64) {
        self.waiting.inc_by(change);
    }

    /// An interruption for this `reason` ended the sound after `ms`.
    pub fn barge_in(&self, request_id: &str, reason: &'static str, ms: f64) {
        self.barge_in_reaction.get_or_create(&ByReason { reason }).observe(ms);
        tracing::info!(event = "tts_barge_in", request_id, reason, ms);
    }

    /// A filler was on its way after `ms`.
    pub fn filler(&self, request_id: &str, text: &str, ms: f64) {
        self.filler.observe(ms);
        tracing::info!(event = "tts_filler", request_id, text, ms);
    }

    /// A text was looked for in the cache.
    pub fn cached(&self, hit: bool) {
        self.cache.get_or_create(&ByResult { result: if hit { "hit" } else { "miss" } }).inc();
    }

    /// The cache holds so many bytes.
    pub fn cache_bytes(&self, bytes: u64) {
        self.cache_bytes.set(bytes.try_into().unwrap_or(i64::MAX));
    }

    /// A phrase of the stock is at hand: `loaded` from disk, `rendered`, or `failed`.
    pub fn stock(&self, result: &'static str, language: &str, text: &str, error: Option<&str>) {
        self.stock.get_or_create(&ByResult { result }).inc();
        match error {
            None => tracing::info!(event = "tts_stock", result, language, text),
            Some(error) => tracing::warn!(event = "tts_stock", result, language, text, error),
        }
    }

    /// Nobody can speak the texts of the stock in a language, of which `text` is the first.
    pub fn stock_unspoken(&self, language: &str, text: &str, error: Option<&str>) {
        self.stock.get_or_create(&ByResult { result: "failed" }).inc();
        let note = "give it a voice that can (local.voices, or ElevenLabs), or take its texts out of stock";
        tracing::info!(event = "tts_stock_unspoken", language, text, error, note);
    }

    /// The stock on disk is not as it should be, or cannot be written.
    pub fn stock_dir(&self, error: &str) {
        tracing::warn!(
            event = "tts_stock_dir",
            error,
            note = "what is missing is rendered, and kept in memory at least"
        );
    }

    /// Somebody wanted to take a conversation up again: `resumed`, `unknown` or `expired`.
    pub fn resumed(&self, request_id: &str, result: &'static str) {
        self.resumed.get_or_create(&ByResult { result }).inc();
        tracing::info!(event = "tts_resumed", request_id, result);
    }

    /// The settings of ElevenLabs, without the key.
    pub fn config_loaded(&self, settings: &ElevenLabsSettings, chain: &[&'static str]) {
        let ElevenLabsSettings { http_base_url, ws_base_url, voice_id, model_id, ws_auto_mode, .. } = settings;
        let osl = settings.optimize_streaming_latency;
        let chain = chain.join(",");
        tracing::info!(
            event = "tts_config_loaded",
            http_base_url,
            ws_base_url,
            voice_id,
            model_id,
            osl,
            ws_auto_mode,
            chain
        );
    }

    /// The fastest mode costs quality.
    pub fn latency_mode_warning(&self) {
        let note = "optimize_streaming_latency 4 is the fastest mode and may reduce quality";
        tracing::warn!(event = "tts_latency_mode_warning", note);
    }

    /// Nobody asked for ElevenLabs, and something is missing for it.
    pub fn elevenlabs_off(&self, missing: &[&str]) {
        let missing = missing.join(", ");
        tracing::info!(event = "tts_elevenlabs_off", missing, note = "only the local voice speaks");
    }

    pub fn provider_failed(
        &self,
        request_id: &str,
        provider: &'static str,
        failure: ProviderFailure,
        when: &'static str,
        error: &TtsError,
    ) {
        self.failed.get_or_create(&Failed { provider, failure: failure.name(), when }).inc();
        let source = std::error::Error::source(error).map(ToString::to_string);
        let failure = failure.name();
        tracing::warn!(event = "tts_provider_failed", request_id, provider, failure, when, error = %error, source);
    }

    /// Another provider speaks the rest of an utterance, `chars` characters.
    pub fn provider_switched(&self, request_id: &str, from: &'static str, to: &'static str, chars: usize) {
        self.switched.get_or_create(&Switched { from, to }).inc();
        tracing::warn!(event = "tts_provider_switch", request_id, from, to, chars);
    }

    pub fn breaker(&self, provider: &'static str, state: State) {
        let level = match state {
            State::Closed => 0.0,
            State::HalfOpen => 0.5,
            State::Open(_) => 1.0,
        };
        let before = self.breakers.get_or_create(&ByProvider { provider }).set(level);
        if before != level {
            tracing::info!(event = "tts_breaker", provider, state = state.name());
        }
    }

    /// An utterance begins. `chars` is `None` while its text is being written.
    pub fn speak_start(&self, request_id: &str, chars: Option<usize>) {
        self.active.inc();
        tracing::info!(event = "tts_speak_start", request_id, chars);
    }

    /// A provider's sound went out.
    pub fn audio(&self, provider: &'static str, sound: Duration) {
        self.audio_ms.get_or_create(&ByProvider { provider }).inc_by(sound.as_secs_f64() * 1000.0);
    }

    pub fn first_audio(&self, request_id: &str, provider: &'static str, ms: f64) {
        self.first_audio.get_or_create(&ByProvider { provider }).observe(ms);
        tracing::info!(event = "tts_first_audio", request_id, provider, ms);
    }

    pub fn speak_end(&self, ending: &Ending) {
        let Ending { request_id, provider, outcome, audio_ms, total_ms } = *ending;
        self.active.dec();
        self.utterances.get_or_create(&ByOutcome { provider, outcome }).inc();
        tracing::info!(event = "tts_speak_end", request_id, provider, outcome, audio_ms, total_ms);
    }

    pub fn rejected(&self, request_id: &str) {
        self.rejected.inc();
        tracing::warn!(event = "tts_rejected", request_id);
    }
}
