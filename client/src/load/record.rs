//! What is known of an utterance in the end: a line of `load.jsonl`.

use serde::Serialize;

use super::letters::Difference;

/// How an utterance ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// The server says that all of it was sent, and all of that came.
    Complete,
    /// The caller interrupted.
    Cancelled,
    /// Anything else.
    #[default]
    Failed,
}

impl Outcome {
    /// Whether all of the text was to be heard; `None` where nobody knows how much.
    pub fn whole(self) -> Option<bool> {
        match self {
            Self::Complete => Some(true),
            Self::Cancelled => Some(false),
            Self::Failed => None,
        }
    }
}

/// One utterance. Times are in ms; what was not there is left out.
#[derive(Debug, Clone, Default, PartialEq, Serialize)]
pub struct Record {
    /// Its name on the wire.
    pub id: String,
    /// Whose.
    pub user: usize,
    /// The dialogue that it belongs to.
    pub dialogue: u64,
    /// When it was due, after the beginning of the load. A later turn of a dialogue is due when the one before was heard.
    pub scheduled_ms: f64,
    /// When its first message left.
    pub sent_ms: f64,
    /// How late that was: the generator's own fault, or the time for a further connection.
    pub late_ms: f64,
    /// Opening a connection for it, when the user's own was taken or lost.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_ms: Option<f64>,
    /// When its first piece of text left, after the beginning of the load.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_text_ms: Option<f64>,
    /// First piece of text to first sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_audio_ms: Option<f64>,
    /// Request for a filler to its first sound.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filler_ms: Option<f64>,
    /// Why there was none.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub filler_error: Option<String>,
    /// Characters of its text.
    pub chars: usize,
    /// Phrases that were announced.
    pub phrases: u64,
    /// The longest silence within, by the listener's clock.
    pub gap_max_ms: f64,
    /// All silence within.
    pub gap_sum_ms: f64,
    /// Silences of more than 20 ms.
    pub gaps: u64,
    /// Who spoke first.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_start: Option<String>,
    /// Who spoke last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub provider_end: Option<String>,
    /// How often another one went on.
    pub switches: u64,
    /// Whether the sound was the notice that nobody can speak.
    pub outage: bool,
    /// How it ended.
    pub outcome: Outcome,
    /// The server's code of the problem, or one of [`say`](mod@super::say).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<String>,
    /// The problem in words.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_detail: Option<String>,
    /// Length of the sound that came.
    pub audio_ms: f64,
    /// Its bytes.
    pub bytes: u64,
    /// When the caller interrupted, after the first piece of text.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_ms: Option<f64>,
    /// From there to the last sound that came; 0 when none came after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_reaction_ms: Option<f64>,
    /// From there to the server's word that it was stopped.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cancel_answer_ms: Option<f64>,
    /// Sound that the listener had played by his own clock when he interrupted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub played_ms: Option<f64>,
    /// The same by the server's clock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard_ms: Option<u64>,
    /// Characters of the text that were heard, as the server says.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub heard_chars: Option<u64>,
    /// How the sound differs from the text, where that could be found out.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub difference: Option<Difference>,
    /// How the phrases that were announced differ from the text; left out where no sound came whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub announced: Option<Difference>,
}

impl Record {
    /// Whether nothing at all was heard of an utterance that nobody interrupted.
    pub fn silent(&self) -> bool {
        self.bytes == 0 && self.cancel_ms.is_none()
    }
}
