//! Sound as ElevenLabs sends it, to samples.
//!
//! The bytes come in pieces of any size, also in the middle of a sample. What cannot be decoded is an error, never skipped:
//! a hole in the sound must not pass for the whole.

mod mp3;
mod opus;

use evervoice_core::audio::{AudioError, Encoding, PcmDecoder, chunk::to_i16, wav};

use crate::format::{Codec, OutputFormat};
use mp3::Mp3;
use opus::Opus;

/// Decodes one stream of sound, mono.
pub struct Decoder {
    sample_rate: u32,
    kind: Kind,
}

enum Kind {
    /// The low byte of a sample whose high byte has not arrived.
    Pcm(Option<u8>),
    /// One byte is one sample.
    G711(fn(u8) -> i16),
    /// The file so far: it comes from endpoints that send it whole.
    Wav(Vec<u8>),
    Mp3(Mp3),
    Opus(Box<Opus>),
}

/// What is wrong with sound that came.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// The bytes end inside a sample or frame.
    #[error("the sound ends inside a sample or frame: {extra_bytes} bytes are left over")]
    Torn {
        /// Bytes after the last whole sample or frame.
        extra_bytes: usize,
    },
    /// The sound has another rate than its format's name says.
    #[error("the sound has {actual} Hz instead of {expected} Hz")]
    SampleRate {
        /// In Hz, as asked for.
        expected: u32,
        /// In Hz, as came.
        actual: u32,
    },
    /// The bytes are not what the format says.
    #[error("this is no {format} that can be read: {what}")]
    Malformed {
        /// `mp3`, `Ogg Opus` or `WAV`.
        format: &'static str,
        /// What is wrong.
        what: String,
    },
}

impl Decoder {
    /// A decoder for one stream.
    ///
    /// # Errors
    /// [`DecodeError::Malformed`] when the decoder of a codec cannot be made.
    pub fn new(format: OutputFormat) -> Result<Self, DecodeError> {
        let sample_rate = format.sample_rate();
        let kind = match format.codec() {
            Codec::Pcm => Kind::Pcm(None),
            Codec::Ulaw => Kind::G711(audio_codec_algorithms::decode_ulaw),
            Codec::Alaw => Kind::G711(audio_codec_algorithms::decode_alaw),
            Codec::Wav => Kind::Wav(Vec::new()),
            Codec::Mp3 => Kind::Mp3(Mp3::new(sample_rate)),
            Codec::Opus => Kind::Opus(Box::new(Opus::new()?)),
        };
        Ok(Self { sample_rate, kind })
    }

    /// Samples per second of what comes out, in Hz.
    pub fn sample_rate(&self) -> u32 {
        self.sample_rate
    }

    /// The samples that `bytes` completes; none while a frame or file is not whole.
    ///
    /// # Errors
    /// [`DecodeError`]; the stream cannot be decoded further.
    pub fn push(&mut self, bytes: &[u8]) -> Result<Vec<i16>, DecodeError> {
        match &mut self.kind {
            Kind::Pcm(carry) => Ok(pcm(carry, bytes)),
            Kind::G711(decode) => Ok(bytes.iter().map(|byte| decode(*byte)).collect()),
            Kind::Wav(file) => {
                file.extend_from_slice(bytes);
                Ok(Vec::new())
            }
            Kind::Mp3(mp3) => mp3.push(bytes),
            Kind::Opus(opus) => opus.push(bytes),
        }
    }

    /// The samples that were still inside.
    ///
    /// # Errors
    /// [`DecodeError::Torn`] when the bytes end inside a sample or frame, or [`DecodeError::Malformed`].
    pub fn finish(self) -> Result<Vec<i16>, DecodeError> {
        let extra_bytes = match &self.kind {
            Kind::Pcm(carry) => usize::from(carry.is_some()),
            Kind::G711(_) => 0,
            Kind::Wav(file) => return decode_wav(file, self.sample_rate),
            Kind::Mp3(mp3) => mp3.left_over(),
            Kind::Opus(opus) => opus.left_over(),
        };
        if extra_bytes == 0 { Ok(Vec::new()) } else { Err(DecodeError::Torn { extra_bytes }) }
    }
}

fn pcm(carry: &mut Option<u8>, bytes: &[u8]) -> Vec<i16> {
    let mut samples = Vec::with_capacity(bytes.len() / 2 + 1);
    let mut rest = bytes;
    if let (Some(low), Some((high, behind))) = (*carry, bytes.split_first()) {
        samples.push(i16::from_le_bytes([low, *high]));
        *carry = None;
        rest = behind;
    }
    let (pairs, odd) = rest.as_chunks::<2>();
    samples.extend(pairs.iter().map(|pair| i16::from_le_bytes(*pair)));
    if let [low] = odd {
        *carry = Some(*low);
    }
    samples
}

fn decode_wav(file: &[u8], expected: u32) -> Result<Vec<i16>, DecodeError> {
    let malformed = |error: AudioError| DecodeError::Malformed { format: "WAV", what: error.to_string() };
    let (format, sound) = wav::parse(file).map_err(malformed)?;
    if format.sample_rate != expected {
        return Err(DecodeError::SampleRate { expected, actual: format.sample_rate });
    }
    if format.encoding == Encoding::S16le && format.channels == 1 {
        let mut carry = None;
        let samples = pcm(&mut carry, sound);
        return if carry.is_none() { Ok(samples) } else { Err(DecodeError::Torn { extra_bytes: 1 }) };
    }
    let mut decoder = PcmDecoder::new(format).map_err(malformed)?;
    let mut floats = Vec::new();
    decoder.push(sound, &mut floats).map_err(malformed)?;
    decoder.finish().map_err(malformed)?;
    Ok(floats.into_iter().map(to_i16).collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn decode(format: &str, pieces: &[&[u8]]) -> Result<Vec<i16>, DecodeError> {
        let mut decoder = Decoder::new(format.parse().unwrap())?;
        let mut samples = Vec::new();
        for piece in pieces {
            samples.extend(decoder.push(piece)?);
        }
        samples.extend(decoder.finish()?);
        Ok(samples)
    }

    #[test]
    fn an_odd_byte_at_the_end_is_an_error() {
        assert_eq!(decode("pcm_16000", &[&[1, 0, 2]]), Err(DecodeError::Torn { extra_bytes: 1 }));
        assert_eq!(decode("pcm_16000", &[&[1], &[], &[0, 2], &[0]]), Ok(vec![1, 2]));
    }

    #[test]
    fn telephone_codes_decode() {
        let codes = [audio_codec_algorithms::encode_ulaw(8_000), audio_codec_algorithms::encode_ulaw(-8_000)];
        let samples = decode("ulaw_8000", &[&codes]).unwrap();
        assert!((samples[0] - 8_000).abs() < 160 && samples[1] == -samples[0], "{samples:?}");
        let codes = [audio_codec_algorithms::encode_alaw(8_000)];
        assert!((decode("alaw_8000", &[&codes]).unwrap()[0] - 8_000).abs() < 160);
    }

    #[test]
    fn wav_loses_its_header_and_is_refused_when_it_is_cut_or_of_another_rate() {
        let file = wav::write(&[1, -2, 3], 24_000).unwrap();
        assert_eq!(decode("wav_24000", &[&file[..7], &file[7..]]), Ok(vec![1, -2, 3]));
        let other = DecodeError::SampleRate { expected: 16_000, actual: 24_000 };
        assert_eq!(decode("wav_16000", &[&file]), Err(other));
        assert!(matches!(decode("wav_24000", &[&file[..file.len() - 1]]), Err(DecodeError::Malformed { .. })));
        assert!(matches!(decode("wav_24000", &[]), Err(DecodeError::Malformed { .. })));
    }

    proptest! {
        #[test]
        fn any_split_of_pcm_gives_the_same_samples(
            samples in prop::collection::vec(any::<i16>(), 0..200),
            cuts in prop::collection::vec(0usize..400, 0..8),
        ) {
            let bytes: Vec<u8> = samples.iter().flat_map(|sample| sample.to_le_bytes()).collect();
            let mut cuts: Vec<usize> = cuts.into_iter().map(|cut| cut.min(bytes.len())).collect();
            cuts.extend([0, bytes.len()]);
            cuts.sort_unstable();
            let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
            prop_assert_eq!(decode("pcm_24000", &pieces), Ok(samples));
        }

        #[test]
        fn no_bytes_break_a_decoder(
            bytes in prop::collection::vec(any::<u8>(), 0..2_000),
            format in prop::sample::select(OutputFormat::all().collect::<Vec<_>>()),
        ) {
            let _ = decode(format.name(), &[&bytes]);
        }
    }
}
