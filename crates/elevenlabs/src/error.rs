//! What can go wrong with ElevenLabs, and what that means.
//!
//! | what | failure | again? | hopeless |
//! |---|---|---|---|
//! | no connection, a lost one, a socket closed for being idle | unreachable | fresh | |
//! | no sound in time, HTTP 408, 504 | timeout | fresh | |
//! | HTTP 429, 503, too many contexts on a socket | busy | after a delay | |
//! | key, plan or quota: HTTP 401, 402, 403 and their names | refused | never | yes |
//! | voice or model that does not exist | rejected | never | yes |
//! | any other 4xx | rejected | never | |
//! | any other 5xx, "something went wrong", nonsense, sound missing | broken | fresh | |
//!
//! Names say more than numbers: a quota that is used up has come as 401, and WebSockets close with 1008 for passing and
//! for lasting reasons alike. So `code` decides, then the older `status`, then well-known words, and only then the number.

use std::{error::Error, time::Duration};

use evervoice_core::{
    fault::{Retry, with_sources},
    pool::{Failure, PoolError},
    tts::{ProviderFailure, TtsError},
};

use crate::{api_key::ApiKey, decode::DecodeError};

pub use answer::Answer;
use verdict::Verdict;

mod answer;
mod verdict;

type Source = Box<dyn Error + Send + Sync>;

/// How long to leave a service alone that is busy and does not say for how long.
const BUSY: Duration = Duration::from_secs(1);

/// Why ElevenLabs did not speak, or not to the end. No message holds the key.
#[derive(Debug, thiserror::Error)]
pub enum ElevenLabsError {
    /// A setting cannot be used: an address that is none, a key that no header can carry.
    #[error("the setting {0} cannot be used")]
    Setup(&'static str),
    /// No connection could be made. Look at the address, the network, and the certificates.
    #[error("no connection: {}", with_sources(&**.0))]
    Connect(#[source] Source),
    /// A connection was lost while it was in use.
    #[error("the connection was lost: {}", with_sources(&**.0))]
    Lost(#[source] Source),
    /// Something took too long.
    #[error("no {what} within {} ms", after.as_millis())]
    Timeout {
        /// What did not come: `connection`, `first sound`, `further sound`, …
        what: &'static str,
        /// How long it was waited for.
        after: Duration,
    },
    /// The answer was not 200, or not 101 for a WebSocket; or the body of a 200 turned into an error.
    #[error(transparent)]
    Answer(Answer),
    /// An error message on a WebSocket.
    #[error("error {error:?}: {message}")]
    Frame {
        /// Its name, such as `input_timeout_exceeded`; may be empty.
        error: String,
        /// For people.
        message: String,
    },
    /// The service closed the WebSocket before the end.
    #[error("closed with {}: {reason:?}", code.map_or("no code".to_owned(), |code| code.to_string()))]
    Closed {
        /// The close code; `None` when the socket ended without one.
        code: Option<u16>,
        /// The close reason, which the service may have cut.
        reason: String,
    },
    /// The service sent something that makes no sense.
    #[error("it sent nonsense: {0}")]
    Protocol(String),
    /// The end came without any sound.
    #[error("no sound at all")]
    Silent,
    /// The end came, but not of the text.
    #[error("the sound ends before the text: {}", text_end.map_or("nobody knows where".to_owned(), |end| format!("at byte {end}")))]
    Incomplete {
        /// Up to where the text was spoken, in bytes, where that is known.
        text_end: Option<usize>,
    },
    /// The sound cannot be decoded.
    #[error("the sound cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// The pool has no socket.
    #[error("no socket: {0}")]
    Pool(#[from] PoolError<ElevenLabsError>),
}

impl ElevenLabsError {
    /// What it failed at, for the chain of providers and for clients.
    pub fn failure(&self) -> ProviderFailure {
        self.verdict().failure()
    }

    /// Whether ElevenLabs may be asked again.
    pub fn retry(&self) -> Retry {
        match (self.verdict(), self.told()) {
            (Verdict::Refused | Verdict::NoSuchThing | Verdict::Rejected, _) => Retry::Never,
            (_, Some(delay)) => Retry::After(delay),
            (Verdict::Busy | Verdict::Crowded, None) => Retry::After(BUSY),
            _ => Retry::Fresh,
        }
    }

    /// When to come back, where someone said so.
    pub fn told(&self) -> Option<Duration> {
        match self {
            Self::Answer(answer) => answer.retry_after,
            Self::Pool(PoolError::Backoff { after, .. }) => Some(*after),
            _ => None,
        }
    }

    /// Whether every connection of this voice, model and key would fare the same until a person changes something.
    pub fn hopeless(&self) -> bool {
        matches!(self.verdict(), Verdict::Refused | Verdict::NoSuchThing)
    }

    /// Whether the same request may be sent again within its time, when nothing has been heard of it yet. Not when we ask for
    /// too much at once: then someone else had better speak.
    pub fn repeatable(&self) -> bool {
        self.retry() != Retry::Never && self.verdict() != Verdict::Crowded
    }

    /// HTTP status of the answer; 0 when there was none.
    pub fn status(&self) -> u16 {
        match self {
            Self::Answer(answer) => answer.status,
            _ => 0,
        }
    }

    /// The same without the key, should the service have repeated it.
    pub fn without(mut self, key: &ApiKey) -> Self {
        let texts = match &mut self {
            Self::Answer(Answer { message, code, legacy, request_id, .. }) => {
                [Some(message), code.as_mut(), legacy.as_mut(), request_id.as_mut()]
            }
            Self::Frame { error, message } => [Some(error), Some(message), None, None],
            Self::Closed { reason: text, .. } | Self::Protocol(text) => [Some(text), None, None, None],
            _ => return self,
        };
        texts.into_iter().flatten().for_each(|text| mask(text, key));
        self
    }

    /// As the error of a provider.
    pub fn into_tts(self, provider: &'static str) -> TtsError {
        TtsError::Provider { provider, failure: self.failure(), retry: self.retry(), source: Box::new(self) }
    }

    fn verdict(&self) -> Verdict {
        match self {
            Self::Setup(_) => Verdict::Refused,
            Self::Connect(_) | Self::Lost(_) => Verdict::Unreachable,
            Self::Timeout { .. } => Verdict::Slow,
            Self::Answer(answer) => answer.verdict(),
            Self::Frame { error, message } => {
                Verdict::of_name(error).or_else(|| Verdict::of_words(message)).unwrap_or(Verdict::Broken)
            }
            Self::Closed { code, reason } => Verdict::of_words(reason).unwrap_or_else(|| Verdict::of_close_code(*code)),
            Self::Protocol(_) | Self::Silent | Self::Incomplete { .. } | Self::Decode(_) => Verdict::Broken,
            Self::Pool(error) => match error {
                PoolError::Connect(error) => error.verdict(),
                PoolError::Backoff { last, .. } | PoolError::Hopeless(last) => last_failure(last),
                PoolError::TimedOut => Verdict::Slow,
                PoolError::Exhausted => Verdict::Crowded,
                PoolError::Closing => Verdict::Unreachable,
            },
        }
    }
}

/// Takes a key out of a text. Before the text is cut: a part of a key would not be found.
pub(crate) fn mask(text: &mut String, key: &ApiKey) {
    if !key.is_empty() && text.contains(key.expose()) {
        *text = text.replace(key.expose(), "***");
    }
}

/// What the last socket of a voice, model and format failed at.
fn last_failure(failure: &Failure<ElevenLabsError>) -> Verdict {
    match failure {
        Failure::Connect(error) | Failure::Warm(error) => error.verdict(),
        Failure::Closed(closed) => Verdict::of_words(&closed.reason).unwrap_or(match closed.hopeless {
            true => Verdict::Refused,
            false => Verdict::Unreachable,
        }),
    }
}

#[cfg(test)]
mod tests;
