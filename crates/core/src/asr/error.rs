//! What can go wrong when sound becomes text.

use std::time::Duration;

use crate::{
    audio::AudioError,
    fault::{Fault, Retry},
};

/// Why there is no transcript.
#[derive(Debug, thiserror::Error)]
pub enum AsrError {
    /// The sound cannot be read.
    #[error(transparent)]
    Audio(#[from] AudioError),
    /// Less sound than a word needs.
    #[error("the audio is {duration_ms} ms long; at least {min_ms} ms are needed")]
    TooShort {
        /// Length of the sound.
        duration_ms: u64,
        /// Least length.
        min_ms: u64,
    },
    /// More sound than is taken in one request.
    #[error("the audio is longer than {limit_seconds} s")]
    TooLong {
        /// Greatest length, in seconds.
        limit_seconds: f64,
    },
    /// No model for this language.
    #[error("language {wanted:?} cannot be recognised; the models know {}", supported.join(", "))]
    LanguageNotSupported {
        /// What was asked for.
        wanted: String,
        /// Languages that there are models for, as BCP 47 tags.
        supported: Vec<String>,
    },
    /// The grammar is not one that the engine can take.
    #[error("the grammar is not valid: {0}")]
    Grammar(String),
    /// Decoding took longer than a request may take.
    #[error("recognition took longer than its budget of {budget_ms} ms")]
    BudgetExceeded {
        /// The budget in ms of work.
        budget_ms: u64,
    },
    /// Too many recognitions at once.
    #[error("too many recognitions at once")]
    Overloaded {
        /// When to come back.
        retry_after: Duration,
    },
    /// The engine failed.
    #[error("the recogniser failed: {0}")]
    Engine(String),
}

impl AsrError {
    /// Whose fault it is.
    pub fn fault(&self) -> Fault {
        match self {
            Self::BudgetExceeded { .. } | Self::Overloaded { .. } | Self::Engine(_) => Fault::Us,
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
            Self::Audio(AudioError::TornFrame { .. }) => "audio_torn_frame",
            Self::Audio(AudioError::NotFinite { .. }) => "audio_not_finite",
            Self::Audio(AudioError::Wav(_)) => "wav_invalid",
            Self::Audio(AudioError::WavTruncated { .. }) => "wav_truncated",
            Self::Audio(AudioError::SampleRate(_)) => "sample_rate_not_supported",
            Self::Audio(AudioError::Channels(_)) => "channels_not_supported",
            Self::TooShort { .. } => "audio_too_short",
            Self::TooLong { .. } => "audio_too_long",
            Self::LanguageNotSupported { .. } => "language_not_supported",
            Self::Grammar(_) => "grammar_invalid",
            Self::BudgetExceeded { .. } => "decode_budget_exceeded",
            Self::Overloaded { .. } => "overloaded",
            Self::Engine(_) => "recognizer_failed",
        }
    }
}
