//! One utterance to be spoken.

use super::TtsError;

/// What a request may ask for.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct SpeechLimits {
    /// Longest text, in Unicode characters.
    pub max_chars: usize,
}

/// A request that has been checked: an invalid one cannot be built.
#[derive(Debug, Clone, PartialEq)]
pub struct SpeechRequest {
    text: String,
    voice: Option<String>,
    language: Option<String>,
    speed: f32,
}

impl SpeechRequest {
    /// Slowest and fastest pace, as a factor on the voice's own.
    pub const SPEED: std::ops::RangeInclusive<f32> = 0.5..=2.0;

    /// Checks text and speed. Voice and language are checked by the provider, who knows them.
    ///
    /// # Errors
    /// [`TtsError::EmptyText`], [`TtsError::TextTooLong`], [`TtsError::Speed`].
    pub fn new(
        text: String,
        voice: Option<String>,
        language: Option<String>,
        speed: Option<f32>,
        limits: SpeechLimits,
    ) -> Result<Self, TtsError> {
        if text.trim().is_empty() {
            return Err(TtsError::EmptyText);
        }
        let chars = text.chars().count();
        if chars > limits.max_chars {
            return Err(TtsError::TextTooLong { chars, limit: limits.max_chars });
        }
        let speed = speed.unwrap_or(1.0);
        // NaN is in no range.
        if !Self::SPEED.contains(&speed) {
            return Err(TtsError::Speed { speed });
        }
        Ok(Self { text, voice, language, speed })
    }

    /// What to say, not empty.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The voice by name; `None` for the default one.
    pub fn voice(&self) -> Option<&str> {
        self.voice.as_deref()
    }

    /// The language as a BCP 47 tag; `None` for the voice's own.
    pub fn language(&self) -> Option<&str> {
        self.language.as_deref()
    }

    /// Pace in [`Self::SPEED`]; 1.0 is the voice's own.
    pub fn speed(&self) -> f32 {
        self.speed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str, speed: f32) -> Result<SpeechRequest, TtsError> {
        SpeechRequest::new(text.into(), None, None, Some(speed), SpeechLimits { max_chars: 10 })
    }

    #[test]
    fn invalid_requests_cannot_be_built() {
        assert!(matches!(request(" \n", 1.0), Err(TtsError::EmptyText)));
        assert!(matches!(request("12345678901", 1.0), Err(TtsError::TextTooLong { chars: 11, limit: 10 })));
        for speed in [0.0, 0.49, 2.01, f32::NAN, f32::INFINITY, -1.0] {
            assert!(matches!(request("ok", speed), Err(TtsError::Speed { .. })), "{speed}");
        }
        assert!(request("ääääääääää", 2.0).is_ok(), "characters count, not bytes");
    }
}
