//! Clocks, medians, and the house to measure.

use std::{
    future::Future,
    path::{Path, PathBuf},
    time::Instant,
};

use evervoice::{House, HouseSettings};
use evervoice_core::service::Lifecycle;

pub const TEN_WORDS: &str = r#"{"text": "The meeting is on Friday at ten thirty in the office."}"#;

/// Runs a future on a runtime of its own.
pub fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap().block_on(work)
}

/// The house on free ports, and a client.
pub async fn house() -> (House, Lifecycle, reqwest::Client) {
    let mut settings = HouseSettings::default();
    for server in [&mut settings.gateway.server, &mut settings.asr.server, &mut settings.tts.server] {
        server.port = 0;
    }
    // Every text is made, however often it is spoken, and nothing else.
    (settings.tts.speech.cache_mb, settings.tts.stock.enabled) = (0, false);
    let lifecycle = Lifecycle::new();
    let house = House::start(settings, &lifecycle).await.unwrap();
    (house, lifecycle, client())
}

pub fn client() -> reqwest::Client {
    evervoice_http_client::builder().build().unwrap()
}

/// ms from the request to the first byte of the body.
pub async fn first_byte(client: &reqwest::Client, url: &str, body: &'static str) -> f64 {
    let began = Instant::now();
    let mut response = client.post(url).body(body).send().await.unwrap();
    assert_eq!(response.status(), 200);
    response.chunk().await.unwrap().unwrap();
    let ms = began.elapsed().as_secs_f64() * 1000.0;
    while response.chunk().await.unwrap().is_some() {}
    ms
}

/// Percentile `share` (0 to 1), the nearest value.
pub fn percentile(values: &mut [f64], share: f64) -> f64 {
    values.sort_by(f64::total_cmp);
    values[((values.len() - 1) as f64 * share).round() as usize]
}

pub fn report(what: &str, values: &mut [f64], unit: &str) {
    let [p50, p95, p99] = [0.5, 0.95, 0.99].map(|share| percentile(values, share));
    println!("{what}: p50 {p50:.3} p95 {p95:.3} p99 {p99:.3} {unit} (n {})", values.len());
}

pub fn repository() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Samples of a clip of `testdata`.
pub fn clip(name: &str) -> Vec<i16> {
    let file = repository().join("testdata/asr").join(name);
    hound::WavReader::open(file).unwrap().into_samples().map(Result::unwrap).collect()
}
