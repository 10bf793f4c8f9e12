//! Bytes of a client to mono samples.

use super::{AudioError, AudioFormat, Encoding, MAX_SAMPLE_RATE, MIN_SAMPLE_RATE};

/// Decodes raw sound that arrives in pieces of any size. Channels are averaged to mono.
#[derive(Debug)]
pub struct PcmDecoder {
    format: AudioFormat,
    /// Bytes of a frame whose rest has not arrived yet.
    carry: Vec<u8>,
    frames: u64,
}

impl PcmDecoder {
    /// A decoder for `format`.
    ///
    /// # Errors
    /// [`AudioError::SampleRate`] or [`AudioError::Channels`] when the format is outside what is read.
    pub fn new(format: AudioFormat) -> Result<Self, AudioError> {
        if !(MIN_SAMPLE_RATE..=MAX_SAMPLE_RATE).contains(&format.sample_rate) {
            return Err(AudioError::SampleRate(format.sample_rate));
        }
        if !(1..=2).contains(&format.channels) {
            return Err(AudioError::Channels(format.channels));
        }
        Ok(Self { format, carry: Vec::new(), frames: 0 })
    }

    /// Appends the mono samples (full scale ±1) of the frames that `bytes` completes to `out`.
    ///
    /// # Errors
    /// [`AudioError::NotFinite`] for a float sample that is NaN or infinite.
    pub fn push(&mut self, bytes: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        let size = self.format.frame_bytes();
        let mut rest = bytes;
        if !self.carry.is_empty() {
            let take = (size - self.carry.len()).min(rest.len());
            self.carry.extend_from_slice(&rest[..take]);
            rest = &rest[take..];
            if self.carry.len() < size {
                return Ok(());
            }
            let frame = std::mem::take(&mut self.carry);
            self.frames(&frame, out)?;
        }
        let whole = rest.len() - rest.len() % size;
        self.frames(&rest[..whole], out)?;
        self.carry.extend_from_slice(&rest[whole..]);
        Ok(())
    }

    /// Frames decoded so far.
    pub fn decoded_frames(&self) -> u64 {
        self.frames
    }

    /// Checks that the bytes ended with a whole frame.
    ///
    /// # Errors
    /// [`AudioError::TornFrame`] when they did not.
    pub fn finish(&self) -> Result<(), AudioError> {
        match self.carry.len() {
            0 => Ok(()),
            extra_bytes => Err(AudioError::TornFrame { extra_bytes, frame_bytes: self.format.frame_bytes() }),
        }
    }

    fn frames(&mut self, bytes: &[u8], out: &mut Vec<f32>) -> Result<(), AudioError> {
        let from = out.len();
        match self.format.encoding {
            Encoding::S16le => self.mono(bytes, out, |b| f32::from(i16::from_le_bytes(b)) / 32_768.0),
            Encoding::S32le => self.mono(bytes, out, |b| i32::from_le_bytes(b) as f32 / 2_147_483_648.0),
            Encoding::F32le => self.mono(bytes, out, f32::from_le_bytes),
            Encoding::Mulaw => {
                self.mono(bytes, out, |[b]| f32::from(audio_codec_algorithms::decode_ulaw(b)) / 32_768.0)
            }
            Encoding::Alaw => self.mono(bytes, out, |[b]| f32::from(audio_codec_algorithms::decode_alaw(b)) / 32_768.0),
        }
        let bad = match self.format.encoding {
            Encoding::F32le => out[from..].iter().position(|sample| !sample.is_finite()),
            _ => None,
        };
        out.truncate(bad.map_or(out.len(), |at| from + at));
        self.frames += (out.len() - from) as u64;
        bad.map_or(Ok(()), |_| Err(AudioError::NotFinite { frame: self.frames }))
    }

    /// One loop per encoding, so that the compiler can take several samples at a time.
    fn mono<const BYTES: usize>(&self, bytes: &[u8], out: &mut Vec<f32>, decode: impl Fn([u8; BYTES]) -> f32) {
        let (samples, _) = bytes.as_chunks::<BYTES>();
        match self.format.channels {
            1 => out.extend(samples.iter().map(|sample| decode(*sample))),
            channels => out.extend(
                samples
                    .chunks_exact(usize::from(channels))
                    .map(|frame| frame.iter().map(|sample| decode(*sample)).sum::<f32>() / f32::from(channels)),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decoder(encoding: Encoding, channels: u16) -> PcmDecoder {
        PcmDecoder::new(AudioFormat { encoding, sample_rate: 16_000, channels }).unwrap()
    }

    #[test]
    fn stereo_is_averaged() {
        let mut out = vec![];
        let bytes = [16_384i16, -8_192, 0, 16_384].map(i16::to_le_bytes).concat();
        decoder(Encoding::S16le, 2).push(&bytes, &mut out).unwrap();
        assert_eq!(out, [0.125, 0.25]);
    }

    #[test]
    fn every_encoding_decodes_half_scale() {
        let half = [
            (Encoding::S16le, 16_384i16.to_le_bytes().to_vec()),
            (Encoding::S32le, (1i32 << 30).to_le_bytes().to_vec()),
            (Encoding::F32le, 0.5f32.to_le_bytes().to_vec()),
            (Encoding::Mulaw, vec![audio_codec_algorithms::encode_ulaw(16_384)]),
            (Encoding::Alaw, vec![audio_codec_algorithms::encode_alaw(16_384)]),
        ];
        for (encoding, bytes) in half {
            let mut out = vec![];
            decoder(encoding, 1).push(&bytes, &mut out).unwrap();
            // G.711 has about 38 dB of signal to noise (ITU-T G.711): 2 % of the sample.
            assert!((out[0] - 0.5).abs() < 0.02, "{encoding:?}: {out:?}");
        }
    }

    #[test]
    fn a_torn_frame_is_told() {
        let mut decoder = decoder(Encoding::S16le, 2);
        decoder.push(&[0; 7], &mut vec![]).unwrap();
        assert_eq!(decoder.finish(), Err(AudioError::TornFrame { extra_bytes: 3, frame_bytes: 4 }));
    }

    #[test]
    fn nan_and_infinity_are_refused_with_their_place() {
        for bad in [f32::NAN, f32::INFINITY] {
            let bytes = [0.0f32, 0.1, bad].map(f32::to_le_bytes).concat();
            let error = decoder(Encoding::F32le, 1).push(&bytes, &mut vec![]);
            assert_eq!(error, Err(AudioError::NotFinite { frame: 2 }));
        }
    }

    proptest! {
        #[test]
        fn any_split_of_the_bytes_gives_the_same_samples(
            bytes in prop::collection::vec(any::<u8>(), 0..400),
            cuts in prop::collection::vec(0usize..400, 0..8),
            channels in 1u16..=2,
        ) {
            let mut whole = vec![];
            decoder(Encoding::S16le, channels).push(&bytes, &mut whole).unwrap();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let (mut pieces, mut split) = (vec![], decoder(Encoding::S16le, channels));
            for pair in cuts.windows(2) {
                split.push(&bytes[pair[0]..pair[1]], &mut pieces).unwrap();
            }
            prop_assert_eq!(whole, pieces);
            prop_assert_eq!(split.finish().is_ok(), bytes.len().is_multiple_of(2 * channels as usize));
        }
    }
}
