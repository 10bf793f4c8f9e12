//! A WebSocket that is read and written by one task at the same time.

use std::{fmt, future::poll_fn, pin::Pin, sync::Arc, task::Poll, time::Duration};

use futures_util::{Sink, Stream};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    time::timeout,
};
use tokio_tungstenite::{
    WebSocketStream,
    tungstenite::{
        self, Message,
        protocol::{CloseFrame, Role, WebSocketConfig, frame::coding::CloseCode},
    },
};

use evervoice_core::pool::Closed;

use crate::{api_key::ApiKey, error::ElevenLabsError, protocol::ErrorMessage};

/// Longest message that is taken, in bytes. A second of 44.1 kHz sound in base64 is 120 KB; frames above 1 MiB have been seen.
const LONGEST_MESSAGE: usize = 16 << 20;
/// The library's own 128 KiB for each direction would be most of what an idle socket costs.
const BUFFER: usize = 16 << 10;
/// How long a closing handshake may take. Nobody waits for it but the socket itself.
const CLOSING: Duration = Duration::from_secs(1);

/// Why a socket is gone. Everyone on it gets a copy.
#[derive(Debug, Clone)]
pub(super) enum Lost {
    /// The service told an error that is not of one utterance.
    Told(ErrorMessage),
    /// The service closed it; without a code when it just ended.
    Closed { code: Option<u16>, reason: String },
    /// The network or the WebSocket protocol failed.
    Failed(Arc<tungstenite::Error>),
    /// The service sent nonsense, and with it maybe somebody's sound.
    Nonsense(String),
    /// We closed it.
    ByUs,
}

impl Lost {
    /// As the error of an utterance that was on it.
    pub fn error(&self) -> ElevenLabsError {
        match self.clone() {
            Self::Told(ErrorMessage { error, message }) => ElevenLabsError::Frame { error, message },
            Self::Closed { code, reason } => ElevenLabsError::Closed { code, reason },
            Self::Failed(error) => ElevenLabsError::Lost(Box::new(error)),
            Self::Nonsense(what) => ElevenLabsError::Protocol(what),
            Self::ByUs => ElevenLabsError::Closed { code: None, reason: self.to_string() },
        }
    }

    /// For the pool.
    pub fn closed(&self) -> Closed {
        Closed { reason: self.to_string(), hopeless: !matches!(self, Self::ByUs) && self.error().hopeless() }
    }

    /// Who ended it, for the event.
    pub fn by(&self) -> &'static str {
        match self {
            Self::Told(_) | Self::Closed { code: Some(_), .. } => "service",
            Self::ByUs | Self::Nonsense(_) => "us",
            Self::Closed { code: None, .. } | Self::Failed(_) => "lost",
        }
    }

    /// The same without the key, should the service have repeated it.
    pub fn without(self, key: &ApiKey) -> Self {
        let masked = |text: String| if key.is_empty() { text } else { text.replace(key.expose(), "***") };
        match self {
            Self::Told(ErrorMessage { error, message }) => {
                Self::Told(ErrorMessage { error: masked(error), message: masked(message) })
            }
            Self::Closed { code, reason } => Self::Closed { code, reason: masked(reason) },
            // It may quote what was sent.
            Self::Nonsense(what) => Self::Nonsense(masked(what)),
            other @ (Self::Failed(_) | Self::ByUs) => other,
        }
    }
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ByUs => f.write_str("closed by us"),
            other => other.error().fmt(f),
        }
    }
}

/// What happened on a socket.
pub(super) enum Step {
    /// All that was written is on its way.
    Flushed,
    /// A message came. Close messages are told as [`Lost`].
    Message(Message),
}

/// A WebSocket as a client.
pub(super) struct Socket<S> {
    ws: WebSocketStream<S>,
    unsent: bool,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Socket<S> {
    /// On a connection whose upgrade is done.
    pub async fn new(stream: S) -> Self {
        let config = WebSocketConfig::default()
            .read_buffer_size(BUFFER)
            .write_buffer_size(BUFFER)
            .max_message_size(Some(LONGEST_MESSAGE))
            .max_frame_size(Some(LONGEST_MESSAGE));
        Self { ws: WebSocketStream::from_raw_socket(stream, Role::Client, Some(config)).await, unsent: false }
    }

    /// Whether something written has not been sent yet.
    pub fn unsent(&self) -> bool {
        self.unsent
    }

    /// Writes a message into the buffer; [`Self::step`] sends it.
    pub fn write(&mut self, message: Message) -> Result<(), Lost> {
        self.unsent = true;
        Pin::new(&mut self.ws).start_send(message).map_err(lost)
    }

    /// Sends what was written and reads: both at the same time, as a far end that is not read may not read either. Cancel safe.
    pub async fn step(&mut self) -> Result<Step, Lost> {
        poll_fn(|cx| {
            if self.unsent
                && let Poll::Ready(flushed) = Pin::new(&mut self.ws).poll_flush(cx)
            {
                self.unsent = false;
                return Poll::Ready(flushed.map(|()| Step::Flushed).map_err(lost));
            }
            Pin::new(&mut self.ws).poll_next(cx).map(|message| match message {
                Some(Ok(Message::Close(frame))) => Err(match frame {
                    Some(frame) => Lost::Closed { code: Some(frame.code.into()), reason: frame.reason.to_string() },
                    None => Lost::Closed { code: None, reason: String::new() },
                }),
                Some(Ok(message)) => Ok(Step::Message(message)),
                Some(Err(error)) => Err(lost(error)),
                None => Err(Lost::Closed { code: None, reason: String::new() }),
            })
        })
        .await
    }

    /// Ends the closing handshake, or begins and ends it, as far as the far end takes part. Whatever else comes is thrown away.
    pub async fn close(mut self) {
        let normal = CloseFrame { code: CloseCode::Normal, reason: "".into() };
        // An error here means that it is closed already.
        let _ = self.write(Message::Close(Some(normal)));
        let _ = timeout(CLOSING, async { while self.step().await.is_ok() {} }).await;
    }
}

fn lost(error: tungstenite::Error) -> Lost {
    use tungstenite::error::{Error, ProtocolError};
    match error {
        Error::ConnectionClosed
        | Error::AlreadyClosed
        | Error::Protocol(ProtocolError::ResetWithoutClosingHandshake) => {
            Lost::Closed { code: None, reason: String::new() }
        }
        error => Lost::Failed(Arc::new(error)),
    }
}
