//! When a fault happens.

use std::time::Duration;

use serde::{Deserialize, Serialize};

/// When a fault happens, and its parameters where it has any. As JSON: `{"every": 3, "times": 2, "delay_ms": 500}`.
///
/// Without `every`, `nth` or `probability` it happens every time.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Trigger {
    /// At every n-th opportunity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub every: Option<u64>,
    /// At the n-th opportunity (the first is 1), and at no other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nth: Option<u64>,
    /// With this probability, 0 to 1, drawn from the seed of the faults.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub probability: Option<f64>,
    /// At most this often.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub times: Option<u64>,
    /// For faults that delay something or wait with it, in ms.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delay_ms: Option<u64>,
    /// For faults in the middle of the sound: as soon as this much of it was sent, in ms, or at the end of a text that has less.
    /// 0: before any. Otherwise after the first piece.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub after_audio_ms: Option<u64>,
    /// For answers with an HTTP status: another status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// For answers with an HTTP status: the header `Retry-After`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after: Option<String>,
    /// For 429: names and body of the older documentation.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub old_names: bool,
}

impl Trigger {
    /// Every time.
    pub fn always() -> Self {
        Self::default()
    }

    /// The next time only.
    pub fn once() -> Self {
        Self { times: Some(1), ..Self::default() }
    }

    /// The n-th time only, the first being 1.
    pub fn nth(n: u64) -> Self {
        Self { nth: Some(n), ..Self::default() }
    }

    /// Every n-th time.
    pub fn every(n: u64) -> Self {
        Self { every: Some(n), ..Self::default() }
    }

    /// Now and then, with a probability of 0 to 1.
    pub fn probability(probability: f64) -> Self {
        Self { probability: Some(probability), ..Self::default() }
    }

    /// The same, at most this often.
    pub fn times(self, times: u64) -> Self {
        Self { times: Some(times), ..self }
    }

    /// The same with a delay, for faults that have one.
    pub fn delay(self, delay: Duration) -> Self {
        Self { delay_ms: Some(delay.as_millis() as u64), ..self }
    }

    /// The same, when so much sound was sent, for faults in the middle of the sound.
    pub fn after_audio(self, audio: Duration) -> Self {
        Self { after_audio_ms: Some(audio.as_millis() as u64), ..self }
    }

    /// The same with another HTTP status.
    pub fn status(self, status: u16) -> Self {
        Self { status: Some(status), ..self }
    }

    /// The same with a header `Retry-After`.
    pub fn retry_after(self, value: impl Into<String>) -> Self {
        Self { retry_after: Some(value.into()), ..self }
    }

    /// The same with the names of the older documentation.
    pub fn old_names(self) -> Self {
        Self { old_names: true, ..self }
    }

    pub(crate) fn delay_or(&self, default: Duration) -> Duration {
        self.delay_ms.map_or(default, Duration::from_millis)
    }

    /// Whether it is time for a fault in the middle of the sound.
    pub(crate) fn is_due(&self, sent: Duration) -> bool {
        sent >= self.after_audio_ms.map_or(Duration::from_nanos(1), Duration::from_millis)
    }
}
