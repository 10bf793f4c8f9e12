//! Chunks of sound at another rate.

use evervoice_core::audio::{AudioChunk, StreamResampler, chunk::to_i16};

/// Brings the chunks of one provider to the rate of an utterance.
pub struct AtRate {
    /// `None` when the rates are equal, and after the end.
    resampler: Option<StreamResampler>,
}

impl AtRate {
    /// From one rate to another, in Hz.
    pub fn new(from: u32, to: u32) -> Self {
        Self { resampler: (from != to).then(|| StreamResampler::new(from, to)) }
    }

    /// What is ready of it; `None` when nothing is yet.
    pub fn push(&mut self, chunk: AudioChunk) -> Option<AudioChunk> {
        let Some(resampler) = &mut self.resampler else { return Some(chunk) };
        let floats: Vec<f32> = chunk.samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
        let mut samples = Vec::new();
        resampler.push(&floats, &mut samples);
        to_chunk(&samples, chunk.text_end)
    }

    /// What is left after the last chunk, once.
    pub fn finish(&mut self) -> Option<AudioChunk> {
        let mut samples = Vec::new();
        self.resampler.take()?.finish(&mut samples);
        to_chunk(&samples, None)
    }
}

fn to_chunk(samples: &[f32], text_end: Option<usize>) -> Option<AudioChunk> {
    let samples: Vec<i16> = samples.iter().map(|sample| to_i16(*sample)).collect();
    (!samples.is_empty()).then_some(AudioChunk { samples, text_end })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_is_lost_at_another_rate() {
        let mut rate = AtRate::new(16_000, 8_000);
        let mut samples = 0;
        for _ in 0..100 {
            samples += rate.push(AudioChunk { samples: vec![0; 77], text_end: Some(1) }).map_or(0, |c| c.samples.len());
        }
        samples += rate.finish().map_or(0, |chunk| chunk.samples.len());
        assert_eq!(samples, 3_850);
        assert_eq!(rate.finish(), None);
    }
}
