//! Samples to the bytes of a format, as they come.

use audio_codec_algorithms::{encode_alaw, encode_ulaw};

use super::mp3::Mp3;
use super::opus::Opus;
use super::{Codec, Format};

/// The encoder of one utterance. WAV is encoded as PCM; its header is [`wav_header`].
pub(crate) enum Encoder {
    Pcm,
    ULaw,
    ALaw,
    Mp3(Box<Mp3>),
    Opus(Box<Opus>),
}

impl Encoder {
    pub(crate) fn new(format: Format) -> Self {
        match format.codec {
            Codec::Pcm | Codec::Wav => Self::Pcm,
            Codec::ULaw => Self::ULaw,
            Codec::ALaw => Self::ALaw,
            Codec::Mp3(kbps) => Self::Mp3(Box::new(Mp3::new(format.sample_rate, kbps))),
            Codec::Opus(kbps) => Self::Opus(Box::new(Opus::new(kbps))),
        }
    }

    /// The bytes that these samples complete.
    pub(crate) fn push(&mut self, samples: &[i16]) -> Vec<u8> {
        match self {
            Self::Pcm => samples.iter().flat_map(|sample| sample.to_le_bytes()).collect(),
            Self::ULaw => samples.iter().map(|&sample| encode_ulaw(sample)).collect(),
            Self::ALaw => samples.iter().map(|&sample| encode_alaw(sample)).collect(),
            Self::Mp3(mp3) => mp3.push(samples),
            Self::Opus(opus) => opus.push(samples),
        }
    }

    /// What is left, filled up with silence to a whole frame; and so much silence as the tail of a stream has.
    pub(crate) fn finish(&mut self, tail: &[i16]) -> Vec<u8> {
        match self {
            Self::Pcm | Self::ULaw | Self::ALaw => self.push(tail),
            Self::Mp3(mp3) => mp3.finish(),
            Self::Opus(opus) => opus.finish(),
        }
    }
}

/// The header before so many bytes of mono 16-bit samples.
pub(crate) fn wav_header(sample_rate: u32, data_bytes: u32) -> Vec<u8> {
    let mut header = Vec::with_capacity(44);
    header.extend(b"RIFF");
    header.extend((data_bytes + 36).to_le_bytes());
    header.extend(b"WAVEfmt ");
    header.extend(16u32.to_le_bytes());
    header.extend(1u16.to_le_bytes());
    header.extend(1u16.to_le_bytes());
    header.extend(sample_rate.to_le_bytes());
    header.extend((sample_rate * 2).to_le_bytes());
    header.extend(2u16.to_le_bytes());
    header.extend(16u16.to_le_bytes());
    header.extend(b"data");
    header.extend(data_bytes.to_le_bytes());
    header
}
