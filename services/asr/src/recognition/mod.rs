//! Bytes → samples → words, without HTTP.
//!
//! - `sound`: bytes of a client to samples at the recogniser's rate
//! - `live`: a stream: sound that arrives in pieces of any size, words that come out as they are known

pub mod live;
pub mod sound;

use std::time::Duration;

use evervoice_core::{
    asr::{AsrError, Transcript},
    service::BoxError,
    tts::language_matches,
};
use evervoice_models::{Location, Manifest, locate};
use evervoice_recognizer::{Grammar, ModelSource, RecognizerEngine, Session, SessionKind, SessionOptions};

use crate::config::{AsrSettings, ModelSettings};
use sound::Sound;

/// Language of the built-in model, and of a model of which nothing else is known.
const ENGLISH: &str = "en";

/// The loaded model and what is known about it.
pub struct Recognition {
    engine: RecognizerEngine,
    model_name: String,
    language: String,
    budget: Duration,
}

impl Recognition {
    /// Finds and loads the configured model. Blocks.
    ///
    /// # Errors
    /// A model that is not installed (the message has the command that gets it) or cannot be loaded.
    pub fn load(config: &AsrSettings) -> Result<Self, BoxError> {
        let ModelSettings { name, dir, manifest, language } = &config.model;
        let manifest = Manifest::load(manifest.as_deref())?;
        let source = match locate(name, dir, &manifest)? {
            Location::Builtin => ModelSource::BuiltIn,
            Location::Directory(directory) => ModelSource::Directory(directory),
        };
        let listed = manifest.find(name).ok();
        let language = language.clone().or_else(|| listed.map(|model| model.language.clone()));
        Ok(Self {
            engine: RecognizerEngine::load(&source, config.engine())?,
            model_name: listed.map_or_else(|| name.clone(), |model| model.name.clone()),
            language: language.unwrap_or_else(|| ENGLISH.to_owned()),
            budget: Duration::from_secs_f64(config.recognition.decode_budget),
        })
    }

    /// The engine.
    pub fn engine(&self) -> &RecognizerEngine {
        &self.engine
    }

    /// Name of the model.
    pub fn model_name(&self) -> &str {
        &self.model_name
    }

    /// Language of the model, as a BCP 47 tag.
    pub fn language(&self) -> &str {
        &self.language
    }

    /// Checks that the model serves a language.
    ///
    /// # Errors
    /// [`AsrError::LanguageNotSupported`].
    pub fn check_language(&self, wanted: &str) -> Result<(), AsrError> {
        if language_matches(&self.language, wanted) {
            return Ok(());
        }
        Err(AsrError::LanguageNotSupported { wanted: wanted.to_owned(), supported: vec![self.language.clone()] })
    }

    /// Checks that a request would find a place now: a body that is refused anyway need not be read.
    ///
    /// # Errors
    /// [`AsrError::Overloaded`].
    pub fn check_places(&self) -> Result<(), AsrError> {
        if self.engine.free_places(SessionKind::Request) > 0 {
            return Ok(());
        }
        Err(AsrError::Overloaded { retry_after: self.engine.settings().retry_after })
    }

    /// What is said in a whole piece of sound.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn transcribe(&self, sound: Sound, grammar: Option<Grammar>) -> Result<Transcript, AsrError> {
        let Sound { samples, duration_seconds } = sound;
        let budget = self.budget.saturating_add(Duration::from_secs_f64(duration_seconds));
        let options = SessionOptions { kind: SessionKind::Request, grammar, budget };
        let utterances = self.engine.transcribe(options, samples).await?;
        Ok(Transcript::join(utterances, &self.language, duration_seconds))
    }

    /// A session for a stream. Its budget must be extended as sound arrives.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn open(&self, grammar: Option<Grammar>) -> Result<Session, AsrError> {
        self.engine.session(SessionOptions { kind: SessionKind::Stream, grammar, budget: self.budget }).await
    }
}
