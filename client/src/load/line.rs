//! A user's connection: what comes over it, sorted.

use std::time::Duration;

use evervoice_core::api::{SoundKind, SpeechConfig, TtsCommand, TtsEvent};
use futures_util::{FutureExt, StreamExt};
use reqwest::Client;
use serde::Deserialize;
use tokio::time::timeout;
use tokio_tungstenite::tungstenite::{Error, Message, Utf8Bytes};

use super::listener::Listener;
use crate::error::ClientError;
use crate::options::Common;
use crate::socket::{self, Socket};

/// A connection, and who listens on it.
pub struct Line {
    socket: Socket,
    /// Longest time for a message to leave.
    limit: Duration,
    /// Plays what comes.
    pub listener: Listener,
    /// What the sound is that comes.
    pub sounding: Option<Sounding>,
}

/// The sound between a `start` and its end.
#[derive(Debug)]
pub struct Sounding {
    /// The utterance.
    pub id: String,
    /// What it is.
    pub kind: SoundKind,
    /// Hz.
    pub sample_rate: u32,
    /// `s16le`, or a code of 8 bits such as `ulaw`.
    pub encoding: String,
    /// Bytes that have come.
    pub bytes: u64,
    /// Whether its end has come.
    over: bool,
}

impl Sounding {
    /// Bytes of a sample.
    pub fn sample_bytes(&self) -> u32 {
        if self.encoding == "s16le" { 2 } else { 1 }
    }
}

/// Something that came.
pub enum Heard {
    /// Sound of [`Line::sounding`]: whole samples.
    Sound(Vec<u8>),
    /// A message.
    Event(TtsEvent),
    /// The message `problem`.
    Problem(Problem),
    /// Nothing for a user.
    Nothing,
}

/// What an utterance came to grief over, as a message of the server.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Problem {
    /// The utterance.
    pub id: Option<String>,
    /// Stable name of the kind of problem.
    pub code: Option<String>,
    /// What was wrong.
    pub detail: Option<String>,
}

/// Why an utterance failed.
#[derive(Debug, Clone, PartialEq)]
pub struct Failure {
    /// The code of the server's problem; or `unreachable`, `refused`, `connection_lost`, `no_answer`, `unreadable_message`,
    /// `bytes_mismatch`, which are this program's own.
    pub code: String,
    /// In words.
    pub detail: String,
}

impl Failure {
    /// One of this program's own.
    pub fn new(code: &str, detail: impl ToString) -> Self {
        Self { code: code.to_owned(), detail: detail.to_string() }
    }
}

impl From<ClientError> for Failure {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Unreachable { .. } => Self::new("unreachable", error),
            ClientError::Refused(refusal) => {
                Self::new(&refusal.code.clone().unwrap_or_else(|| "refused".to_owned()), refusal)
            }
            other => Self::new("connection_lost", other),
        }
    }
}

impl From<Problem> for Failure {
    fn from(problem: Problem) -> Self {
        Self::new(problem.code.as_deref().unwrap_or("problem"), problem.detail.unwrap_or_default())
    }
}

impl Line {
    /// Opens one, and tells it how to speak.
    pub async fn open(client: &Client, common: &Common, config: Option<SpeechConfig>) -> Result<Line, ClientError> {
        let opening = timeout(common.timeout, socket::open(client, common)).await;
        let socket = opening.unwrap_or_else(|_| Err(ClientError::Broken("сокет не открылся вовремя".to_owned())))?;
        let mut line = Line { socket, limit: common.timeout, listener: Listener::default(), sounding: None };
        if let Some(config) = config {
            line.send(&TtsCommand::Config(config)).await?;
        }
        Ok(line)
    }

    /// Sends a message.
    pub async fn send(&mut self, command: &TtsCommand) -> Result<(), ClientError> {
        let sending = timeout(self.limit, socket::send(&mut self.socket, command)).await;
        sending.unwrap_or_else(|_| Err(ClientError::Broken("сервер не принимает сообщений".to_owned())))
    }

    /// The next thing that comes. Can be dropped and called again.
    pub async fn hear(&mut self) -> Result<Heard, Failure> {
        let message = self.socket.next().await.unwrap_or(Err(Error::ConnectionClosed));
        self.sort(message)
    }

    /// Whether it can be spoken on: nobody closed it since it was used. What came late is taken off it.
    pub fn alive(&mut self) -> bool {
        while let Some(message) = self.socket.next().now_or_never() {
            if self.sort(message.unwrap_or(Err(Error::ConnectionClosed))).is_err() {
                return false;
            }
        }
        true
    }

    /// Says goodbye.
    pub async fn close(self) {
        let _ = timeout(self.limit, socket::close(self.socket)).await;
    }

    fn sort(&mut self, message: Result<Message, Error>) -> Result<Heard, Failure> {
        match message.map_err(|error| Failure::new("connection_lost", error))? {
            Message::Binary(bytes) => self.sound(bytes.into()),
            Message::Text(text) => self.text(&text),
            Message::Close(frame) => {
                let why = frame.map_or_else(String::new, |frame| frame.to_string());
                Err(Failure::new("connection_lost", format!("сервер закрыл сокет. {why}")))
            }
            Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => Ok(Heard::Nothing),
        }
    }

    fn sound(&mut self, bytes: Vec<u8>) -> Result<Heard, Failure> {
        let Some(sounding) = self.sounding.as_mut().filter(|sounding| !sounding.over) else {
            return Err(Failure::new("unreadable_message", "звук пришёл вне реплики"));
        };
        if !bytes.len().is_multiple_of(sounding.sample_bytes() as usize) {
            return Err(Failure::new("unreadable_message", "сообщение кончается внутри отсчёта"));
        }
        sounding.bytes += bytes.len() as u64;
        Ok(Heard::Sound(bytes))
    }

    fn text(&mut self, text: &Utf8Bytes) -> Result<Heard, Failure> {
        let heard = read(text)?;
        let ended = match &heard {
            Heard::Event(TtsEvent::Start { id, kind, encoding, sample_rate, .. }) => {
                self.sounding = Some(Sounding {
                    id: id.clone(),
                    kind: *kind,
                    sample_rate: *sample_rate,
                    encoding: encoding.clone(),
                    bytes: 0,
                    over: false,
                });
                None
            }
            Heard::Event(TtsEvent::End { id, .. } | TtsEvent::Cancelled { id, .. }) => Some(id),
            Heard::Problem(problem) => problem.id.as_ref(),
            _ => None,
        };
        if let (Some(ended), Some(sounding)) = (ended, &mut self.sounding)
            && *ended == sounding.id
        {
            sounding.over = true;
        }
        Ok(heard)
    }
}

fn read(text: &str) -> Result<Heard, Failure> {
    #[derive(Deserialize)]
    struct Kind {
        r#type: String,
    }
    let unreadable = |error: serde_json::Error| Failure::new("unreadable_message", format!("{error}: {text}"));
    let kind: Kind = serde_json::from_str(text).map_err(unreadable)?;
    match kind.r#type.as_str() {
        "problem" => serde_json::from_str(text).map(Heard::Problem).map_err(unreadable),
        _ => serde_json::from_str(text).map(Heard::Event).map_err(unreadable),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_are_events_or_problems_and_nothing_else() {
        assert!(matches!(read(r#"{"type":"end","id":"a","audio_ms":1,"bytes":32}"#), Ok(Heard::Event(_))));
        let problem = r#"{"type":"problem","id":null,"title":"t","status":503,"code":"overloaded","request_id":"r"}"#;
        let Ok(Heard::Problem(problem)) = read(problem) else { panic!("no problem") };
        assert_eq!(Failure::from(problem), Failure::new("overloaded", ""));
        for wrong in ["", "[]", "{}", r#"{"type":"sing"}"#, r#"{"type":"end"}"#] {
            assert_eq!(read(wrong).err().map(|failure| failure.code), Some("unreadable_message".to_owned()), "{wrong}");
        }
    }
}
