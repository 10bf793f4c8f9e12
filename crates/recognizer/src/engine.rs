//! The loaded model, its threads, and how many sessions there may be at once.

use std::{
    sync::{Arc, PoisonError, RwLock},
    time::{Duration, Instant},
};

use evervoice_core::{
    asr::{AsrError, Recognizer, Utterance},
    worker::WorkerPool,
};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use vosk::Model;

use crate::{
    Grammar, LoadError, ModelSource, STEP_SAMPLES, Session,
    binding::VoskRecognizer,
    model::{self, LoadedModel},
};

/// How much an engine may do at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EngineSettings {
    /// Threads that decode. A step of a session runs on one of them. 0 counts as 1.
    pub threads: usize,
    /// Sessions for requests beyond `threads`, waiting their turn; further ones are refused.
    pub queue: usize,
    /// Sessions for streams (WebSockets) at once. They are counted apart: most of the time they wait for sound.
    pub streams: usize,
    /// What [`AsrError::Overloaded`] tells about when to come back.
    pub retry_after: Duration,
}

impl Default for EngineSettings {
    /// One thread per core, 32 waiting requests, 100 streams, back after 1 s.
    fn default() -> Self {
        let threads = std::thread::available_parallelism().map_or(1, usize::from);
        Self { threads, queue: 32, streams: 100, retry_after: Duration::from_secs(1) }
    }
}

/// What a session is for, which says whose places it takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SessionKind {
    /// Sound that is there already.
    Request,
    /// Sound that arrives as it is spoken.
    Stream,
}

/// How a session is to work.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SessionOptions {
    /// What it is for.
    pub kind: SessionKind,
    /// The only phrases to expect; `None` for any speech.
    pub grammar: Option<Grammar>,
    /// Most time of work inside the engine.
    pub budget: Duration,
}

/// A model and the threads that decode with it. Cheap to clone: clones share both.
#[derive(Clone)]
pub struct RecognizerEngine {
    model: Arc<SharedModel>,
    pool: WorkerPool,
    requests: Arc<Semaphore>,
    streams: Arc<Semaphore>,
    settings: EngineSettings,
}

/// Making a recogniser only reads the model; the binding wants `&mut` to look a word up, hence the lock. It is held for
/// a moment, on worker threads only.
struct SharedModel {
    model: RwLock<Model>,
    takes_grammar: bool,
}

impl RecognizerEngine {
    /// Loads a model and starts the threads. Blocks: up to 60 ms for the built-in model, seconds for a large one.
    ///
    /// # Errors
    /// [`LoadError`].
    pub fn load(source: &ModelSource, settings: EngineSettings) -> Result<Self, LoadError> {
        let LoadedModel { model, takes_grammar } = model::load(source)?;
        let model = SharedModel { model: RwLock::new(model), takes_grammar };
        model.warm_up().map_err(LoadError::Failed)?;
        let threads = settings.threads.max(1);
        // Jobs are short and each session has at most one: a short queue keeps the threads busy.
        let pool = WorkerPool::start("recognizer", threads, threads).map_err(LoadError::Threads)?;
        Ok(Self {
            model: Arc::new(model),
            pool,
            requests: Arc::new(Semaphore::new(threads + settings.queue)),
            streams: Arc::new(Semaphore::new(settings.streams)),
            settings: EngineSettings { threads, ..settings },
        })
    }

    /// The settings it was loaded with.
    pub fn settings(&self) -> EngineSettings {
        self.settings
    }

    /// Whether sessions may be limited to a grammar.
    pub fn takes_grammar(&self) -> bool {
        self.model.takes_grammar
    }

    /// Sessions of a kind that could begin now.
    pub fn free_places(&self, kind: SessionKind) -> usize {
        self.places(kind).available_permits()
    }

    /// Begins a session. It counts against the limit of its kind until it is finished or dropped.
    ///
    /// # Errors
    /// [`AsrError::Overloaded`] at once when there is no place; [`AsrError::Grammar`] when the model has no look-ahead
    /// graph or does not know a word of the grammar; [`AsrError::Engine`] when libvosk fails.
    pub async fn session(&self, options: SessionOptions) -> Result<Session, AsrError> {
        let place = self.place(options.kind)?;
        let (create, budget) = (self.create(options.grammar), options.budget);
        let timed = move || {
            let began = Instant::now();
            create().map(|recognizer| (recognizer, began.elapsed()))
        };
        let created = self.pool.run(timed).await.map_err(|error| AsrError::Engine(error.to_string()))?;
        let (recognizer, spent) = created?;
        Ok(Session::new(self.pool.clone(), recognizer, spent, budget, place))
    }

    /// Everything that is said in `samples` (mono, 16 kHz): a session from beginning to end.
    ///
    /// # Errors
    /// Those of [`session`](Self::session), and [`AsrError::BudgetExceeded`].
    pub async fn transcribe(&self, options: SessionOptions, samples: Vec<i16>) -> Result<Vec<Utterance>, AsrError> {
        let place = self.place(options.kind)?;
        Session::transcribe(self.pool.clone(), self.create(options.grammar), options.budget, place, samples).await
    }

    fn create(&self, grammar: Option<Grammar>) -> impl FnOnce() -> Result<Box<dyn Recognizer>, AsrError> + use<> {
        let model = Arc::clone(&self.model);
        move || model.recognizer(grammar.as_ref())
    }

    fn place(&self, kind: SessionKind) -> Result<OwnedSemaphorePermit, AsrError> {
        let overloaded = |_| AsrError::Overloaded { retry_after: self.settings.retry_after };
        Arc::clone(self.places(kind)).try_acquire_owned().map_err(overloaded)
    }

    fn places(&self, kind: SessionKind) -> &Arc<Semaphore> {
        match kind {
            SessionKind::Request => &self.requests,
            SessionKind::Stream => &self.streams,
        }
    }
}

impl SharedModel {
    /// Decodes a little silence: what is wrong with a model shows when it is loaded, not in the first request.
    fn warm_up(&self) -> Result<(), AsrError> {
        let mut recognizer = self.recognizer(None)?;
        recognizer.accept(&[0; STEP_SAMPLES])?;
        recognizer.finish().map(|_| ())
    }

    fn recognizer(&self, grammar: Option<&Grammar>) -> Result<Box<dyn Recognizer>, AsrError> {
        if let Some(grammar) = grammar {
            self.check(grammar)?;
        }
        // Nothing is changed under the lock, so a panic there leaves nothing half-changed.
        let model = self.model.read().unwrap_or_else(PoisonError::into_inner);
        Ok(Box::new(VoskRecognizer::new(&model, grammar)?))
    }

    fn check(&self, grammar: &Grammar) -> Result<(), AsrError> {
        if !self.takes_grammar {
            return Err(AsrError::Grammar("this model has a static graph and takes no grammar".into()));
        }
        let mut model = self.model.write().unwrap_or_else(PoisonError::into_inner);
        let unknown: Vec<&str> = grammar.words().into_iter().filter(|word| model.find_word(word).is_none()).collect();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(AsrError::Grammar(format!("the model does not know {}", list(&unknown))))
    }
}

/// The first few words, and how many more there are: an error message, not a dictionary.
fn list(words: &[&str]) -> String {
    const SHOWN: usize = 10;
    let more = words.len().saturating_sub(SHOWN);
    let shown = words[..words.len() - more].join(", ");
    if more == 0 { shown } else { format!("{shown} and {more} more words") }
}
