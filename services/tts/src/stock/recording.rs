//! The sound of one phrase, in every format.

use std::sync::{Arc, OnceLock};

use bytes::Bytes;
use evervoice_core::audio::{AudioChunk, Encoding, OutputFormat, StreamEncoder};

use crate::speech::Sound;

/// The formats that sound is kept in, of those with these names: each once, PCM with the highest rate first, of which the
/// others are made. Without PCM among them there is `pcm_16000` too.
pub fn stored(names: &[String]) -> Vec<OutputFormat> {
    let named = names.iter().filter_map(|name| name.parse().ok());
    // A WAV file is a header and these samples.
    let mut formats: Vec<OutputFormat> =
        named.map(|format| if format == OutputFormat::Wav { OutputFormat::Pcm16000 } else { format }).collect();
    let pcm = |format: &OutputFormat| format.audio().encoding == Encoding::S16le;
    if !formats.iter().any(pcm) {
        formats.push(OutputFormat::Pcm16000);
    }
    formats.sort_by_key(|format| (!pcm(format), std::cmp::Reverse(format.audio().sample_rate), format.name()));
    formats.dedup();
    formats
}

/// A phrase as one voice speaks it.
pub struct Recording {
    /// What decided the sound: [`TtsProvider::rendering`](evervoice_core::tts::TtsProvider::rendering).
    pub rendering: String,
    /// The samples of the first format.
    pub sound: Arc<Sound>,
    /// In the order of [`OutputFormat::ALL`]; those that nobody has asked for are empty.
    encoded: [OnceLock<Bytes>; OutputFormat::ALL.len()],
}

impl Recording {
    /// What a provider made, as it is kept in `formats`.
    pub fn new(rendering: String, sound: Sound, formats: &[OutputFormat]) -> Self {
        let rate = formats.first().copied().unwrap_or_default().audio().sample_rate;
        let recording = Self { rendering, sound: Arc::new(sound.at_rate(rate)), encoded: Default::default() };
        for format in formats {
            recording.encoded(*format);
        }
        recording
    }

    /// What was kept: `first` in `format`, which is PCM.
    pub fn restored(rendering: String, provider: &'static str, format: OutputFormat, first: Bytes) -> Self {
        let samples = first.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect();
        let mut sound = Sound::new(provider, format.audio().sample_rate);
        sound.push(&AudioChunk { samples, text_end: None });
        let recording = Self { rendering, sound: Arc::new(sound), encoded: Default::default() };
        recording.restore(format, first);
        recording
    }

    /// Adds what was kept in another format.
    pub fn restore(&self, format: OutputFormat, bytes: Bytes) {
        self.slot(format).get_or_init(|| bytes);
    }

    /// All of the sound in a format. The first time it is converted, if it is not kept in that format: a millisecond or so.
    pub fn encoded(&self, format: OutputFormat) -> Bytes {
        let encode = || {
            let mut encoder = StreamEncoder::new(self.sound.sample_rate, format);
            let chunks = self.sound.chunks.iter().map(|chunk| encoder.push(chunk)).collect::<Vec<_>>();
            [chunks.concat(), encoder.finish().to_vec()].concat().into()
        };
        self.slot(format).get_or_init(encode).clone()
    }

    /// Length, in ms.
    pub fn ms(&self) -> u64 {
        let samples: usize = self.sound.chunks.iter().map(|chunk| chunk.samples.len()).sum();
        samples as u64 * 1000 / u64::from(self.sound.sample_rate)
    }

    fn slot(&self, format: OutputFormat) -> &OnceLock<Bytes> {
        let at = OutputFormat::ALL.iter().position(|known| *known == format);
        &self.encoded[at.unwrap_or_default()]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn formats(names: &[&str]) -> Vec<&'static str> {
        let names: Vec<String> = names.iter().map(ToString::to_string).collect();
        stored(&names).into_iter().map(OutputFormat::name).collect()
    }

    #[test]
    fn the_first_format_is_the_best_pcm() {
        assert_eq!(formats(&["ulaw_8000", "pcm_8000", "pcm_24000"]), ["pcm_24000", "pcm_8000", "ulaw_8000"]);
        assert_eq!(formats(&["alaw_8000", "alaw_8000"]), ["pcm_16000", "alaw_8000"]);
        assert_eq!(formats(&["wav", "pcm_16000"]), ["pcm_16000"]);
        assert_eq!(formats(&[]), ["pcm_16000"]);
    }

    #[test]
    fn a_sound_comes_back_as_it_was() {
        let mut sound = Sound::new("local", 16_000);
        let samples: Vec<i16> = (0..16_000).map(|at| (at * 7 % 20_000) as i16).collect();
        sound.push(&AudioChunk { samples, text_end: Some(6) });
        let made = Recording::new("r".into(), sound, &[OutputFormat::Pcm16000, OutputFormat::Ulaw8000]);
        assert_eq!((made.ms(), made.encoded(OutputFormat::Pcm16000).len()), (1_000, 32_000));
        let first = made.encoded(OutputFormat::Pcm16000);
        let again = Recording::restored("r".into(), "local", OutputFormat::Pcm16000, first);
        for (format, bytes) in
            [(OutputFormat::Ulaw8000, 8_000), (OutputFormat::Pcm48000, 96_000), (OutputFormat::Wav, 32_000)]
        {
            let (once, twice) = (made.encoded(format), again.encoded(format));
            assert!(once == twice, "{format}");
            assert_eq!(once.len(), bytes, "{format}");
        }
    }
}
