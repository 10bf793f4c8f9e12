//! Routes for whoever runs a service: `/live`, `/ready`, `/health`, `/metrics`.

use std::{collections::BTreeMap, sync::Arc};

use async_trait::async_trait;
use axum::{
    Json, Router,
    extract::State,
    http::{StatusCode, header},
    response::{IntoResponse, Response},
    routing::get,
};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::{Lifecycle, Problem};

/// How a part of a service is doing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Status {
    /// It works.
    Ok,
    /// It works with less than it should have.
    Degraded,
    /// It does not work.
    Down,
}

/// A part of a service in `/health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Part {
    /// How it is doing.
    pub status: Status,
    /// What else there is to know, by name.
    #[serde(flatten)]
    pub detail: BTreeMap<String, Value>,
}

impl Part {
    /// A part without details.
    pub fn new(status: Status) -> Self {
        Self { status, detail: BTreeMap::new() }
    }

    /// Adds a detail.
    pub fn with(mut self, name: &str, value: impl Into<Value>) -> Self {
        self.detail.insert(name.to_owned(), value.into());
        self
    }
}

/// The body of `/health`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Health {
    /// The worst of the parts.
    pub status: Status,
    /// Name of the service.
    pub service: String,
    /// Version of the program.
    pub version: String,
    /// Every part by name.
    pub parts: BTreeMap<String, Part>,
}

/// Says how the parts of a service are doing.
#[async_trait]
pub trait HealthCheck: Send + Sync {
    /// Every part by name. Must answer within a second or two, whatever the parts do.
    async fn parts(&self) -> BTreeMap<String, Part>;
}

pub(super) struct Ops {
    pub service: &'static str,
    pub lifecycle: Lifecycle,
    pub health: Arc<dyn HealthCheck>,
    pub registry: Arc<std::sync::Mutex<prometheus_client::registry::Registry>>,
}

pub(super) fn routes(ops: Ops) -> Router {
    Router::new()
        .route("/live", get(|| async { "live\n" }))
        .route("/ready", get(ready))
        .route("/health", get(health))
        .route("/metrics", get(metrics))
        .with_state(Arc::new(ops))
}

async fn ready(State(ops): State<Arc<Ops>>) -> Response {
    if ops.lifecycle.is_ready() {
        "ready\n".into_response()
    } else {
        let what = if ops.lifecycle.is_stopping() { "the service is shutting down" } else { "the service is starting" };
        Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", what).into_response()
    }
}

/// 200 while the service does its job, also with less than it should have; 503 when a part is down.
async fn health(State(ops): State<Arc<Ops>>) -> Response {
    let parts = ops.health.parts().await;
    let worst = |wanted| parts.values().any(|part| part.status == wanted);
    let (code, status) = match () {
        () if worst(Status::Down) => (StatusCode::SERVICE_UNAVAILABLE, Status::Down),
        () if worst(Status::Degraded) => (StatusCode::OK, Status::Degraded),
        () => (StatusCode::OK, Status::Ok),
    };
    let version = env!("CARGO_PKG_VERSION").to_owned();
    (code, Json(Health { status, service: ops.service.to_owned(), version, parts })).into_response()
}

async fn metrics(State(ops): State<Arc<Ops>>) -> Response {
    let mut text = String::new();
    let encoded = match ops.registry.lock() {
        Ok(registry) => prometheus_client::encoding::text::encode(&mut text, &registry).is_ok(),
        Err(_) => false,
    };
    if !encoded {
        return Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "metrics_failed", "the metrics cannot be written")
            .into_response();
    }
    ([(header::CONTENT_TYPE, "application/openmetrics-text; version=1.0.0; charset=utf-8")], text).into_response()
}
