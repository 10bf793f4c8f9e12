//! Bytes of a client to samples at the recogniser's rate.

use evervoice_core::{
    asr::{AsrError, RECOGNIZER_SAMPLE_RATE},
    audio::{AudioError, AudioFormat, PcmDecoder, StreamResampler, chunk::to_i16, wav},
};

/// Shortest sound that is worth recognising: 100 ms, less than any word.
pub const MIN_MS: u64 = 100;

/// Mono sound at 16 kHz.
#[derive(Debug, PartialEq)]
pub struct Sound {
    /// The samples.
    pub samples: Vec<i16>,
    /// Length of what the client sent, in seconds.
    pub duration_seconds: f64,
}

/// Decodes sound that arrives in pieces of any size.
///
/// Sound that is mono s16le at 16 kHz already comes out bit for bit.
pub struct SoundDecoder {
    decoder: PcmDecoder,
    resampler: StreamResampler,
    rate: u32,
    decoded: Vec<f32>,
    resampled: Vec<f32>,
}

impl SoundDecoder {
    /// A decoder for `format`.
    ///
    /// # Errors
    /// When the format's rate or channels are outside what is read.
    pub fn new(format: AudioFormat) -> Result<Self, AudioError> {
        Ok(Self {
            decoder: PcmDecoder::new(format)?,
            resampler: StreamResampler::new(format.sample_rate, RECOGNIZER_SAMPLE_RATE),
            rate: format.sample_rate,
            decoded: Vec::new(),
            resampled: Vec::new(),
        })
    }

    /// Appends what `bytes` completes to `out`; on an error, what came before the bad sample.
    ///
    /// # Errors
    /// [`AudioError::NotFinite`].
    pub fn push(&mut self, bytes: &[u8], out: &mut impl Extend<i16>) -> Result<(), AudioError> {
        self.decoded.clear();
        let result = self.decoder.push(bytes, &mut self.decoded);
        self.resampled.clear();
        self.resampler.push(&self.decoded, &mut self.resampled);
        out.extend(self.resampled.iter().copied().map(to_i16));
        result
    }

    /// Appends what the resampler still holds.
    ///
    /// # Errors
    /// [`AudioError::TornFrame`] when the bytes ended inside a frame.
    pub fn finish(&mut self, out: &mut impl Extend<i16>) -> Result<(), AudioError> {
        self.resampled.clear();
        self.resampler.finish(&mut self.resampled);
        out.extend(self.resampled.iter().copied().map(to_i16));
        self.decoder.finish()
    }

    /// Length of the sound so far, in seconds.
    pub fn seconds(&self) -> f64 {
        self.decoder.decoded_frames() as f64 / f64::from(self.rate)
    }
}

/// Reads a whole body: a WAV file when it starts like one, else raw sound in `format`.
///
/// # Errors
/// [`AsrError::Audio`] for sound that cannot be read, [`AsrError::TooShort`] and [`AsrError::TooLong`].
pub fn read(body: &[u8], format: AudioFormat, max_seconds: f64) -> Result<Sound, AsrError> {
    let (format, bytes) = if wav::is_wav(body) { wav::parse(body)? } else { (format, body) };
    let mut decoder = SoundDecoder::new(format)?;
    let frames = bytes.len() / format.frame_bytes();
    if frames as f64 > max_seconds * f64::from(format.sample_rate) {
        return Err(AsrError::TooLong { limit_seconds: max_seconds });
    }
    let mut samples = Vec::with_capacity(frames * RECOGNIZER_SAMPLE_RATE as usize / format.sample_rate as usize + 1);
    decoder.push(bytes, &mut samples)?;
    decoder.finish(&mut samples)?;
    let duration_ms = frames as u64 * 1000 / u64::from(format.sample_rate);
    if duration_ms < MIN_MS {
        return Err(AsrError::TooShort { duration_ms, min_ms: MIN_MS });
    }
    Ok(Sound { samples, duration_seconds: decoder.seconds() })
}

#[cfg(test)]
mod tests {
    use evervoice_core::audio::Encoding;
    use proptest::prelude::*;

    use super::*;

    fn format(encoding: Encoding, sample_rate: u32, channels: u16) -> AudioFormat {
        AudioFormat { encoding, sample_rate, channels }
    }

    const PLAIN: AudioFormat = AudioFormat { encoding: Encoding::S16le, sample_rate: 16_000, channels: 1 };

    fn bytes(samples: impl IntoIterator<Item = i16>) -> Vec<u8> {
        samples.into_iter().flat_map(i16::to_le_bytes).collect()
    }

    #[test]
    fn lengths_have_limits_on_both_ends() {
        let seconds = |frames: usize| read(&vec![0; frames * 2], PLAIN, 15.0).map(|sound| sound.duration_seconds);
        assert!(matches!(seconds(0), Err(AsrError::TooShort { duration_ms: 0, min_ms: 100 })));
        assert!(matches!(seconds(1_599), Err(AsrError::TooShort { duration_ms: 99, .. })));
        assert_eq!(seconds(1_600).unwrap(), 0.1);
        assert_eq!(seconds(240_000).unwrap(), 15.0);
        assert!(matches!(seconds(240_001), Err(AsrError::TooLong { limit_seconds: 15.0 })));
    }

    #[test]
    fn a_wav_file_is_read_by_its_header_whatever_was_said() {
        let file = wav::write(&[7; 800], 8_000).unwrap();
        let sound = read(&file, format(Encoding::F32le, 48_000, 2), 15.0).unwrap();
        assert_eq!((sound.samples.len(), sound.duration_seconds), (1_600, 0.1));
        let long = wav::write(&vec![0; 8_001], 8_000).unwrap();
        assert!(matches!(read(&long, PLAIN, 1.0), Err(AsrError::TooLong { .. })));
    }

    #[test]
    fn torn_and_not_finite_sound_is_refused() {
        let torn = read(&[0; 5_001], PLAIN, 15.0).unwrap_err();
        assert!(matches!(torn, AsrError::Audio(AudioError::TornFrame { extra_bytes: 1, frame_bytes: 2 })));
        let mut floats = vec![0.0f32; 5_000];
        floats[4_000] = f32::NAN;
        let bytes: Vec<u8> = floats.into_iter().flat_map(f32::to_le_bytes).collect();
        let bad = read(&bytes, format(Encoding::F32le, 16_000, 1), 15.0).unwrap_err();
        assert!(matches!(bad, AsrError::Audio(AudioError::NotFinite { frame: 4_000 })));
    }

    #[test]
    fn what_came_before_a_bad_sample_is_kept() {
        let mut decoder = SoundDecoder::new(format(Encoding::F32le, 16_000, 1)).unwrap();
        let mut out = vec![];
        let bytes = [0.5f32, 0.25, f32::INFINITY].map(f32::to_le_bytes).concat();
        assert!(decoder.push(&bytes, &mut out).is_err());
        assert_eq!(out, [16_384, 8_192]);
    }

    proptest! {
        #[test]
        fn sixteen_kilohertz_goes_through_bit_for_bit(samples in prop::collection::vec(any::<i16>(), 1_600..2_000)) {
            let sound = read(&bytes(samples.clone()), PLAIN, 15.0).unwrap();
            prop_assert_eq!(sound.samples, samples);
        }

        #[test]
        fn no_body_makes_reading_panic(body in prop::collection::vec(any::<u8>(), 0..4_000), wav_head in any::<bool>()) {
            let mut body = body;
            if wav_head {
                let good = wav::write(&[0; 4], 16_000).unwrap();
                body.splice(0..0, good[..44].iter().copied());
            }
            let _ = read(&body, PLAIN, 15.0);
        }
    }
}
