//! A thousand streams in real time through gateway and tts: does each piece of sound come before the listener needs it, and
//! what does a stream cost in memory.
//!
//! The emulator (TLS, a process of its own) sends sound exactly as fast as it is heard, in pieces of 100 ms. A listener
//! starts with the first piece; a piece is late by as much as it comes after the end of all before it.

use std::{
    io::{BufRead, BufReader, Read},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use elevenlabs_emulator::{Config, Emulator};
use futures_util::future::join_all;
use serde_json::{Value, json};

use crate::{
    measure::{block_on, client, percentile},
    process,
};

/// The argument that makes this program the emulator.
pub const EMULATOR: &str = "emulator-process";

const STREAMS: usize = 1_000;
/// Between the beginnings of two streams.
const STAGGER: Duration = Duration::from_millis(5);

/// The emulator as a process: says where it is, and ends when its stdin does.
pub fn emulator() {
    block_on(async {
        let config = Config { tls: true, pace: 1.0, frame_ms: 100, ..Config::default() };
        let emulator = Emulator::start(config).await.unwrap();
        let urls = json!({"https": emulator.https_url(), "wss": emulator.wss_url(), "pem": emulator.certificate_pem()});
        println!("{urls}");
        tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new())).await.unwrap().unwrap();
    });
}

struct Far(Child);

impl Drop for Far {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

pub fn run() {
    let mut far = Command::new(std::env::current_exe().unwrap())
        .arg(EMULATOR)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(far.stdout.take().unwrap()).read_line(&mut line).unwrap();
    let _far = Far(far);
    let urls: Value = serde_json::from_str(&line).unwrap();
    let text = |name: &str| urls[name].as_str().unwrap();

    let directory = tempfile::tempdir().unwrap();
    let certificate = directory.path().join("emulator.pem");
    std::fs::write(&certificate, text("pem")).unwrap();
    let settings =
        "pool_max: 400\nws_inactivity_timeout: 180\nspeech: {max_utterances: 2000}\nstock: {enabled: false}\n";
    std::fs::write(directory.path().join("tts_config.yml"), settings).unwrap();
    let process = process::start(
        &["--config-dir", directory.path().to_str().unwrap()],
        &[
            ("TTS_PROVIDER", "elevenlabs"),
            ("ELEVEN_API_KEY", "test-key"),
            ("ELEVEN_VOICE_ID", "voice-a"),
            ("ELEVEN_MODEL_ID", "eleven_flash_v2_5"),
            ("ELEVEN_HTTP_BASE_URL", text("https")),
            ("ELEVEN_WS_BASE_URL", text("wss")),
            ("SSL_CERT_FILE", certificate.to_str().unwrap()),
        ],
    );
    block_on(async {
        let url = format!("{}/api/tts", process.gateway);
        listen(&url, 20, &process).await;
        let quiet = process.memory();
        let (mut late, peak) = listen(&url, STREAMS, &process).await;
        let [p50, p99, worst] = [0.5, 0.99, 1.0].map(|share| percentile(&mut late, share));
        println!("{STREAMS} streams, {} pieces: late by p50 {p50:.1}, p99 {p99:.1}, worst {worst:.1} ms", late.len());
        let each = (peak - quiet) * 1e6 / 1024.0 / STREAMS as f64;
        println!("resident: {quiet:.1} MB before, {peak:.1} MB with all of them: {each:.1} KiB each");
    });
}

/// By how many ms each piece of sound was late, and the resident memory in MB when all streams ran.
async fn listen(url: &str, streams: usize, process: &process::Process) -> (Vec<f64>, f64) {
    let client = client();
    // Ten seconds and more, so that all streams overlap.
    let body = json!({ "text": "The quick brown fox jumps over the lazy dog. ".repeat(16) }).to_string();
    let all_begun = Duration::from_secs(2) + STAGGER * streams as u32;
    let each = (0..streams).map(|number| {
        let (client, url, body) = (client.clone(), url.to_owned(), body.clone());
        async move {
            tokio::time::sleep(STAGGER * number as u32).await;
            let mut response = client.post(url).body(body).send().await.unwrap();
            assert_eq!(response.headers()["x-voice-provider"], "elevenlabs_ws");
            let (mut late, mut heard, mut began) = (vec![], Duration::ZERO, None::<Instant>);
            while let Some(sound) = response.chunk().await.unwrap() {
                let needed = *began.get_or_insert_with(Instant::now) + heard;
                late.push(needed.elapsed().as_secs_f64() * 1000.0);
                heard += Duration::from_secs_f64(sound.len() as f64 / 32_000.0);
            }
            late
        }
    });
    let peak = async {
        tokio::time::sleep(all_begun).await;
        process.memory()
    };
    let (late, peak) = tokio::join!(join_all(each.map(tokio::spawn)), peak);
    (late.into_iter().flat_map(Result::unwrap).collect(), peak)
}
