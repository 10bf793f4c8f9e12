//! What is logged and counted: one function per event, so that a log line and its metric cannot drift apart.
//!
//! Words that people said are never logged.

use std::{
    sync::atomic::AtomicU64,
    time::{Duration, Instant},
};

use evervoice_core::service::{Problem, observe::ms_histogram};
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct CodeLabel {
    code: String,
}

/// The metrics of this service. Cheap to clone.
#[derive(Clone)]
pub struct Events {
    sound_seconds: Counter<f64, AtomicU64>,
    recognition_ms: Histogram,
    streams: Gauge,
    stream_problems: Family<CodeLabel, Counter>,
}

impl Events {
    pub fn register(registry: &mut Registry) -> Self {
        let events = Self {
            sound_seconds: Counter::default(),
            recognition_ms: ms_histogram(),
            streams: Gauge::default(),
            stream_problems: Family::default(),
        };
        registry.register("asr_sound_seconds", "Sound recognised, in seconds", events.sound_seconds.clone());
        registry.register(
            "asr_recognition_ms",
            "Whole body to transcript, with waiting for a thread, ms",
            events.recognition_ms.clone(),
        );
        registry.register("asr_streams_active", "WebSocket streams that are open", events.streams.clone());
        registry.register("asr_stream_problems", "Streams that ended with a problem", events.stream_problems.clone());
        events
    }

    /// The model is in memory and works.
    pub fn model_loaded(model: &str, language: &str, threads: usize, took: Duration) {
        tracing::info!(event = "asr_model_loaded", model, language, threads, ms = ms(took));
    }

    /// The sound of a request has become text.
    pub fn recognized(&self, request_id: &str, sound_seconds: f64, words: usize, took: Duration) {
        self.sound_seconds.inc_by(sound_seconds);
        self.recognition_ms.observe(ms(took));
        tracing::info!(event = "asr_recognized", request_id, sound_seconds, words, ms = ms(took));
    }

    /// A stream is open; it ends when the returned value is dropped, whatever ends it.
    pub fn stream_opened(&self, request_id: &str) -> OpenStream {
        self.streams.inc();
        tracing::info!(event = "asr_stream_opened", request_id);
        let (request_id, began) = (request_id.to_owned(), Instant::now());
        OpenStream {
            events: self.clone(),
            request_id,
            began,
            sound_seconds: 0.0,
            finals: 0,
            ended: "client_gone".into(),
        }
    }
}

/// An open stream and what is told at its end.
pub struct OpenStream {
    events: Events,
    request_id: String,
    began: Instant,
    /// Length of the sound so far.
    pub sound_seconds: f64,
    /// Utterances so far.
    pub finals: usize,
    ended: String,
}

impl OpenStream {
    /// The stream ended as it should.
    pub fn complete(&mut self) {
        "complete".clone_into(&mut self.ended);
    }

    /// The stream ended with a problem.
    pub fn failed(&mut self, problem: &Problem) {
        self.ended.clone_from(&problem.code);
        self.events.stream_problems.get_or_create(&CodeLabel { code: problem.code.clone() }).inc();
    }
}

impl Drop for OpenStream {
    fn drop(&mut self) {
        self.events.streams.dec();
        self.events.sound_seconds.inc_by(self.sound_seconds);
        tracing::info!(
            event = "asr_stream_closed",
            request_id = self.request_id,
            outcome = self.ended,
            sound_seconds = self.sound_seconds,
            finals = self.finals,
            ms = ms(self.began.elapsed()),
        );
    }
}

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
