//! Each thing worth knowing about ElevenLabs, once: as a log line and as a metric.

use std::time::Duration;

use evervoice_core::tts::ProviderFailure;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, gauge::Gauge, histogram::Histogram},
    registry::Registry,
};

use crate::http::ResponseInfo;

/// Upper bounds in ms, close together where first audio is: 20 ms to 3 s.
const BUCKETS: [f64; 16] =
    [1.0, 5.0, 20.0, 50.0, 75.0, 100.0, 150.0, 200.0, 300.0, 400.0, 600.0, 800.0, 1_200.0, 2_000.0, 3_000.0, 10_000.0];

type Histograms<L> = Family<L, Histogram, fn() -> Histogram>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Reason {
    reason: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Leased {
    waited: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct Mode {
    mode: &'static str,
}

/// Log and metrics of ElevenLabs. Cloning it shares the metrics.
#[derive(Clone)]
pub struct Events {
    handshake_ms: Histogram,
    handshake_failed: Counter,
    pings: Counter,
    ping_errors: Counter,
    closed: Family<Reason, Counter>,
    texts: Counter,
    text_chars: Counter,
    first_audio_ms: Histograms<Mode>,
    audio_chunks: Family<Mode, Counter>,
    audio_bytes: Family<Mode, Counter>,
    stream_ms: Histograms<Mode>,
    finals: Counter,
    requests: Counter,
    retries: Counter,
    character_cost: Counter,
    protocol_errors: Counter,
    ws_errors: Family<Reason, Counter>,
    http_errors: Family<Reason, Counter>,
    leases: Family<Leased, Counter>,
    lease_ms: Histogram,
    evicted: Family<Reason, Counter>,
    warm_ms: Histogram,
    warm_failed: Counter,
    pool_ready: Gauge,
    pool_busy: Gauge,
}

const WS: Mode = Mode { mode: "ws" };
const HTTP: Mode = Mode { mode: "http" };

fn histogram() -> Histogram {
    Histogram::new(BUCKETS)
}

fn ms(duration: Duration) -> f64 {
    duration.as_secs_f64() * 1000.0
}

/// What went over one stream, for its end.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Totals {
    /// From its beginning.
    pub elapsed: Duration,
    /// Pieces of sound.
    pub chunks: u64,
    /// Bytes of sound as the service sent them.
    pub bytes: u64,
}

impl Events {
    /// Registers the metrics.
    pub fn register(registry: &mut Registry) -> Self {
        let e = Self::unregistered();
        let r = registry.sub_registry_with_prefix("elevenlabs");
        r.register("ws_handshake_ms", "Connecting a WebSocket: name, TCP, TLS, upgrade, ms", e.handshake_ms.clone());
        r.register("ws_handshake_failed", "WebSockets that could not be connected", e.handshake_failed.clone());
        r.register("ws_keepalive_pings", "Signs of life asked for", e.pings.clone());
        r.register("ws_keepalive_errors", "Signs of life that did not come", e.ping_errors.clone());
        r.register("ws_closed", "WebSockets closed, by who did", e.closed.clone());
        r.register("ws_texts", "Text messages sent", e.texts.clone());
        r.register("ws_text_chars", "Characters sent", e.text_chars.clone());
        r.register("first_audio_ms", "First text or request sent to first sound, ms", e.first_audio_ms.clone());
        r.register("audio_chunks", "Pieces of sound received", e.audio_chunks.clone());
        r.register("audio_bytes", "Bytes of sound received", e.audio_bytes.clone());
        r.register("stream_ms", "First text or request sent to the end, ms", e.stream_ms.clone());
        r.register("ws_finals", "Ends told by the service", e.finals.clone());
        r.register("http_requests", "Requests sent, retries included", e.requests.clone());
        r.register("http_retries", "Requests sent again", e.retries.clone());
        r.register("http_character_cost", "Characters of the plan that requests cost", e.character_cost.clone());
        r.register("protocol_errors", "Messages that make no sense", e.protocol_errors.clone());
        r.register("ws_errors", "Utterances that failed over a WebSocket", e.ws_errors.clone());
        r.register("http_errors", "Requests that failed", e.http_errors.clone());
        r.register("pool_leases", "Sockets handed out, and whether they had waited", e.leases.clone());
        r.register("pool_lease_ms", "Waiting for a socket, ms", e.lease_ms.clone());
        r.register("pool_evicted", "Sockets taken out of the pool", e.evicted.clone());
        r.register("pool_warm_ms", "Waking the model, ms", e.warm_ms.clone());
        r.register("pool_warm_failed", "Attempts to wake the model that failed", e.warm_failed.clone());
        r.register("pool_ready", "Sockets with room", e.pool_ready.clone());
        r.register("pool_busy", "Utterances on sockets", e.pool_busy.clone());
        e
    }

    /// Metrics that nobody reads, for programs without a registry.
    pub fn unregistered() -> Self {
        Self {
            handshake_ms: histogram(),
            handshake_failed: Counter::default(),
            pings: Counter::default(),
            ping_errors: Counter::default(),
            closed: Family::default(),
            texts: Counter::default(),
            text_chars: Counter::default(),
            first_audio_ms: Family::new_with_constructor(histogram),
            audio_chunks: Family::default(),
            audio_bytes: Family::default(),
            stream_ms: Family::new_with_constructor(histogram),
            finals: Counter::default(),
            requests: Counter::default(),
            retries: Counter::default(),
            character_cost: Counter::default(),
            protocol_errors: Counter::default(),
            ws_errors: Family::default(),
            http_errors: Family::default(),
            leases: Family::default(),
            lease_ms: histogram(),
            evicted: Family::default(),
            warm_ms: histogram(),
            warm_failed: Counter::default(),
            pool_ready: Gauge::default(),
            pool_busy: Gauge::default(),
        }
    }

    /// A WebSocket begins to connect.
    pub fn ws_handshake_start(&self, socket: u64) {
        tracing::info!(event = "ws_handshake_start", socket);
    }

    /// It is open.
    pub fn ws_handshake_finish(&self, socket: u64, took: Duration) {
        self.handshake_ms.observe(ms(took));
        tracing::info!(event = "ws_handshake_finish", socket, ms = ms(took));
    }

    /// It could not be opened.
    pub fn ws_handshake_failed(&self, socket: u64, took: Duration, error: &dyn std::error::Error) {
        self.handshake_failed.inc();
        tracing::warn!(event = "ws_handshake_failed", socket, ms = ms(took), error = %error);
    }

    /// A sign of life was asked for.
    pub fn ws_keepalive_ping(&self, socket: u64) {
        self.pings.inc();
        tracing::debug!(event = "ws_keepalive_ping", socket);
    }

    /// It did not come.
    pub fn ws_keepalive_error(&self, error: &str) {
        self.ping_errors.inc();
        tracing::warn!(event = "ws_keepalive_error", error);
    }

    /// A WebSocket is closed: by `us`, by the `service`, or it is `lost`.
    pub fn ws_closed(&self, socket: u64, by: &'static str, reason: &str) {
        self.closed.get_or_create(&Reason { reason: by }).inc();
        tracing::info!(event = "ws_closed", socket, by, reason);
    }

    /// Text was sent. `seq` counts from 1.
    pub fn ws_send_text(&self, request_id: &str, seq: u64, chars: usize, try_trigger_generation: bool) {
        self.texts.inc();
        self.text_chars.inc_by(chars as u64);
        tracing::debug!(event = "ws_send_text", request_id, seq, chars, try_trigger_generation);
    }

    /// Sound came.
    pub fn ws_recv_audio(&self, request_id: &str, bytes: usize) {
        self.audio_chunks.get_or_create(&WS).inc();
        self.audio_bytes.get_or_create(&WS).inc_by(bytes as u64);
        tracing::debug!(event = "ws_recv_audio", request_id, bytes);
    }

    /// The first sound came, so long after the first text.
    pub fn ws_first_audio(&self, request_id: &str, took: Duration, bytes: usize) {
        self.first_audio_ms.get_or_create(&WS).observe(ms(took));
        tracing::info!(event = "ws_first_audio", request_id, ms = ms(took), bytes);
    }

    /// The service said that all has been spoken.
    pub fn ws_final_received(&self, request_id: &str) {
        self.finals.inc();
        tracing::debug!(event = "ws_final_received", request_id);
    }

    /// The utterance is over.
    pub fn ws_stream_end(&self, request_id: &str, totals: Totals) {
        self.stream_ms.get_or_create(&WS).observe(ms(totals.elapsed));
        let Totals { chunks, bytes, elapsed } = totals;
        tracing::info!(event = "ws_stream_end", request_id, total_ms = ms(elapsed), chunks, bytes);
    }

    /// A request goes out; `attempt` counts from 1.
    pub fn http_request_start(&self, request_id: &str, attempt: usize, chars: usize) {
        self.requests.inc();
        if attempt > 1 {
            self.retries.inc();
        }
        tracing::info!(event = "http_request_start", request_id, attempt, chars);
    }

    /// The service accepted it: by which id its support knows it, what it costs, and how close to the plan's limit we are.
    pub fn http_answer(&self, request_id: &str, info: &ResponseInfo) {
        self.character_cost.inc_by(info.character_cost.unwrap_or_default());
        tracing::info!(
            event = "http_answer",
            request_id,
            upstream_request_id = info.request_id,
            region = info.region,
            character_cost = info.character_cost,
            concurrent_requests = info.current_concurrent_requests,
            maximum_concurrent_requests = info.maximum_concurrent_requests,
        );
    }

    /// The first byte of sound came.
    pub fn http_first_byte(&self, request_id: &str, took: Duration) {
        self.first_audio_ms.get_or_create(&HTTP).observe(ms(took));
        tracing::info!(event = "http_first_byte", request_id, ms = ms(took));
    }

    /// A piece of sound came.
    pub fn http_recv_audio(&self, bytes: usize) {
        self.audio_chunks.get_or_create(&HTTP).inc();
        self.audio_bytes.get_or_create(&HTTP).inc_by(bytes as u64);
    }

    /// The body is over.
    pub fn http_stream_end(&self, request_id: &str, totals: Totals) {
        self.stream_ms.get_or_create(&HTTP).observe(ms(totals.elapsed));
        let Totals { chunks, bytes, elapsed } = totals;
        tracing::info!(event = "http_stream_end", request_id, total_ms = ms(elapsed), chunks, bytes);
    }

    /// The service sent something that makes no sense.
    pub fn tts_protocol_error(&self, request_id: &str, error: &str) {
        self.protocol_errors.inc();
        tracing::error!(event = "tts_protocol_error", request_id, error);
    }

    /// An utterance failed over a WebSocket. `error` is for people; it holds no key.
    pub fn tts_ws_error(&self, request_id: &str, failure: ProviderFailure, error: &str) {
        self.ws_errors.get_or_create(&Reason { reason: failure.name() }).inc();
        tracing::warn!(event = "tts_ws_error", request_id, failure = failure.name(), error);
    }

    /// A request failed. `status` is 0 when there was no answer.
    pub fn tts_http_error(&self, request_id: &str, failure: ProviderFailure, status: u16, error: &str) {
        self.http_errors.get_or_create(&Reason { reason: failure.name() }).inc();
        tracing::warn!(event = "tts_http_error", request_id, failure = failure.name(), status, error);
    }

    /// A socket was handed out: one that had `waited` in the pool, or a fresh one.
    pub fn ws_pool_lease(&self, waited: bool, took: Duration) {
        self.leases.get_or_create(&Leased { waited: if waited { "true" } else { "false" } }).inc();
        self.lease_ms.observe(ms(took));
        tracing::debug!(event = "ws_pool_lease", waited, ms = ms(took));
    }

    /// A socket was taken out of the pool.
    pub fn ws_pool_evicted(&self, reason: &'static str) {
        self.evicted.get_or_create(&Reason { reason }).inc();
        tracing::debug!(event = "ws_pool_evicted", reason);
    }

    /// The model was woken.
    pub fn ws_pool_warmed(&self, took: Duration) {
        self.warm_ms.observe(ms(took));
        tracing::info!(event = "ws_pool_warmed", ms = ms(took));
    }

    /// The model could not be woken.
    pub fn ws_pool_warm_failed(&self, error: &str) {
        self.warm_failed.inc();
        tracing::warn!(event = "ws_pool_warm_failed", error);
    }

    /// How full the pool is.
    pub fn ws_pool_level(&self, ready: usize, busy: usize) {
        self.pool_ready.set(i64::try_from(ready).unwrap_or(i64::MAX));
        self.pool_busy.set(i64::try_from(busy).unwrap_or(i64::MAX));
    }
}
