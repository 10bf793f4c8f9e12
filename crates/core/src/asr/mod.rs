//! Speech to text: the transcript, the recogniser's seam, and what can go wrong.

mod error;

use serde::{Deserialize, Serialize};

pub use error::AsrError;

/// A word and where it was said.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Segment {
    /// First moment of the word, in ms from the start of the sound.
    pub start_ms: u64,
    /// End of the word, in ms.
    pub end_ms: u64,
    /// The word.
    pub text: String,
    /// How sure the recogniser is, 0 to 1.
    pub confidence: f32,
}

/// What was said between two silences.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Utterance {
    /// The words, separated by spaces; empty when nothing was recognised.
    pub text: String,
    /// The same words with their times.
    pub segments: Vec<Segment>,
}

/// What was said in a whole piece of sound.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Transcript {
    /// All words, separated by spaces; empty when nothing was recognised.
    pub text: String,
    /// The same words with their times.
    pub segments: Vec<Segment>,
    /// Language of the model, as a BCP 47 tag.
    pub language: String,
    /// Length of the sound, in seconds.
    pub duration_seconds: f64,
    /// Mean confidence of the words, 0 to 1; 0 when there are none.
    pub confidence: f32,
}

impl Transcript {
    /// Joins utterances in order.
    pub fn join(utterances: Vec<Utterance>, language: &str, duration_seconds: f64) -> Self {
        let texts: Vec<&str> =
            utterances.iter().map(|said| said.text.as_str()).filter(|text| !text.is_empty()).collect();
        let text = texts.join(" ");
        let segments: Vec<Segment> = utterances.into_iter().flat_map(|said| said.segments).collect();
        let sum: f32 = segments.iter().map(|segment| segment.confidence).sum();
        let confidence = if segments.is_empty() { 0.0 } else { sum / segments.len() as f32 };
        Self { text, segments, language: language.to_owned(), duration_seconds, confidence }
    }
}

/// One session of recognition. Synchronous on purpose: the engine is blocking C code and runs on its own threads.
pub trait Recognizer: Send {
    /// Takes mono sound at 16 kHz. Gives an utterance when the speaker has paused: its words are final.
    ///
    /// # Errors
    /// [`AsrError::Engine`] when the engine fails; the session is then of no more use.
    fn accept(&mut self, samples: &[i16]) -> Result<Option<Utterance>, AsrError>;

    /// The words so far of the utterance that is going on; they may still change. Not free: ask only when someone wants
    /// to know.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    fn partial(&mut self) -> Result<String, AsrError>;

    /// Ends the session and gives what has not been given yet.
    ///
    /// # Errors
    /// As [`accept`](Self::accept).
    fn finish(&mut self) -> Result<Utterance, AsrError>;
}

/// Sample rate that recognisers take, in Hz.
pub const RECOGNIZER_SAMPLE_RATE: u32 = 16_000;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn utterances_join_without_the_empty_ones() {
        let said = |text: &str, confidence| Utterance {
            text: text.into(),
            segments: text
                .split_whitespace()
                .map(|word| Segment { start_ms: 0, end_ms: 1, text: word.into(), confidence })
                .collect(),
        };
        let joined = Transcript::join(vec![said("one two", 1.0), said("", 0.0), said("three", 0.4)], "en", 1.5);
        assert_eq!(joined.text, "one two three");
        assert_eq!(joined.segments.len(), 3);
        assert!((joined.confidence - 0.8).abs() < 1e-6);
    }
}
