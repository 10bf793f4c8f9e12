//! Clients that show the bytes as they are.

use std::collections::BTreeMap;
use std::future::Future;
use std::net::SocketAddr;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use elevenlabs_emulator::{Clock, Config, Emulator, Faults, decode};
use futures_util::{SinkExt, StreamExt};
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

pub const VOICE: &str = "voice-a";

/// No test waits longer than this for anything.
pub async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(Duration::from_secs(20), future).await.expect("it happens within 20 s")
}

/// Protocol timers stand still.
pub async fn emulator() -> Emulator {
    emulator_with(Config::default()).await
}

pub async fn emulator_with(config: Config) -> Emulator {
    Emulator::start(Config { clock: Clock::manual(), ..config }).await.expect("it starts")
}

pub async fn emulator_with_faults(faults: Faults) -> Emulator {
    emulator_with(Config { faults, ..Config::default() }).await
}

/// Waits until something is so.
pub async fn until(what: impl Fn() -> bool) {
    soon(async {
        while !what() {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    })
    .await;
}

#[derive(Debug, Default)]
pub struct Response {
    pub status: u16,
    pub headers: BTreeMap<String, String>,
    pub body: Vec<u8>,
    pub chunks: Vec<usize>,
    /// The body came to its end as announced.
    pub complete: bool,
    /// The connection ended with a reset.
    pub reset: bool,
}

impl Response {
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).expect("JSON")
    }

    pub fn text(&self, sample_rate: u32) -> String {
        decode(&samples(&self.body), sample_rate)
    }
}

pub fn samples(bytes: &[u8]) -> Vec<i16> {
    bytes.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect()
}

/// One connection for HTTP requests.
pub struct Http(BufReader<TcpStream>);

impl Http {
    pub async fn connect(address: SocketAddr) -> Self {
        Self(BufReader::new(TcpStream::connect(address).await.expect("it listens")))
    }

    /// None: the connection ended without an answer.
    pub async fn send(&mut self, method: &str, path: &str, headers: &[(&str, &str)], body: &[u8]) -> Option<Response> {
        let mut head = format!("{method} {path} HTTP/1.1\r\nhost: emulator\r\ncontent-length: {}\r\n", body.len());
        headers.iter().for_each(|(name, value)| head.push_str(&format!("{name}: {value}\r\n")));
        head.push_str("\r\n");
        self.0.write_all(&[head.as_bytes(), body].concat()).await.ok()?;
        soon(self.receive()).await
    }

    async fn line(&mut self) -> std::io::Result<String> {
        let mut line = Vec::new();
        while !line.ends_with(b"\r\n") {
            line.push(self.0.read_u8().await?);
        }
        Ok(String::from_utf8_lossy(&line).trim_end().to_owned())
    }

    async fn receive(&mut self) -> Option<Response> {
        let status = self.line().await.ok()?.split(' ').nth(1)?.parse().ok()?;
        let mut response = Response { status, ..Response::default() };
        loop {
            let line = self.line().await.ok()?;
            let Some((name, value)) = line.split_once(": ") else { break };
            response.headers.insert(name.to_lowercase(), value.to_owned());
        }
        match self.body(&mut response).await {
            Ok(()) => response.complete = true,
            Err(error) => response.reset = error.kind() == std::io::ErrorKind::ConnectionReset,
        }
        Some(response)
    }

    async fn body(&mut self, response: &mut Response) -> std::io::Result<()> {
        if let Some(length) = response.headers.get("content-length") {
            for _ in 0..length.parse().expect("a number") {
                response.body.push(self.0.read_u8().await?);
            }
            return Ok(());
        }
        loop {
            let size = usize::from_str_radix(&self.line().await?, 16).expect("a chunk size");
            for _ in 0..size {
                response.body.push(self.0.read_u8().await?);
            }
            self.line().await?;
            if size == 0 {
                return Ok(());
            }
            response.chunks.push(size);
        }
    }
}

/// Speech over HTTP, with the right key.
pub async fn speak(emulator: &Emulator, path: &str, body: Value) -> Option<Response> {
    let path = format!("/v1/text-to-speech/{VOICE}{path}");
    let headers = [("xi-api-key", "test-key"), ("content-type", "application/json")];
    Http::connect(emulator.address()).await.send("POST", &path, &headers, body.to_string().as_bytes()).await
}

/// What came over a WebSocket.
#[derive(Debug, PartialEq)]
pub enum Got {
    Frame(Value),
    /// A message that is no JSON.
    Text(String),
    Close(u16, String),
    /// The connection ended without a close frame.
    Gone,
}

pub struct Socket(pub WebSocketStream<MaybeTlsStream<TcpStream>>);

impl Socket {
    /// `path` is what follows the voice, query included.
    pub async fn open(emulator: &Emulator, path: &str) -> Self {
        Self::try_open(emulator, VOICE, path, Some("test-key")).await.expect("an upgrade")
    }

    pub async fn try_open(emulator: &Emulator, voice: &str, path: &str, key: Option<&str>) -> Result<Self, Error> {
        let url = format!("{}/v1/text-to-speech/{voice}/{path}", emulator.ws_url());
        let mut request = url.into_client_request().expect("a URL");
        if let Some(key) = key {
            request.headers_mut().insert("xi-api-key", key.parse().expect("a header"));
        }
        soon(connect_async(request)).await.map(|(socket, _)| Self(socket))
    }

    pub async fn send(&mut self, json: Value) {
        // A socket that the emulator has broken off is seen by reading.
        let _ = self.0.send(Message::text(json.to_string())).await;
    }

    pub async fn next(&mut self) -> Got {
        loop {
            match soon(self.0.next()).await {
                Some(Ok(Message::Text(text))) => {
                    return serde_json::from_str(text.as_str())
                        .map_or_else(|_| Got::Text(text.as_str().to_owned()), Got::Frame);
                }
                Some(Ok(Message::Close(Some(frame)))) => {
                    // Reading on is what answers the close.
                    while let Some(Ok(_)) = soon(self.0.next()).await {}
                    return Got::Close(frame.code.into(), frame.reason.as_str().to_owned());
                }
                Some(Ok(_)) => {}
                Some(Err(_)) | None => return Got::Gone,
            }
        }
    }

    pub async fn frame(&mut self) -> Value {
        match self.next().await {
            Got::Frame(frame) => frame,
            other => panic!("no frame but {other:?}"),
        }
    }

    /// All frames up to and with the one that says `isFinal`.
    pub async fn until_final(&mut self) -> Vec<Value> {
        let mut frames = Vec::new();
        loop {
            frames.push(self.frame().await);
            if frames.last().is_some_and(|frame| frame["isFinal"] == true) {
                return frames;
            }
        }
    }

    /// Frames up to whatever else comes.
    pub async fn until_end(&mut self) -> (Vec<Value>, Got) {
        let mut frames = Vec::new();
        loop {
            match self.next().await {
                Got::Frame(frame) => frames.push(frame),
                other => return (frames, other),
            }
        }
    }

    /// Nothing comes for a while.
    pub async fn is_quiet(&mut self) -> bool {
        tokio::time::timeout(Duration::from_millis(100), self.0.next()).await.is_err()
    }
}

pub fn audio(frames: &[Value]) -> Vec<u8> {
    frames
        .iter()
        .filter_map(|frame| frame["audio"].as_str())
        .flat_map(|audio| STANDARD.decode(audio).expect("base64"))
        .collect()
}

/// What is heard in frames of `pcm_16000`.
pub fn heard(frames: &[Value]) -> String {
    decode(&samples(&audio(frames)), 16_000)
}

/// The characters of the alignments.
pub fn aligned(frames: &[Value]) -> String {
    frames
        .iter()
        .filter_map(|frame| frame["alignment"]["chars"].as_array())
        .flatten()
        .filter_map(Value::as_str)
        .collect()
}

pub fn text(text: &str) -> Value {
    json!({ "text": text })
}
