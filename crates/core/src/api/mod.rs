//! Public JSON bodies of speech, and its WebSocket messages. Those of recognition are in [`crate::asr`] and
//! `services/asr`; problems are in `service::problem`.

mod socket;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use socket::{
    BargeIn, CancelReason, FillerContext, ProblemKind, Resumed, SoundKind, SpeechConfig, TtsCommand, TtsEvent,
    TtsProblem, tts_schema, whole_ms,
};

/// Body of `POST /api/tts` and `POST /api/tts/wav`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
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
