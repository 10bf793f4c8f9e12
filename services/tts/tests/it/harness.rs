//! A service on a free port, and ways to talk to it.

use std::net::SocketAddr;

use evervoice_core::service::{Lifecycle, serve::Drained, shell::start};
use evervoice_tts::{Tts, TtsSettings};
use reqwest::{RequestBuilder, Response};
use serde_json::Value;
use tokio::task::JoinHandle;

pub struct TestService {
    pub address: SocketAddr,
    pub lifecycle: Lifecycle,
    pub client: reqwest::Client,
    pub done: JoinHandle<Drained>,
}

impl TestService {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut TtsSettings)) -> Self {
        let mut settings = TtsSettings::default();
        settings.server.port = 0;
        // A text that is spoken again is made again, and nothing is made that a test did not ask for.
        settings.speech.cache_mb = 0;
        settings.stock.enabled = false;
        change(&mut settings);
        let lifecycle = Lifecycle::new();
        let running = start::<Tts>(settings, &lifecycle).await.unwrap();
        lifecycle.set_ready();
        let client = evervoice_http_client::builder().build().unwrap();
        Self { address: running.address, lifecycle, client, done: running.done }
    }

    pub fn post(&self, path: &str) -> RequestBuilder {
        self.client.post(format!("http://{}{path}", self.address))
    }

    /// `POST /api/tts` with this JSON text.
    pub async fn speak(&self, body: &str) -> Response {
        self.post("/api/tts").body(body.to_owned()).send().await.unwrap()
    }

    pub async fn get(&self, path: &str) -> Response {
        self.client.get(format!("http://{}{path}", self.address)).send().await.unwrap()
    }

    /// The value of a metric's sample, by the beginning of its line.
    pub async fn metric(&self, sample: &str) -> f64 {
        let text = self.get("/metrics").await.text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with(sample));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }
}

/// Status, and the problem in the body.
pub async fn problem(response: Response) -> (u16, Value) {
    let status = response.status().as_u16();
    assert_eq!(response.headers()["content-type"], "application/problem+json", "status {status}");
    let id = response.headers()["x-request-id"].to_str().unwrap().to_owned();
    let body: Value = response.json().await.unwrap();
    assert_eq!(body["status"], status);
    assert_eq!(body["request_id"], id);
    (status, body)
}

pub async fn code(response: Response) -> (u16, String) {
    let (status, body) = problem(response).await;
    (status, body["code"].as_str().unwrap().to_owned())
}
