//! The crate `vosk` behind [`Recognizer`].
//!
//! What the binding does wrong and how we live with it: it panics on results that it cannot parse (jobs run under
//! `catch_unwind`, see `evervoice_core::worker`), takes grammars unescaped (see `grammar`), and its `reset` leaves sound
//! of the last utterance in the pipeline (a session always gets a new recogniser, which takes under a millisecond).

use evervoice_core::asr::{AsrError, RECOGNIZER_SAMPLE_RATE, Recognizer, Segment, Utterance};
use vosk::{CompleteResult, DecodingState, Model};

use crate::grammar::Grammar;

/// A libvosk recogniser for one session.
pub struct VoskRecognizer(vosk::Recognizer);

impl VoskRecognizer {
    /// A fresh recogniser on `model`, limited to `grammar` if there is one.
    pub fn new(model: &Model, grammar: Option<&Grammar>) -> Result<Self, AsrError> {
        let rate = RECOGNIZER_SAMPLE_RATE as f32;
        let created = match grammar {
            Some(grammar) => vosk::Recognizer::new_with_grammar(model, rate, grammar.phrases()),
            None => vosk::Recognizer::new(model, rate),
        };
        let mut recognizer = created.ok_or_else(|| AsrError::Engine("libvosk made no recogniser".into()))?;
        recognizer.set_words(true);
        Ok(Self(recognizer))
    }
}

impl Recognizer for VoskRecognizer {
    fn accept(&mut self, samples: &[i16]) -> Result<Option<Utterance>, AsrError> {
        match self.0.accept_waveform(samples).map_err(|error| AsrError::Engine(error.to_string()))? {
            DecodingState::Running => Ok(None),
            DecodingState::Finalized => utterance(self.0.result()).map(Some),
            DecodingState::Failed => Err(AsrError::Engine("libvosk could not decode the sound".into())),
        }
    }

    fn partial(&mut self) -> Result<String, AsrError> {
        Ok(self.0.partial_result().partial.to_owned())
    }

    fn finish(&mut self) -> Result<Utterance, AsrError> {
        utterance(self.0.final_result())
    }
}

fn utterance(result: CompleteResult<'_>) -> Result<Utterance, AsrError> {
    let result =
        result.single().ok_or_else(|| AsrError::Engine("libvosk gave alternatives that nobody asked for".into()))?;
    let segments = result.result.iter().map(|word| Segment {
        start_ms: milliseconds(word.start),
        end_ms: milliseconds(word.end),
        text: word.word.to_owned(),
        confidence: word.conf.clamp(0.0, 1.0),
    });
    Ok(Utterance { text: result.text.to_owned(), segments: segments.collect() })
}

/// Seconds to whole ms. A negative or not finite time becomes 0 (casts saturate).
fn milliseconds(seconds: f32) -> u64 {
    (f64::from(seconds) * 1000.0).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rounded_to_the_nearest_millisecond() {
        assert_eq!([0.0, 0.57, 1.1999, 2.0004].map(milliseconds), [0, 570, 1200, 2000]);
        assert_eq!([-1.0, f32::NAN].map(milliseconds), [0, 0]);
    }
}
