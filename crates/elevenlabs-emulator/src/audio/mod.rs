//! Output formats, and samples to bytes.

mod encoder;
mod mp3;
mod opus;

pub(crate) use encoder::{Encoder, wav_header};

/// The sample rates of all formats, in Hz.
pub(crate) const SAMPLE_RATES: [u32; 7] = [8000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Codec {
    Pcm,
    Wav,
    ULaw,
    ALaw,
    /// With its bit rate in kbit/s.
    Mp3(u32),
    /// With its bit rate in kbit/s.
    Opus(u32),
}

/// A value of `output_format`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Format {
    pub(crate) codec: Codec,
    /// In Hz.
    pub(crate) sample_rate: u32,
}

impl Format {
    /// What is sent when nobody asks for a format.
    pub(crate) const DEFAULT: &str = "mp3_44100_128";

    /// All names that any endpoint knows.
    pub(crate) const NAMES: [&str; 28] = [
        "mp3_22050_32",
        "mp3_24000_48",
        "mp3_44100_32",
        "mp3_44100_64",
        "mp3_44100_96",
        "mp3_44100_128",
        "mp3_44100_192",
        "pcm_8000",
        "pcm_16000",
        "pcm_22050",
        "pcm_24000",
        "pcm_32000",
        "pcm_44100",
        "pcm_48000",
        "ulaw_8000",
        "alaw_8000",
        "opus_48000_32",
        "opus_48000_64",
        "opus_48000_96",
        "opus_48000_128",
        "opus_48000_192",
        "wav_8000",
        "wav_16000",
        "wav_22050",
        "wav_24000",
        "wav_32000",
        "wav_44100",
        "wav_48000",
    ];

    pub(crate) fn parse(name: &str) -> Option<Self> {
        let name = Self::NAMES.iter().find(|known| **known == name)?;
        let mut parts = name.split('_');
        let codec = parts.next()?;
        let sample_rate = parts.next()?.parse().ok()?;
        let kbps = parts.next().and_then(|part| part.parse().ok()).unwrap_or_default();
        let codec = match codec {
            "pcm" => Codec::Pcm,
            "wav" => Codec::Wav,
            "ulaw" => Codec::ULaw,
            "alaw" => Codec::ALaw,
            "mp3" => Codec::Mp3(kbps),
            _ => Codec::Opus(kbps),
        };
        Some(Self { codec, sample_rate })
    }

    pub(crate) fn content_type(self) -> &'static str {
        match self.codec {
            Codec::Pcm => "audio/pcm",
            Codec::Wav => "audio/wav",
            Codec::ULaw | Codec::ALaw => "audio/basic",
            Codec::Mp3(_) => "audio/mpeg",
            Codec::Opus(_) => "audio/opus",
        }
    }

    /// Streams have no WAV header.
    pub(crate) fn can_stream(self) -> bool {
        self.codec != Codec::Wav
    }

    /// The documented list, and `pcm_32000` and `pcm_48000`, which clients in wide use ask for.
    pub(crate) fn on_websocket(self) -> bool {
        self.can_stream() && self != Self { codec: Codec::Mp3(48), sample_rate: 24_000 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_is_a_format() {
        let formats: Vec<Format> = Format::NAMES.iter().filter_map(|name| Format::parse(name)).collect();
        assert_eq!(formats.len(), 28);
        assert_eq!(formats.iter().filter(|format| format.can_stream()).count(), 21);
        assert_eq!(formats.iter().filter(|format| format.on_websocket()).count(), 20);
        assert!(formats.iter().all(|format| SAMPLE_RATES.contains(&format.sample_rate)));
        assert_eq!(Format::parse("mp3_44100"), None);
    }
}
