//! The house on free ports.

use std::path::{Path, PathBuf};

use evervoice::{House, HouseSettings};
use evervoice_core::service::Lifecycle;
use reqwest::Response;

pub struct TestHouse {
    pub gateway: String,
    pub tts: String,
    pub client: reqwest::Client,
    pub lifecycle: Lifecycle,
    pub house: House,
}

impl TestHouse {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut HouseSettings)) -> Self {
        let mut settings = HouseSettings::default();
        for server in [&mut settings.gateway.server, &mut settings.asr.server, &mut settings.tts.server] {
            server.port = 0;
        }
        // What one test rendered another one would find.
        settings.tts.stock.dir = None;
        change(&mut settings);
        let lifecycle = Lifecycle::new();
        let house = House::start(settings, &lifecycle).await.unwrap();
        let client = evervoice_http_client::builder().build().unwrap();
        let [gateway, tts] = [&house.gateway, &house.tts].map(|running| running.address.to_string());
        Self { gateway, tts, client, lifecycle, house }
    }

    /// `POST` to the gateway.
    pub async fn post(&self, path: &str, body: impl Into<reqwest::Body>) -> Response {
        self.client.post(format!("http://{}{path}", self.gateway)).body(body).send().await.unwrap()
    }

    /// The value of a metric of the gateway, by the beginning of its line.
    pub async fn metric(&self, sample: &str) -> f64 {
        let url = format!("http://{}/metrics", self.gateway);
        let text = self.client.get(url).send().await.unwrap().text().await.unwrap();
        let line = text.lines().find(|line| line.starts_with(sample));
        line.map_or(0.0, |line| line.rsplit(' ').next().unwrap().parse().unwrap())
    }

    /// The sound of a text, by way of the gateway.
    pub async fn speak(&self, text: &str) -> Vec<u8> {
        let body = serde_json::json!({ "text": text }).to_string();
        let response = self.post("/api/tts", body).await;
        assert_eq!(response.status(), 200);
        response.bytes().await.unwrap().to_vec()
    }
}

pub fn testdata(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata").join(name)
}
