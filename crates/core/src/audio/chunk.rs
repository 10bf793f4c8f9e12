//! The thing that flows from a provider to a client.

use std::pin::Pin;

use futures_util::Stream;

use crate::tts::TtsError;

/// A run of mono samples of an utterance. Whole samples, never empty.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AudioChunk {
    /// Samples at the rate of the stream.
    pub samples: Vec<i16>,
    /// Where in the text of the request its sound ends, in bytes: who has heard the stream up to here has heard all of
    /// `text[..text_end]` and nothing after it. It never goes back. `None` when the provider cannot tell; then nobody else can
    /// finish the utterance when this one fails.
    pub text_end: Option<usize>,
}

impl AudioChunk {
    /// A chunk of floats in −1..1, clipped and rounded to 16 bit, of a place in the text that is not known.
    pub fn from_f32(samples: &[f32]) -> Self {
        Self { samples: samples.iter().map(|&sample| to_i16(sample)).collect(), text_end: None }
    }
}

/// Full scale ±1 to 16 bit, rounded, clipped. Exact for values that came from 16 bit by division by 32,768.
pub fn to_i16(sample: f32) -> i16 {
    // Half a step away from zero and cut off: rounding, without a call into the mathematics library per sample. The cast
    // saturates: 1.0 becomes 32,767, NaN becomes 0.
    (sample * 32_768.0 + 0.5f32.copysign(sample)) as i16
}

/// The sound of one utterance as it is made. Dropping it cancels the utterance.
///
/// The stream ends without an error only when every word has been spoken.
pub struct AudioStream {
    /// Who speaks, as told in `X-Voice-Provider`.
    pub provider: &'static str,
    /// Samples per second of every chunk, in Hz.
    pub sample_rate: u32,
    /// The chunks in order.
    pub chunks: Pin<Box<dyn Stream<Item = Result<AudioChunk, TtsError>> + Send>>,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixteen_bit_survives_the_float_domain() {
        for sample in [i16::MIN, -1, 0, 1, 12_345, i16::MAX] {
            assert_eq!(to_i16(f32::from(sample) / 32_768.0), sample);
        }
    }

    #[test]
    fn loud_samples_clip_instead_of_wrapping() {
        assert_eq!(AudioChunk::from_f32(&[2.0, -2.0]).samples, [i16::MAX, i16::MIN]);
    }
}
