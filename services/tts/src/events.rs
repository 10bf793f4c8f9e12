//! Each thing worth knowing, once: as a log line and as a metric.

use evervoice_core::service::observe::ms_histogram;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByProvider {
    provider: &'static str,
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
    audio_ms: Family<ByProvider, Counter>,
    rejected: Counter,
    active: Gauge,
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
        };
        registry.register("tts_first_audio_ms", "Request to first audio, ms", events.first_audio.clone());
        registry.register("tts_utterances", "Utterances by provider and how they ended", events.utterances.clone());
        registry.register("tts_audio_ms", "Speech made, ms", events.audio_ms.clone());
        registry.register("tts_rejected", "Utterances refused because too many were spoken", events.rejected.clone());
        registry.register("tts_active", "Utterances being spoken", events.active.clone());
        events
    }

    pub fn speak_start(&self, request_id: &str, chars: usize) {
        self.active.inc();
        tracing::info!(event = "tts_speak_start", request_id, chars);
    }

    pub fn first_audio(&self, request_id: &str, provider: &'static str, ms: f64) {
        self.first_audio.get_or_create(&ByProvider { provider }).observe(ms);
        tracing::info!(event = "tts_first_audio", request_id, provider, ms);
    }

    pub fn speak_end(&self, ending: &Ending) {
        let Ending { request_id, provider, outcome, audio_ms, total_ms } = *ending;
        self.active.dec();
        self.utterances.get_or_create(&ByOutcome { provider, outcome }).inc();
        self.audio_ms.get_or_create(&ByProvider { provider }).inc_by(audio_ms);
        tracing::info!(event = "tts_speak_end", request_id, provider, outcome, audio_ms, total_ms);
    }

    pub fn rejected(&self, request_id: &str) {
        self.rejected.inc();
        tracing::warn!(event = "tts_rejected", request_id);
    }
}
