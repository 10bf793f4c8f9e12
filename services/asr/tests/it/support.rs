//! A running service, a plain HTTP client, and sound to send.

use std::{collections::HashMap, net::SocketAddr, path::Path, time::Duration};

use evervoice_asr::{Asr, AsrSettings};
use evervoice_core::service::{Lifecycle, Running, serve::Drained, shell};
use serde_json::Value;
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};

/// Far more than any answer takes; a test that waits this long has failed.
pub const PATIENCE: Duration = Duration::from_secs(60);

/// The service in this process, on a free port.
pub struct TestService {
    pub address: SocketAddr,
    pub lifecycle: Lifecycle,
    running: Running,
}

impl TestService {
    pub async fn start() -> Self {
        Self::with(|_| {}).await
    }

    pub async fn with(change: impl FnOnce(&mut AsrSettings)) -> Self {
        let mut config = AsrSettings::default();
        config.server.port = 0;
        config.recognition.threads = Some(2);
        change(&mut config);
        let lifecycle = Lifecycle::new();
        let running = shell::start::<Asr>(config, &lifecycle).await.unwrap();
        lifecycle.set_ready();
        Self { address: running.address, lifecycle, running }
    }

    /// Sends sound and waits for the answer.
    pub async fn post(&self, query: &str, body: &[u8]) -> Answer {
        self.post_with("", query, body).await
    }

    /// As [`Self::post`], with header lines that each end in `\r\n`.
    pub async fn post_with(&self, headers: &str, query: &str, body: &[u8]) -> Answer {
        let mut stream = self.begin(headers, query, body.len()).await;
        // The service may answer and close before it has read everything.
        let _ = stream.write_all(body).await;
        Answer::read(stream).await
    }

    /// The head of a request with a body of `length` bytes, which is still to be sent.
    pub async fn begin(&self, headers: &str, query: &str, length: usize) -> TcpStream {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!(
            "POST /api/stt/bytes{query} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n{headers}Content-Length: {length}\r\n\r\n"
        );
        stream.write_all(head.as_bytes()).await.unwrap();
        stream
    }

    pub async fn get(&self, path: &str) -> Answer {
        let mut stream = TcpStream::connect(self.address).await.unwrap();
        let head = format!("GET {path} HTTP/1.1\r\nHost: test\r\nConnection: close\r\n\r\n");
        stream.write_all(head.as_bytes()).await.unwrap();
        Answer::read(stream).await
    }

    /// Value of a metric in `/metrics`, with its labels in the name.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.get("/metrics").await.text();
        let line = text.lines().find(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with(' ')));
        line.unwrap_or_else(|| panic!("no {name} in\n{text}")).rsplit(' ').next().unwrap().parse().unwrap()
    }

    /// Stops and says how the drain went.
    pub async fn stop(self) -> Drained {
        self.lifecycle.stop();
        timeout(PATIENCE, self.running.done).await.unwrap().unwrap()
    }
}

/// An HTTP answer.
pub struct Answer {
    pub status: u16,
    pub headers: HashMap<String, String>,
    pub body: Vec<u8>,
}

impl Answer {
    pub async fn read(mut stream: TcpStream) -> Self {
        let mut bytes = Vec::new();
        timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("an answer in time").expect("an answer");
        let end = bytes.windows(4).position(|window| window == b"\r\n\r\n").expect("a whole head");
        let head = String::from_utf8(bytes[..end].to_vec()).unwrap();
        let mut lines = head.lines();
        let status = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
        let headers = lines.map(|line| {
            let (name, value) = line.split_once(':').unwrap();
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Self { status, headers: headers.collect(), body: bytes[end + 4..].to_vec() }
    }

    pub fn text(&self) -> String {
        String::from_utf8(self.body.clone()).unwrap()
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {}", self.text()))
    }

    /// The words of a transcript.
    #[track_caller]
    pub fn words(&self) -> String {
        assert_eq!(self.status, 200, "{}", self.text());
        self.json()["text"].as_str().unwrap().to_owned()
    }

    /// Checks that this is a whole problem body, and gives its status and code.
    #[track_caller]
    pub fn problem(&self) -> (u16, String) {
        assert_eq!(self.headers["content-type"], "application/problem+json", "{}", self.text());
        let json = self.json();
        let code = json["code"].as_str().unwrap().to_owned();
        assert_eq!(json["type"], format!("urn:evervoice:problem:{code}"));
        assert_eq!(json["status"], self.status);
        assert_eq!(json["request_id"], self.headers["x-request-id"]);
        assert!(!json["detail"].as_str().unwrap().is_empty());
        (self.status, code)
    }

    pub fn detail(&self) -> String {
        self.json()["detail"].as_str().unwrap().to_owned()
    }
}

/// A clip as it lies on disk.
pub fn wav(name: &str) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/asr").join(name).with_extension("wav");
    std::fs::read(path).unwrap()
}

/// A clip as samples, mono at 16 kHz.
pub fn samples(name: &str) -> Vec<i16> {
    let file = wav(name);
    hound::WavReader::new(file.as_slice()).unwrap().into_samples().map(Result::unwrap).collect()
}

/// A clip as raw s16le, mono at 16 kHz.
pub fn pcm(name: &str) -> Vec<u8> {
    bytes(samples(name))
}

pub fn bytes(samples: impl IntoIterator<Item = i16>) -> Vec<u8> {
    samples.into_iter().flat_map(i16::to_le_bytes).collect()
}

/// Name of each clip and what is said in it, one text per utterance.
pub fn transcripts() -> Vec<(String, Vec<String>)> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../testdata/asr/transcripts.tsv");
    let table = std::fs::read_to_string(path).unwrap();
    let rows = table.lines().map(|line| {
        let mut columns = line.split('\t');
        let name = columns.next().unwrap().to_owned();
        let texts = columns.nth(1).unwrap_or_default().split('|').filter(|text| !text.is_empty());
        (name, texts.map(str::to_owned).collect())
    });
    rows.collect()
}
