//! Chunks of a provider to bytes for a client.

use bytes::Bytes;

use super::{AudioChunk, Encoding, OutputFormat, StreamResampler, chunk::to_i16};

/// Encodes the chunks of one utterance: resampled to the rate of the format, every sample whole.
///
/// For [`OutputFormat::Wav`] only the samples come out; the header is [`super::wav`]'s.
pub struct StreamEncoder {
    encoding: Encoding,
    resampler: StreamResampler,
    samples: u64,
    scratch: Vec<f32>,
}

impl StreamEncoder {
    /// From chunks at `sample_rate` Hz to `format`.
    pub fn new(sample_rate: u32, format: OutputFormat) -> Self {
        let audio = format.audio();
        Self {
            encoding: audio.encoding,
            resampler: StreamResampler::new(sample_rate, audio.sample_rate),
            samples: 0,
            scratch: Vec::new(),
        }
    }

    /// Bytes for one chunk. May be empty while the resampler fills.
    pub fn push(&mut self, chunk: &AudioChunk) -> Bytes {
        let mut converted = std::mem::take(&mut self.scratch);
        let floats: Vec<f32> = chunk.samples.iter().map(|&sample| f32::from(sample) / 32_768.0).collect();
        self.resampler.push(&floats, &mut converted);
        self.bytes(converted)
    }

    /// Bytes that were still in the resampler. Call once, after the last chunk.
    pub fn finish(&mut self) -> Bytes {
        let mut converted = std::mem::take(&mut self.scratch);
        self.resampler.finish(&mut converted);
        self.bytes(converted)
    }

    /// Samples encoded so far, at the rate of the format.
    pub fn samples(&self) -> u64 {
        self.samples
    }

    fn bytes(&mut self, mut converted: Vec<f32>) -> Bytes {
        self.samples += converted.len() as u64;
        let mut bytes = Vec::with_capacity(converted.len() * self.encoding.bytes());
        for &sample in &converted {
            match self.encoding {
                Encoding::S16le => bytes.extend_from_slice(&to_i16(sample).to_le_bytes()),
                Encoding::S32le => bytes.extend_from_slice(&((sample * 2_147_483_648.0) as i32).to_le_bytes()),
                Encoding::F32le => bytes.extend_from_slice(&sample.to_le_bytes()),
                Encoding::Mulaw => bytes.push(audio_codec_algorithms::encode_ulaw(to_i16(sample))),
                Encoding::Alaw => bytes.push(audio_codec_algorithms::encode_alaw(to_i16(sample))),
            }
        }
        converted.clear();
        self.scratch = converted;
        bytes.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn encode(format: OutputFormat, samples: &[i16]) -> Vec<u8> {
        let mut encoder = StreamEncoder::new(16_000, format);
        let mut bytes = encoder.push(&AudioChunk { samples: samples.to_vec(), text_end: None }).to_vec();
        bytes.extend_from_slice(&encoder.finish());
        bytes
    }

    #[test]
    fn the_default_format_is_bit_exact() {
        let samples: Vec<i16> = (i16::MIN..=i16::MAX).step_by(97).collect();
        let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
        assert_eq!(encode(OutputFormat::Pcm16000, &samples), bytes);
    }

    #[test]
    fn other_rates_keep_the_duration() {
        let samples = vec![1_000; 16_000];
        assert_eq!(encode(OutputFormat::Pcm8000, &samples).len(), 16_000);
        assert_eq!(encode(OutputFormat::Pcm24000, &samples).len(), 48_000);
        assert_eq!(encode(OutputFormat::Pcm48000, &samples).len(), 96_000);
        assert_eq!(encode(OutputFormat::Ulaw8000, &samples).len(), 8_000);
        assert_eq!(encode(OutputFormat::Alaw8000, &samples).len(), 8_000);
    }
}
