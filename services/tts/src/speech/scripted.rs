//! A provider for tests, which speaks a word as samples of the word's number of letters, and fails as told.

use std::sync::Mutex;

use async_trait::async_trait;
use evervoice_core::{
    audio::{AudioChunk, AudioStream},
    fault::Retry,
    tts::{ProviderFailure, SpeechRequest, TtsError, TtsProvider, VoiceInfo},
};
use futures_util::{StreamExt, stream};

/// What it does with its next request.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    Speak,
    /// Says so many characters, then fails.
    FailAfter(usize),
    Refuse,
    Hang,
    TooFast,
}

pub struct Scripted {
    name: &'static str,
    voice: &'static str,
    sample_rate: u32,
    acts: Mutex<Vec<Act>>,
    /// Texts it was asked for.
    pub asked: Mutex<Vec<String>>,
}

impl Scripted {
    /// Plays `acts` one after the other, then speaks.
    pub fn new(name: &'static str, voice: &'static str, acts: &[Act]) -> Self {
        Self {
            name,
            voice,
            sample_rate: 16_000,
            acts: Mutex::new(acts.iter().rev().copied().collect()),
            asked: Mutex::default(),
        }
    }

    pub fn at_rate(self, sample_rate: u32) -> Self {
        Self { sample_rate, ..self }
    }
}

pub fn failure(provider: &'static str, failure: ProviderFailure) -> TtsError {
    TtsError::Provider { provider, failure, retry: Retry::Never, source: "as told".into() }
}

/// A sample for each character: its code point. So the sound is the text.
fn chunk(text: &str, from: usize, to: usize) -> AudioChunk {
    AudioChunk { samples: text[from..to].chars().map(|c| c as i16).collect(), text_end: Some(to) }
}

/// The text of such sound.
pub fn heard(samples: &[i16]) -> String {
    samples.iter().map(|sample| char::from(u8::try_from(*sample).unwrap())).collect()
}

#[async_trait]
impl TtsProvider for Scripted {
    fn name(&self) -> &'static str {
        self.name
    }

    fn voices(&self) -> Vec<VoiceInfo> {
        let (name, languages) = (self.voice.to_owned(), vec![]);
        vec![VoiceInfo { name, languages, provider: self.name, sample_rate: 16_000, default: true }]
    }

    async fn speak(&self, request: SpeechRequest) -> Result<AudioStream, TtsError> {
        self.asked.lock().unwrap().push(request.text().to_owned());
        let act = self.acts.lock().unwrap().pop().unwrap_or(Act::Speak);
        let text = request.text().to_owned();
        let (end, failed) = match act {
            Act::Speak => (text.len(), false),
            Act::FailAfter(chars) => (chars.min(text.len()), true),
            Act::Refuse => return Err(failure(self.name, ProviderFailure::Refused)),
            Act::Hang => std::future::pending().await,
            Act::TooFast => {
                return Err(TtsError::SpeedNotSupported { voice: self.voice.into(), lowest: 1.0, highest: 1.0 });
            }
        };
        // Three characters a chunk: words are torn.
        let ends: Vec<usize> = (0..end).step_by(3).map(|from| (from + 3).min(end)).collect();
        let chunks: Vec<_> = ends.iter().map(|to| Ok(chunk(&text, (to - 1) / 3 * 3, *to))).collect();
        let error = failed.then(|| Err(failure(self.name, ProviderFailure::Unreachable)));
        let chunks = stream::iter(chunks).chain(stream::iter(error));
        Ok(AudioStream { provider: self.name, sample_rate: self.sample_rate, chunks: Box::pin(chunks) })
    }
}
