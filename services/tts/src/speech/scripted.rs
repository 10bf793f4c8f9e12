//! A provider for tests, whose sound is its text, a tone for each character, and which fails as told.

use std::{
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use async_trait::async_trait;
use elevenlabs_emulator::{decode, encode};
use evervoice_core::{
    audio::{AudioChunk, AudioStream},
    fault::Retry,
    tts::{ProviderFailure, SpeechRequest, TtsError, TtsProvider, VoiceInfo},
};
use futures_util::{StreamExt, stream};
use tokio::time::Instant;

/// Length of a character, in ms.
pub const TONE_MS: u32 = 20;

/// What it does with its next request.
#[derive(Debug, Clone, Copy)]
pub enum Act {
    Speak,
    /// Speaks after so long.
    SpeakAfter(Duration),
    /// Says so many characters, then fails.
    FailAfter(usize),
    /// Says so many characters, pauses, and goes on.
    PauseAfter(usize, Duration),
    /// Says so many characters, pauses, and fails.
    PauseAndFailAfter(usize, Duration),
    Refuse,
    /// Does not take this one request.
    Reject,
    /// Refuses after so long.
    RefuseAfter(Duration),
    Hang,
    TooFast,
}

pub struct Scripted {
    name: &'static str,
    voice: &'static str,
    sample_rate: u32,
    local: bool,
    /// Its sound is weakened by this.
    quieter: i16,
    acts: Mutex<Vec<Act>>,
    /// Texts it was asked for.
    pub asked: Mutex<Vec<String>>,
    /// When its connections succeeded again.
    pub recovered: Mutex<Option<Instant>>,
    /// Requests and streams that it works on.
    active: Arc<AtomicUsize>,
}

/// Counts a piece of work until it is dropped.
struct Active(Arc<AtomicUsize>);

impl Drop for Active {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Scripted {
    /// Plays `acts` one after the other, then speaks.
    pub fn new(name: &'static str, voice: &'static str, acts: &[Act]) -> Self {
        Self {
            name,
            voice,
            sample_rate: 16_000,
            local: false,
            quieter: 1,
            acts: Mutex::new(acts.iter().rev().copied().collect()),
            asked: Mutex::default(),
            recovered: Mutex::default(),
            active: Arc::default(),
        }
    }

    pub fn at_rate(self, sample_rate: u32) -> Self {
        Self { sample_rate, ..self }
    }

    pub fn local(self) -> Self {
        Self { local: true, ..self }
    }

    pub fn quieter(self, quieter: i16) -> Self {
        Self { quieter, ..self }
    }

    /// How many requests and streams it works on.
    pub fn active(&self) -> usize {
        self.active.load(Ordering::SeqCst)
    }

    /// The sound of an ASCII text, in chunks of three characters: words are torn.
    fn chunks(&self, text: &str) -> Vec<AudioChunk> {
        let samples = encode(text, self.sample_rate, TONE_MS);
        let char = (self.sample_rate * TONE_MS / 1_000) as usize;
        let chunk = |(at, samples): (usize, &[i16])| AudioChunk {
            samples: samples.iter().map(|sample| sample / self.quieter).collect(),
            text_end: Some((at * 3 + 3).min(text.len())),
        };
        samples.chunks(3 * char).enumerate().map(chunk).collect()
    }
}

pub fn failure(provider: &'static str, failure: ProviderFailure) -> TtsError {
    TtsError::Provider { provider, failure, retry: Retry::Never, source: "as told".into() }
}

/// The text of such sound at 16 kHz.
pub fn heard(samples: &[i16]) -> String {
    decode(samples, 16_000)
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
        self.active.fetch_add(1, Ordering::SeqCst);
        let active = Active(Arc::clone(&self.active));
        let text = request.text();
        let (end, pause, failed) = match act {
            Act::Speak => (text.len(), Duration::ZERO, false),
            Act::SpeakAfter(time) => {
                tokio::time::sleep(time).await;
                (text.len(), Duration::ZERO, false)
            }
            Act::FailAfter(chars) => (chars.min(text.len()), Duration::ZERO, true),
            Act::PauseAfter(chars, pause) => (chars.min(text.len()), pause, false),
            Act::PauseAndFailAfter(chars, pause) => (chars.min(text.len()), pause, true),
            Act::Refuse => return Err(failure(self.name, ProviderFailure::Refused)),
            Act::Reject => return Err(failure(self.name, ProviderFailure::Rejected)),
            Act::RefuseAfter(time) => {
                tokio::time::sleep(time).await;
                return Err(failure(self.name, ProviderFailure::Refused));
            }
            Act::Hang => std::future::pending().await,
            Act::TooFast => {
                return Err(TtsError::SpeedNotSupported { voice: self.voice.into(), lowest: 1.0, highest: 1.0 });
            }
        };
        let mut chunks = self.chunks(text);
        // The chunk that is cut keeps its characters before the cut.
        let mut later = chunks.split_off(end.div_ceil(3).min(chunks.len()));
        if let Some(last) = chunks.last_mut().filter(|last| last.text_end > Some(end)) {
            let char = (self.sample_rate * TONE_MS / 1_000) as usize;
            let rest = last.samples.split_off((end + 2) % 3 * char + char);
            later.insert(0, AudioChunk { samples: rest, text_end: last.text_end.replace(end) });
        }
        let later: Vec<_> = match failed {
            true => vec![Err(failure(self.name, ProviderFailure::Unreachable))],
            false => later.into_iter().map(Ok).collect(),
        };
        let later = stream::once(async move {
            tokio::time::sleep(pause).await;
            stream::iter(later)
        });
        let chunks = stream::iter(chunks.into_iter().map(Ok)).chain(later.flatten());
        let chunks = chunks.inspect(move |_| _ = &active);
        Ok(AudioStream { provider: self.name, sample_rate: self.sample_rate, chunks: Box::pin(chunks) })
    }

    fn is_local(&self) -> bool {
        self.local
    }

    fn recovered_at(&self) -> Option<Instant> {
        *self.recovered.lock().unwrap()
    }
}
