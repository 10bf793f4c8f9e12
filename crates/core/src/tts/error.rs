//! What can go wrong when text becomes sound.

use std::{error::Error, time::Duration};

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
    /// The voice cannot change its pace.
    #[error("the voice {voice:?} speaks at its own pace only; speed must be 1")]
    SpeedFixed {
        /// The voice.
        voice: String,
    },
    /// Too many utterances at once.
    #[error("too many utterances at once")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The engine failed.
    #[error("the voice failed")]
    Engine(#[source] Box<dyn Error + Send + Sync>),
}

impl TtsError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::Overloaded { .. } | Self::Engine(_) => Fault::Us,
            _ => Fault::Caller,
        }
    }

    /// Whether to try again.
    pub fn retry(&self) -> Retry {
        match self {
            Self::Overloaded { retry_after } => Retry::After(*retry_after),
            Self::Engine(_) => Retry::Fresh,
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
            Self::SpeedFixed { .. } => "speed_not_supported",
            Self::Overloaded { .. } => "overloaded",
            Self::Engine(_) => "voice_failed",
        }
    }
}
