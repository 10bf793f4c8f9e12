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
        events
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

    pub fn speak_start(&self, request_id: &str, chars: usize) {
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
