//! What can go wrong when text becomes sound.

use std::{error::Error, fmt, time::Duration};

use super::SpeechRequest;
use crate::fault::{Fault, Retry};

/// Why an utterance was not spoken, or not to its end.
#[derive(Debug, thiserror::Error)]
pub enum TtsError {
    /// The text is empty or white space.
    #[error("the text is empty")]
    EmptyText,
    /// The text is longer than allowed.
    #[error("the text has {chars} characters; allowed are {limit}")]
    TextTooLong {
        /// Characters of the text.
        chars: usize,
        /// Characters allowed.
        limit: usize,
    },
    /// The text has nothing that can be said aloud: only punctuation, emoji or markup.
    #[error("the text has nothing that can be spoken")]
    NothingToSpeak,
    /// The pace is outside the range, or not a number.
    #[error("speed {speed} is not allowed; it must be {} to {}", SpeechRequest::SPEED.start(), SpeechRequest::SPEED.end())]
    Speed {
        /// What was asked for.
        speed: f32,
    },
    /// No voice of this name.
    #[error("there is no voice {wanted:?}; the voices are {}", known.join(", "))]
    UnknownVoice {
        /// What was asked for.
        wanted: String,
        /// Every voice there is.
        known: Vec<String>,
    },
    /// The language asked for, or the language of the text, has no voice.
    #[error("{what} cannot be spoken; the voices speak {}", supported.join(", "))]
    LanguageNotSupported {
        /// What it was: a language tag, or the script and first word of the text.
        what: String,
        /// Languages that can be spoken, as BCP 47 tags.
        supported: Vec<String>,
    },
    /// The voice has no symbol for a character of the text; to leave it out would lose a word.
    #[error("the voice {voice:?} cannot speak the character {character:?}")]
    UnspeakableCharacter {
        /// The first such character.
        character: char,
        /// The voice.
        voice: String,
    },
    /// The voice cannot speak at this pace.
    #[error("the voice {voice:?} speaks at speed {lowest} to {highest} only")]
    SpeedNotSupported {
        /// The voice.
        voice: String,
        /// Its slowest pace.
        lowest: f32,
        /// Its fastest pace.
        highest: f32,
    },
    /// A text that came in pieces stopped without an end.
    #[error("no text came for {ms} ms, and no end of the text either")]
    TextTimeout {
        /// How long.
        ms: u64,
    },
    /// Too many utterances at once.
    #[error("too many utterances at once")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// A provider outside did not do its part.
    #[error("{provider}: {failure}")]
    Provider {
        /// Its name, as in `X-Voice-Provider`.
        provider: &'static str,
        /// What it failed at.
        failure: ProviderFailure,
        /// Whether the same provider may be asked again.
        retry: Retry,
        /// What happened exactly; for the log, not for clients.
        #[source]
        source: Box<dyn Error + Send + Sync>,
    },
    /// The engine failed.
    #[error("the voice failed")]
    Engine(#[source] Box<dyn Error + Send + Sync>),
}

/// What a provider outside failed at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ProviderFailure {
    /// No connection, or it was lost.
    Unreachable,
    /// No answer, or no further sound, in time.
    Timeout,
    /// It has too much to do, or we ask too much of it at once.
    Busy,
    /// It does not let us in: the key, the plan or the quota. A person has to change something.
    Refused,
    /// It does not take this request; another one it may take.
    Rejected,
    /// It failed on its side: an error of its own, or an answer that makes no sense or is not the whole text.
    Broken,
}

impl ProviderFailure {
    /// The stable name: a label of metrics, and with `provider_` before it the code of the problem.
    pub fn name(self) -> &'static str {
        self.code().trim_start_matches("provider_")
    }

    fn code(self) -> &'static str {
        match self {
            Self::Unreachable => "provider_unreachable",
            Self::Timeout => "provider_timeout",
            Self::Busy => "provider_busy",
            Self::Refused => "provider_refused",
            Self::Rejected => "provider_rejected",
            Self::Broken => "provider_broken",
        }
    }
}

impl fmt::Display for ProviderFailure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unreachable => "no connection",
            Self::Timeout => "no answer in time",
            Self::Busy => "too much to do",
            Self::Refused => "it refuses our key, plan or quota",
            Self::Rejected => "it does not take this request",
            Self::Broken => "it failed on its side",
        })
    }
}

impl TtsError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Overloaded { .. } | Self::Engine(_) => Fault::Us,
            Self::Provider { .. } => Fault::Upstream,
            _ => Fault::Caller,
        }
    }

    /// Whether to try again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Overloaded { retry_after } => Retry::After(*retry_after),
            Self::Engine(_) => Retry::Fresh,
            Self::Provider { retry, .. } => *retry,
            _ => Retry::Never,
        }
    }

    /// The stable name that clients may match on.
    pub fn code(&self) -> &'static str {
        match self {
            Self::EmptyText => "text_empty",
            Self::TextTooLong { .. } => "text_too_long",
            Self::NothingToSpeak => "nothing_to_speak",
            Self::Speed { .. } => "speed_out_of_range",
            Self::UnknownVoice { .. } => "unknown_voice",
            Self::LanguageNotSupported { .. } => "language_not_supported",
            Self::UnspeakableCharacter { .. } => "character_not_supported",
            Self::SpeedNotSupported { .. } => "speed_not_supported",
            Self::TextTimeout { .. } => "text_timeout",
            Self::Overloaded { .. } => "overloaded",
            Self::Provider { failure, .. } => failure.code(),
            Self::Engine(_) => "voice_failed",
        }
    }
}
