//! The local provider: picks a voice and runs its utterances, a step at a time, on worker threads.

use std::{error::Error, sync::Arc};

use async_trait::async_trait;
use evervoice_core::{
    audio::{AudioChunk, AudioStream},
    tts::{SpeechRequest, TtsError, TtsProvider, VoiceInfo, language_matches},
    worker::{WorkerError, WorkerPool},
};
use futures_util::stream;

use crate::engine::{Speaking, VoiceEngine};

/// How the provider works.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LocalVoicesConfig {
    /// Threads that compute speech. One per core is as fast as it gets.
    pub threads: usize,
    /// Steps that may wait for a thread; further ones wait with their utterance.
    pub queue: usize,
    /// Name of the voice that speaks when a request names none and its language fits; `None` for the first.
    pub default_voice: Option<String>,
}

/// A voice that may speak a request, and the name under which it is asked.
type Candidate = (Arc<dyn VoiceEngine>, String);

/// All local voices.
pub struct LocalVoices {
    voices: Vec<Arc<dyn VoiceEngine>>,
    default: String,
    workers: WorkerPool,
}

impl LocalVoices {
    /// A provider of these voices.
    ///
    /// # Errors
    /// When there is no voice, two have the same name, the default voice is not among them, or there are no threads.
    pub fn new(
        voices: Vec<Box<dyn VoiceEngine>>,
        config: &LocalVoicesConfig,
    ) -> Result<Self, Box<dyn Error + Send + Sync>> {
        let names: Vec<String> = voices.iter().flat_map(|voice| voice.names()).collect();
        if let Some(twice) = names.iter().enumerate().find(|(at, name)| names[..*at].contains(name)) {
            return Err(format!("two voices are called {:?}", twice.1).into());
        }
        let default = config.default_voice.clone().or_else(|| names.first().cloned()).ok_or("there is no voice")?;
        if !names.contains(&default) {
            return Err(format!("there is no voice {default:?}; the voices are {}", names.join(", ")).into());
        }
        let voices = voices.into_iter().map(Arc::from).collect();
        let workers = WorkerPool::start("voice", config.threads, config.queue)?;
        Ok(Self { voices, default, workers })
    }

    /// The voices that may speak a request, best first.
    fn candidates(&self, request: &SpeechRequest) -> Result<Vec<Candidate>, TtsError> {
        let speaks = |voice: &Arc<dyn VoiceEngine>| {
            let wanted = request.language();
            wanted.is_none_or(|wanted| voice.languages().iter().any(|have| language_matches(have, wanted)))
        };
        let named = request.voice().unwrap_or(&self.default);
        let voice = self.by_name(named).ok_or_else(|| TtsError::UnknownVoice {
            wanted: named.to_owned(),
            known: self.voices.iter().flat_map(|voice| voice.names()).collect(),
        })?;
        let mut candidates = vec![(voice, named.to_owned())];
        // Who asks for a voice gets that voice or none; who does not gets any that can read the text.
        if request.voice().is_none() {
            let others =
                self.voices.iter().filter_map(|voice| Some((Arc::clone(voice), voice.names().into_iter().next()?)));
            candidates.extend(others.filter(|(voice, _)| !Arc::ptr_eq(voice, &candidates[0].0)).collect::<Vec<_>>());
        }
        candidates.retain(|(voice, _)| speaks(voice));
        if candidates.is_empty() {
            let what = format!("the language {:?}", request.language().unwrap_or_default());
            return Err(TtsError::LanguageNotSupported { what, supported: self.languages() });
        }
        Ok(candidates)
    }

    fn by_name(&self, name: &str) -> Option<Arc<dyn VoiceEngine>> {
        self.voices.iter().find(|voice| voice.names().iter().any(|known| known == name)).cloned()
    }

    fn languages(&self) -> Vec<String> {
        let mut languages: Vec<String> = self.voices.iter().flat_map(|voice| voice.languages().to_vec()).collect();
        languages.sort();
        languages.dedup();
        languages
    }
}

#[async_trait]
impl TtsProvider for LocalVoices {
    fn name(&self) -> &'static str {
        "local"
    }

    fn is_local(&self) -> bool {
        true
    }

    fn voices(&self) -> Vec<VoiceInfo> {
        let info = |voice: &Arc<dyn VoiceEngine>, name: String| VoiceInfo {
            default: name == self.default,
            name,
            languages: voice.languages().to_vec(),
            provider: self.name(),
            sample_rate: voice.sample_rate(),
        };
        self.voices.iter().flat_map(|voice| voice.names().into_iter().map(move |name| info(voice, name))).collect()
    }

    /// The voices that may speak it, in order: which one does is decided by its text.
    fn rendering(&self, request: &SpeechRequest) -> Option<String> {
        let candidates = self.candidates(request).ok()?;
        let voices = candidates.iter().map(|(voice, name)| format!(" {name} {}", voice.version()));
        Some(voices.fold(self.name().to_owned(), |all, voice| all + &voice))
    }

    /// Returns with the first chunk already computed, so that a voice that fails still fails with a status.
    async fn speak(&self, request: SpeechRequest) -> Result<AudioStream, TtsError> {
        let candidates = self.candidates(&request)?;
        let languages = self.languages();
        let begun = self.workers.run(move || begin(candidates, &request, languages)).await;
        let (sample_rate, first, speaking) = begun.map_err(failed)??;
        let state = (Some(first), Some(speaking), self.workers.clone());
        let chunks = stream::try_unfold(state, |(ready, speaking, workers)| async move {
            if let Some(chunk) = ready {
                return Ok(Some((chunk, (None, speaking, workers))));
            }
            let Some(speaking) = speaking else { return Ok(None) };
            // The utterance travels to a worker and back: between two chunks it holds no thread.
            let (chunk, speaking) = workers.run(move || step(speaking)).await.map_err(failed)??;
            Ok(chunk.map(|chunk| (chunk, (None, Some(speaking), workers))))
        });
        Ok(AudioStream { provider: self.name(), sample_rate, chunks: Box::pin(chunks) })
    }
}

type Begun = (u32, AudioChunk, Box<dyn Speaking>);

/// The first chunk of the first candidate that can read the text.
fn begin(candidates: Vec<Candidate>, request: &SpeechRequest, languages: Vec<String>) -> Result<Begun, TtsError> {
    let mut unreadable = None;
    for (voice, name) in candidates {
        match voice.begin(request.text(), &name, request.speed()) {
            Ok(speaking) => {
                let (chunk, speaking) = step(speaking)?;
                return Ok((voice.sample_rate(), chunk.ok_or(TtsError::NothingToSpeak)?, speaking));
            }
            // The reason of the best candidate is the one to tell, with the languages of all.
            Err(TtsError::LanguageNotSupported { what, .. }) => {
                let supported = languages.clone();
                unreadable.get_or_insert(TtsError::LanguageNotSupported { what, supported });
            }
            Err(error @ TtsError::UnspeakableCharacter { .. }) => {
                unreadable.get_or_insert(error);
            }
            Err(error) => return Err(error),
        }
    }
    Err(unreadable.unwrap_or(TtsError::NothingToSpeak))
}

fn step(mut speaking: Box<dyn Speaking>) -> Result<(Option<AudioChunk>, Box<dyn Speaking>), TtsError> {
    let samples = speaking.next_chunk()?;
    Ok((samples.map(|samples| AudioChunk::from_f32(&samples)), speaking))
}

fn failed(error: WorkerError) -> TtsError {
    TtsError::Engine(error.into())
}
