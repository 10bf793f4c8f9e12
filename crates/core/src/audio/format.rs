//! Encodings of samples and the names of formats.

use std::{fmt, str::FromStr};

/// How one sample is written as bytes. All are little-endian.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Encoding {
    /// Signed 16-bit integer.
    S16le,
    /// Signed 32-bit integer.
    S32le,
    /// 32-bit float, full scale ±1.
    F32le,
    /// G.711 µ-law, 8 bit.
    Mulaw,
    /// G.711 A-law, 8 bit.
    Alaw,
}

impl Encoding {
    /// Bytes of one sample.
    pub const fn bytes(self) -> usize {
        match self {
            Self::S16le => 2,
            Self::S32le | Self::F32le => 4,
            Self::Mulaw | Self::Alaw => 1,
        }
    }

    /// The name used in `X-Audio-Format` and in the query parameter `fmt`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::S16le => "s16le",
            Self::S32le => "s32le",
            Self::F32le => "float32",
            Self::Mulaw => "ulaw",
            Self::Alaw => "alaw",
        }
    }
}

impl FromStr for Encoding {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        [Self::S16le, Self::S32le, Self::F32le, Self::Mulaw, Self::Alaw]
            .into_iter()
            .find(|encoding| encoding.name() == name)
            .ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// Raw sound: encoding, rate and channels (interleaved).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AudioFormat {
    /// Encoding of one sample.
    pub encoding: Encoding,
    /// Frames per second, in Hz.
    pub sample_rate: u32,
    /// Interleaved channels: 1 or 2.
    pub channels: u16,
}

impl AudioFormat {
    /// Bytes of one frame (one sample of every channel).
    pub const fn frame_bytes(self) -> usize {
        self.encoding.bytes() * self.channels as usize
    }
}

/// A format in which speech leaves the service. Always mono.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum OutputFormat {
    /// Raw s16le at 8 kHz.
    Pcm8000,
    /// Raw s16le at 16 kHz: the default.
    #[default]
    Pcm16000,
    /// Raw s16le at 24 kHz.
    Pcm24000,
    /// Raw s16le at 48 kHz.
    Pcm48000,
    /// Raw G.711 µ-law at 8 kHz.
    Ulaw8000,
    /// Raw G.711 A-law at 8 kHz.
    Alaw8000,
    /// A WAV file, s16le at 16 kHz.
    Wav,
}

impl OutputFormat {
    /// Every format, in the order in which they are listed to users.
    pub const ALL: [Self; 7] =
        [Self::Pcm16000, Self::Pcm8000, Self::Pcm24000, Self::Pcm48000, Self::Ulaw8000, Self::Alaw8000, Self::Wav];

    /// The public name, such as `pcm_16000`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Pcm8000 => "pcm_8000",
            Self::Pcm16000 => "pcm_16000",
            Self::Pcm24000 => "pcm_24000",
            Self::Pcm48000 => "pcm_48000",
            Self::Ulaw8000 => "ulaw_8000",
            Self::Alaw8000 => "alaw_8000",
            Self::Wav => "wav",
        }
    }

    /// The samples inside (for [`OutputFormat::Wav`] those of its data chunk).
    pub const fn audio(self) -> AudioFormat {
        let (encoding, sample_rate) = match self {
            Self::Pcm8000 => (Encoding::S16le, 8_000),
            Self::Pcm16000 | Self::Wav => (Encoding::S16le, 16_000),
            Self::Pcm24000 => (Encoding::S16le, 24_000),
            Self::Pcm48000 => (Encoding::S16le, 48_000),
            Self::Ulaw8000 => (Encoding::Mulaw, 8_000),
            Self::Alaw8000 => (Encoding::Alaw, 8_000),
        };
        AudioFormat { encoding, sample_rate, channels: 1 }
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

impl FromStr for OutputFormat {
    type Err = UnknownFormat;

    fn from_str(name: &str) -> Result<Self, UnknownFormat> {
        Self::ALL.into_iter().find(|format| format.name() == name).ok_or_else(|| UnknownFormat(name.to_owned()))
    }
}

/// No format has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown audio format {0:?}")]
pub struct UnknownFormat(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_reads_back() {
        for format in OutputFormat::ALL {
            assert_eq!(format.name().parse(), Ok(format));
        }
        assert_eq!("mp3".parse::<OutputFormat>(), Err(UnknownFormat("mp3".into())));
    }

    #[test]
    fn frames_count_channels() {
        let format = AudioFormat { encoding: Encoding::S32le, sample_rate: 8000, channels: 2 };
        assert_eq!(format.frame_bytes(), 8);
    }
}
