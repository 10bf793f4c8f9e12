//! The output formats of ElevenLabs, by the names that go over the wire.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// How the sound of a format is coded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// MPEG audio layer III.
    Mp3,
    /// Raw s16le, mono.
    Pcm,
    /// Raw G.711 µ-law, mono.
    Ulaw,
    /// Raw G.711 A-law, mono.
    Alaw,
    /// Opus in Ogg.
    Opus,
    /// A WAV file.
    Wav,
}

impl Codec {
    /// By the first part of a format's name.
    const fn of(name: &str) -> Self {
        match name.as_bytes()[0] {
            b'm' => Self::Mp3,
            b'p' => Self::Pcm,
            b'u' => Self::Ulaw,
            b'a' => Self::Alaw,
            b'o' => Self::Opus,
            _ => Self::Wav,
        }
    }
}

/// A place where a format is asked for; each has its own list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Endpoint {
    /// HTTP, the sound while it is made: `/stream` and `/stream/with-timestamps`.
    Stream,
    /// HTTP, the whole sound at once: the voice's own path and `/with-timestamps`.
    Convert,
    /// The two WebSockets, `/stream-input` and `/multi-stream-input`.
    WebSocket,
}

/// An output format, such as `pcm_16000`: codec, rate in Hz and, for the lossy ones, kbit/s. One of [`OutputFormat::all`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct OutputFormat {
    name: &'static str,
    codec: Codec,
    sample_rate: u32,
}

const fn format(name: &'static str, sample_rate: u32) -> OutputFormat {
    OutputFormat { name, codec: Codec::of(name), sample_rate }
}

impl OutputFormat {
    const ALL: [Self; 28] = [
        format("pcm_8000", 8_000),
        format("pcm_16000", 16_000),
        format("pcm_22050", 22_050),
        format("pcm_24000", 24_000),
        format("pcm_32000", 32_000),
        format("pcm_44100", 44_100),
        format("pcm_48000", 48_000),
        format("ulaw_8000", 8_000),
        format("alaw_8000", 8_000),
        format("mp3_22050_32", 22_050),
        format("mp3_24000_48", 24_000),
        format("mp3_44100_32", 44_100),
        format("mp3_44100_64", 44_100),
        format("mp3_44100_96", 44_100),
        format("mp3_44100_128", 44_100),
        format("mp3_44100_192", 44_100),
        format("opus_48000_32", 48_000),
        format("opus_48000_64", 48_000),
        format("opus_48000_96", 48_000),
        format("opus_48000_128", 48_000),
        format("opus_48000_192", 48_000),
        format("wav_8000", 8_000),
        format("wav_16000", 16_000),
        format("wav_22050", 22_050),
        format("wav_24000", 24_000),
        format("wav_32000", 32_000),
        format("wav_44100", 44_100),
        format("wav_48000", 48_000),
    ];

    /// Raw s16le at 16 kHz: what is asked for unless the settings say otherwise, since nothing has to be decoded.
    pub const PCM_16000: Self = format("pcm_16000", 16_000);

    /// Every format.
    pub fn all() -> impl Iterator<Item = Self> {
        Self::ALL.into_iter()
    }

    /// The name on the wire and in the settings.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Samples per second, in Hz.
    pub const fn sample_rate(self) -> u32 {
        self.sample_rate
    }

    /// How its sound is coded.
    pub const fn codec(self) -> Codec {
        self.codec
    }

    /// Whether an endpoint offers this format.
    pub fn allowed_on(self, endpoint: Endpoint) -> bool {
        match endpoint {
            Endpoint::Convert => true,
            Endpoint::Stream => self.codec != Codec::Wav,
            Endpoint::WebSocket => {
                self.codec != Codec::Wav && !["mp3_24000_48", "pcm_32000", "pcm_48000"].contains(&self.name)
            }
        }
    }
}

impl Default for OutputFormat {
    fn default() -> Self {
        Self::PCM_16000
    }
}

impl fmt::Display for OutputFormat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}

impl FromStr for OutputFormat {
    type Err = UnknownOutputFormat;

    fn from_str(name: &str) -> Result<Self, UnknownOutputFormat> {
        Self::all().find(|format| format.name == name).ok_or_else(|| UnknownOutputFormat(name.to_owned()))
    }
}

impl Serialize for OutputFormat {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name)
    }
}

impl<'de> Deserialize<'de> for OutputFormat {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// No format has this name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown output format {name:?}; the formats are {}", OutputFormat::ALL.map(OutputFormat::name).join(", "), name = .0)]
pub struct UnknownOutputFormat(pub String);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_says_codec_and_rate() {
        for format in OutputFormat::all() {
            let (codec, rest) = format.name().split_once('_').unwrap();
            assert_eq!(format!("{:?}", format.codec()).to_lowercase(), codec);
            assert_eq!(rest.split('_').next().unwrap(), format.sample_rate().to_string());
            assert_eq!(format.name().parse(), Ok(format));
        }
    }

    #[test]
    fn endpoints_offer_what_the_service_lists() {
        let offered = |endpoint| OutputFormat::all().filter(|format| format.allowed_on(endpoint)).count();
        assert_eq!((offered(Endpoint::Convert), offered(Endpoint::Stream), offered(Endpoint::WebSocket)), (28, 21, 18));
        assert!(OutputFormat::default().allowed_on(Endpoint::WebSocket));
    }

    #[test]
    fn an_unknown_name_is_told_what_there_is() {
        let error = serde_json::from_str::<OutputFormat>("\"mp3_44100\"").unwrap_err().to_string();
        assert!(error.contains("mp3_44100\"") && error.contains("pcm_16000") && error.contains("wav_48000"), "{error}");
        let format: OutputFormat = serde_json::from_str("\"opus_48000_64\"").unwrap();
        assert_eq!(serde_json::to_string(&format).unwrap(), "\"opus_48000_64\"");
    }
}
