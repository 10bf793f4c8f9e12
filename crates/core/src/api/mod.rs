//! Public JSON bodies and WebSocket messages of speech. Those of recognition are in [`crate::asr`] and
//! `services/asr`; problems are in `service::problem`.

use serde::{Deserialize, Serialize};

/// Body of `POST /api/tts` and `POST /api/tts/wav`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SpeakBody {
    /// What to say.
    pub text: String,
    /// Name of a voice, as in `GET /api/voices`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub voice: Option<String>,
    /// Language as a BCP 47 tag.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// Pace, 0.5 to 2.0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub speed: Option<f32>,
    /// Name of an output format; `pcm_16000` when missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub format: Option<String>,
}

/// A text message of a client on `/ws/tts`. Without a `type` it is `speak`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum TtsCommand {
    /// Say this, after what is being said.
    Speak {
        /// The client's name for the utterance; the server counts where it is missing.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// What to say, and how.
        #[serde(flatten)]
        body: SpeakBody,
    },
    /// A piece of a text that is still being written; its sentences are spoken while it is. The first piece of an utterance
    /// says how to speak, later ones have `text` only. One text is written at a time.
    Text {
        /// The client's name for the utterance; later pieces may leave it out.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
        /// The piece, and how to speak.
        #[serde(flatten)]
        body: SpeakBody,
    },
    /// Speak what has been written so far, sentence or not.
    Flush {
        /// The utterance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// The text is whole.
    End {
        /// The utterance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
    /// Stop this utterance, or without an `id` all of them.
    Cancel {
        /// The utterance.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        id: Option<String>,
    },
}

/// A text message of the server on `/ws/tts`. Sound comes as binary messages between `start` and `end`. Problems are
/// messages `{"type":"problem", "id", …}` with the members of a problem body.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "lowercase")]
pub enum TtsEvent {
    /// The binary messages that follow are this utterance.
    Start {
        /// The utterance.
        id: String,
        /// Name of the format, such as `pcm_16000`.
        format: String,
        /// Encoding of a sample, such as `s16le`.
        encoding: String,
        /// Hz.
        sample_rate: u32,
        /// Always 1.
        channels: u16,
        /// Who speaks.
        provider: String,
    },
    /// All of the utterance has been sent.
    End {
        /// The utterance.
        id: String,
        /// Length of its sound, in ms.
        audio_ms: u64,
        /// Bytes of its binary messages.
        bytes: u64,
    },
    /// The utterance was stopped by `cancel`.
    Cancelled {
        /// The utterance.
        id: String,
        /// Length of the sound that was sent, in ms.
        audio_ms: u64,
        /// Bytes of its binary messages.
        bytes: u64,
    },
}
