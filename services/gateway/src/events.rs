//! Each thing worth knowing, once: as a log line and as a metric.

use std::net::SocketAddr;

use evervoice_core::service::observe::ms_histogram;
use prometheus_client::{
    encoding::EncodeLabelSet,
    metrics::{counter::Counter, family::Family, histogram::Histogram},
    registry::Registry,
};

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByUpstream {
    upstream: &'static str,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct ByFailure {
    upstream: &'static str,
    code: &'static str,
}

/// Log and metrics of the gateway.
#[derive(Clone)]
pub struct Events {
    head: Family<ByUpstream, Histogram, fn() -> Histogram>,
    failures: Family<ByFailure, Counter>,
    silent: Family<ByUpstream, Counter>,
}

impl Events {
    pub fn register(registry: &mut Registry) -> Self {
        let events = Self {
            head: Family::new_with_constructor(ms_histogram),
            failures: Family::default(),
            silent: Family::default(),
        };
        registry.register("upstream_head_ms", "Request sent to head of the answer received, ms", events.head.clone());
        registry.register("upstream_failures", "Upstreams that did not answer, or broke off", events.failures.clone());
        registry.register(
            "upstream_silent",
            "Questions whether a silent upstream lives that were not answered",
            events.silent.clone(),
        );
        events
    }

    pub fn upstream_answered(&self, upstream: &'static str, status: u16, request_id: &str, ms: f64) {
        self.head.get_or_create(&ByUpstream { upstream }).observe(ms);
        tracing::debug!(event = "upstream_answered", upstream, status, request_id, ms);
    }

    pub fn upstream_failed(&self, upstream: &'static str, code: &'static str, request_id: &str, error: &str) {
        self.failures.get_or_create(&ByFailure { upstream, code }).inc();
        tracing::error!(event = "upstream_failed", upstream, code, request_id, error);
    }

    /// Once for everybody who waits. `address` is `None` where it was asked by its name.
    pub fn upstream_silent(&self, upstream: &'static str, address: Option<SocketAddr>) {
        self.silent.get_or_create(&ByUpstream { upstream }).inc();
        tracing::error!(event = "upstream_silent", upstream, address = address.map(tracing::field::display));
    }
}
