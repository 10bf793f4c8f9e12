//! Measures a running gateway through its public API: `POST /api/tts` and `/ws/tts`.

use std::time::{Duration, Instant};

use evervoice_core::api::{SpeakBody, SpeechConfig, TtsCommand, TtsEvent};
use futures_util::StreamExt;
use reqwest::Client;
use serde_json::Value;
use tokio_tungstenite::tungstenite::protocol::Message;

use super::cases::{Case, Timing};
use super::probe::Probe;
use super::{ms, pieces};
use crate::error::ClientError;
use crate::gateway;
use crate::options::Common;
use crate::socket::{self, Socket, close, lost, send};

/// A gateway.
pub struct Gateway {
    common: Common,
    probe: Probe,
    /// The socket of [`Case::Warm`], between its runs.
    warm: Option<Socket>,
}

impl Gateway {
    /// The one at `url`.
    pub fn new(url: &str, timeout: Duration, probe: Probe) -> Result<Self, ClientError> {
        let common = Common { gateway: url.to_owned(), timeout, quiet: true };
        common.address("/")?;
        Ok(Gateway { common, probe, warm: None })
    }

    /// One run.
    pub async fn run(&mut self, case: Case, text: &str) -> Result<Timing, ClientError> {
        match case {
            Case::WsShort | Case::WsLong => self.socket(text).await,
            Case::Reconnect => {
                self.socket(text).await?;
                self.socket(text).await
            }
            Case::HttpShort | Case::HttpLong => self.http(text).await,
            Case::Warm => {
                // A socket that failed is not used again: it is not put back.
                let mut socket = match self.warm.take() {
                    Some(socket) => socket,
                    None => self.open(&self.client()?).await?.0,
                };
                let timing = self.spoken(&mut socket, &[text], Instant::now()).await?;
                self.warm = Some(socket);
                Ok(timing)
            }
            Case::Cold => {
                // Made before the clock starts: to read certificates is no part of a connection.
                let client = self.client()?;
                let began = Instant::now();
                let (mut socket, handshake_ms) = self.open(&client).await?;
                let timing = self.spoken(&mut socket, &[text], began).await?;
                close(socket).await;
                Ok(Timing { handshake_ms: Some(handshake_ms), ..timing })
            }
        }
    }

    /// Closes what is still open.
    pub async fn close(self) {
        if let Some(socket) = self.warm {
            close(socket).await;
        }
    }

    async fn socket(&self, text: &str) -> Result<Timing, ClientError> {
        let (mut socket, handshake_ms) = self.open(&self.client()?).await?;
        let timing = self.spoken(&mut socket, &pieces(text), Instant::now()).await?;
        close(socket).await;
        Ok(Timing { handshake_ms: Some(handshake_ms), ..timing })
    }

    /// A new socket, and how long its handshake took. Its sound is not played, so it need not wait for a listener.
    async fn open(&self, client: &Client) -> Result<(Socket, f64), ClientError> {
        self.probe.record("ws_handshake_start", []);
        let began = Instant::now();
        let mut opened = socket::open(client, &self.common).await?;
        let took = ms(began);
        self.probe.record("ws_handshake_finish", [("ms", took.into())]);
        let config = SpeechConfig { lead_ms: Some(socket::NO_PACING_MS), ..SpeechConfig::default() };
        send(&mut opened, &TtsCommand::Config(config)).await?;
        Ok((opened, took))
    }

    /// Sends a text and listens to the end of its sound; times count from `began`.
    async fn spoken<P: AsRef<str>>(
        &self,
        socket: &mut Socket,
        pieces: &[P],
        began: Instant,
    ) -> Result<Timing, ClientError> {
        for (index, piece) in pieces.iter().map(AsRef::as_ref).enumerate() {
            let body = SpeakBody { text: piece.to_owned(), voice: None, lang: None, speed: None, format: None };
            send(socket, &TtsCommand::Text { id: None, body }).await?;
            let fields = [
                ("seq", (index + 1).into()),
                ("chars", piece.chars().count().into()),
                // The gateway decides itself when to begin.
                ("try_trigger_generation", false.into()),
            ];
            self.probe.record("ws_send_text", fields);
        }
        send(socket, &TtsCommand::End { id: None }).await?;
        let mut sound = Sound::default();
        loop {
            let message = socket.next().await.unwrap_or(Err(tokio_tungstenite::tungstenite::Error::ConnectionClosed));
            match message.map_err(lost)? {
                Message::Binary(bytes) => {
                    if sound.add(bytes.len(), began) {
                        let fields = [("ms", sound.first_ms.into()), ("bytes", bytes.len().into())];
                        self.probe.record("ws_first_audio", fields);
                    }
                }
                Message::Text(text) => {
                    match serde_json::from_str(&text) {
                        Ok(TtsEvent::End { .. }) => break,
                        // A problem is none of the events.
                        Ok(TtsEvent::Cancelled { .. }) | Err(_) => return Err(ClientError::Broken(text.to_string())),
                        Ok(_) => {}
                    }
                }
                Message::Close(frame) => {
                    let why = frame.map_or_else(String::new, |frame| frame.to_string());
                    return Err(ClientError::Broken(format!("сервер закрыл сокет. {why}")));
                }
                Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => {}
            }
        }
        let timing = sound.timing(began)?;
        self.probe.record("ws_stream_end", sound.fields(timing));
        Ok(timing)
    }

    async fn http(&self, text: &str) -> Result<Timing, ClientError> {
        let request = self.client()?.post(self.common.address("/api/tts")?).json(&serde_json::json!({"text": text}));
        self.probe.record("http_request_start", []);
        let began = Instant::now();
        let mut response = gateway::send(request, &self.common).await?;
        let mut sound = Sound::default();
        while let Some(bytes) = response.chunk().await.map_err(|error| gateway::broken(&error, &self.common))? {
            if sound.add(bytes.len(), began) {
                self.probe.record("http_first_byte", [("ms", sound.first_ms.into())]);
            }
        }
        let timing = sound.timing(began)?;
        self.probe.record("http_stream_end", sound.fields(timing));
        Ok(timing)
    }

    /// A client without connections: each run makes its own.
    fn client(&self) -> Result<Client, ClientError> {
        gateway::client(&self.common)
    }
}

/// What was heard so far.
#[derive(Default)]
struct Sound {
    first_ms: Option<f64>,
    chunks: u64,
    bytes: u64,
}

impl Sound {
    /// Whether it is the first.
    fn add(&mut self, bytes: usize, began: Instant) -> bool {
        let first = self.first_ms.is_none();
        self.first_ms.get_or_insert_with(|| ms(began));
        self.chunks += 1;
        self.bytes += bytes as u64;
        first
    }

    /// After the end.
    fn timing(&self, began: Instant) -> Result<Timing, ClientError> {
        let first_ms = self.first_ms.ok_or_else(|| ClientError::Unusable("в нём нет звука".to_owned()))?;
        Ok(Timing { handshake_ms: None, first_ms, total_ms: ms(began) })
    }

    fn fields(&self, timing: Timing) -> [(&'static str, Value); 3] {
        [("total_ms", timing.total_ms.into()), ("chunks", self.chunks.into()), ("bytes", self.bytes.into())]
    }
}
