//! What happens between a request and its sound.
//!
//! - here: is there room; one utterance, from a whole text or from one that is still being written
//! - `phrases`: a text that is still being written, cut by the `planner`, its phrases `made` ahead; `progress`: how far it is
//! - `chain`: which provider speaks; `breaker`: which one is left alone for a while
//! - `hedge`: who is slow to begin gets company; `listener`: when he needs it
//! - `continued`: another provider speaks the rest of what one has begun; `join`: that nobody hears it, by its `level` too
//! - `utterance`: parts of sound to bytes, and what is measured of it; `ledger`: which sound says which words
//! - `cache`: the sound of texts that were spoken before; `sound`: what is kept of them
//! - `parts`: what flows between them; `clock`: how far a listener is; `rate`: sound at another rate

pub(crate) mod breaker;
mod cache;
mod chain;
mod clock;
mod continued;
mod hedge;
mod join;
mod ledger;
mod level;
mod listener;
mod made;
mod parts;
mod phrases;
mod planner;
mod progress;
mod rate;
#[cfg(test)]
pub(crate) mod scripted;
pub(crate) mod sound;
#[cfg(test)]
mod tests;
mod utterance;

use std::{sync::Arc, time::Duration};

use evervoice_core::{
    audio::OutputFormat,
    fault::Fault,
    tts::{SpeechLimits, SpeechRequest, TtsError, VoiceInfo},
};
use tokio::{
    sync::{OwnedSemaphorePermit, Semaphore},
    time::{Instant, timeout},
};

use cache::{Cache, Key};
pub(crate) use chain::{Chain, ChainSettings};
pub use clock::PlayClock;
pub use ledger::Ledger;
use level::Level;
use listener::Listener;
pub use parts::{Phrase, Speaking};
pub use phrases::{PhraseSettings, Phrases, TextError, TextWriter};
use planner::PlannerSettings;
pub(crate) use sound::Sound;
use utterance::{Asked, Watch};
pub use utterance::{Step, Utterance};

use crate::{config::SpeechSettings, events::Events, stock::Stock};

/// Who speaks a text at once: the stock and the cache, which have its sound, else the providers.
#[derive(Clone)]
pub(crate) struct Speaker {
    chain: Arc<Chain>,
    stock: Arc<Stock>,
    cache: Option<Cache>,
}

impl Speaker {
    /// Begins to speak a text to a listener; with its first sound.
    ///
    /// # Errors
    /// [`TtsError`] before the first sound; later ones are items of the stream.
    async fn speak(&self, request: SpeechRequest, listener: Listener) -> Result<Speaking, TtsError> {
        // What it should sound like: the provider in front decides, whether it is up or not.
        let Some((link, rendering)) = self.chain.renderings(&request).next() else {
            return self.ask(request, listener).await;
        };
        if let Some(sound) = self.stock.sound(&request, Some(&rendering)) {
            return Ok(sound.play());
        }
        let Some(cache) = &self.cache else { return self.ask(request, listener).await };
        let key = Key::new(&request, rendering);
        if let Some(sound) = cache.get(&key) {
            return Ok(sound.play());
        }
        Ok(cache.keep(key, self.chain.name(link), self.ask(request, listener).await?))
    }

    /// How loud a provider speaks with the voice of this request, where that is known.
    fn level(&self, provider: &str, request: &SpeechRequest) -> Option<Level> {
        let link = self.chain.names().iter().position(|name| *name == provider)?;
        self.chain.level(link, request)
    }

    /// Asks the providers. When none of them can, the stock may have the text by another voice, which is better than silence;
    /// not if the request is wrong for the voice that it names.
    async fn ask(&self, request: SpeechRequest, listener: Listener) -> Result<Speaking, TtsError> {
        let asked = continued::speak(&self.chain, request.clone(), listener).await;
        asked.or_else(|error| self.kept(&request, &error).map(Sound::play).ok_or(error))
    }

    /// The sound of a text by any voice, when the providers have failed at it like this.
    fn kept(&self, request: &SpeechRequest, error: &TtsError) -> Option<Arc<Sound>> {
        let other = request.voice().is_none() || error.fault() != Fault::Caller;
        other.then(|| self.stock.sound(request, None)).flatten()
    }

    /// These providers alone.
    #[cfg(test)]
    fn of(chain: Arc<Chain>) -> Self {
        Self { chain, stock: Arc::default(), cache: None }
    }

    fn events(&self) -> &Events {
        self.chain.events()
    }
}

/// Says what is asked for, as long as there is room.
pub struct Speech {
    speaker: Speaker,
    room: Arc<Semaphore>,
    capacity: usize,
    /// How long a text that is spoken as it is listened to waits for room.
    patience: Duration,
    limits: SpeechLimits,
    phrases: PhraseSettings,
    events: Events,
}

/// When a client that found no room should come back. An utterance holds its place until its sound has left: that of a file for
/// as long as it is made, that of a dialogue for as long as it is listened to, which is seconds.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Speech {
    /// Speech by these providers, and what is in stock.
    pub(crate) fn new(chain: Arc<Chain>, stock: Arc<Stock>, settings: &SpeechSettings, events: Events) -> Self {
        let capacity = settings.max_utterances;
        let limits = SpeechLimits { max_chars: settings.max_chars };
        let planner = PlannerSettings {
            first_phrase: Duration::from_millis(settings.first_phrase_ms),
            max_chars: settings.max_phrase_chars,
            idle: Duration::from_millis(settings.text_idle_ms),
        };
        let text_timeout = Duration::from_secs_f64(settings.text_timeout);
        let phrases = PhraseSettings { planner, ahead: settings.phrases_ahead, text_timeout };
        let cache = Cache::new(settings.cache_mb << 20, events.clone());
        let speaker = Speaker { chain, stock, cache };
        let (room, patience) =
            (Arc::new(Semaphore::new(capacity)), Duration::from_secs_f64(settings.first_audio_timeout));
        Self { speaker, room, capacity, patience, limits, phrases, events }
    }

    /// Log and metrics.
    pub fn events(&self) -> &Events {
        &self.events
    }

    /// What a request may ask for.
    pub fn limits(&self) -> SpeechLimits {
        self.limits
    }

    /// What is rendered before anybody asks.
    pub(crate) fn stock(&self) -> &Arc<Stock> {
        &self.speaker.stock
    }

    /// The voices there are.
    pub fn voices(&self) -> Vec<VoiceInfo> {
        self.speaker.chain.voices()
    }

    pub(crate) fn chain(&self) -> &Chain {
        &self.speaker.chain
    }

    /// Utterances being spoken, and how many may be.
    pub fn load(&self) -> (usize, usize) {
        (self.capacity - self.room.available_permits(), self.capacity)
    }

    /// Begins an utterance. It holds its place until it is dropped: the sound is the work, not the answer's head.
    ///
    /// # Errors
    /// [`TtsError::Overloaded`] at once when there is no room; else those of the providers.
    pub async fn speak(
        &self,
        request: SpeechRequest,
        format: OutputFormat,
        request_id: &str,
    ) -> Result<Utterance, TtsError> {
        let request = request.with_id(request_id);
        let (at, chars) = (Instant::now(), Some(request.text().chars().count()));
        let asked = Asked { at, chars, preferred: self.speaker.chain.preferred(&request) };
        let Ok(room) = Arc::clone(&self.room).try_acquire_owned() else { return Err(self.overloaded(request_id)) };
        self.utter(room, asked, format, request_id, self.speaker.speak(request, Listener::default())).await
    }

    /// A text that is written while it is spoken, as `template` is; and where to write it.
    pub fn phrases(&self, template: SpeechRequest) -> (TextWriter, Phrases) {
        Phrases::new(template, self.phrases, self.limits.max_chars)
    }

    /// A whole text that is pinned. In the voice of the provider in front it is one phrase: cut into phrases it would not be
    /// found in the stock. What another voice has spoken is heard when nobody can begin.
    pub fn pinned(&self, request: &SpeechRequest) -> Option<Phrases> {
        let Speaker { chain, stock, .. } = &self.speaker;
        stock.sound(request, None)?;
        let front = chain.renderings(request).next();
        match front.and_then(|(_, rendering)| stock.sound(request, Some(&rendering))) {
            Some(_) => Some(Phrases::of_one(request, self.phrases)),
            None => Phrases::of_kept(request, self.phrases).ok(),
        }
    }

    /// Begins an utterance whose text is still being written. Returns with its first sound. When there is no room it waits for
    /// some, as long as for the first sound of a provider: a dialogue that is a little late is better than one that is silent.
    ///
    /// # Errors
    /// [`TtsError::Overloaded`] when there is still no room then; else those of the providers, and [`TtsError::EmptyText`] when the text ends without a word.
    pub async fn speak_phrases(
        &self,
        mut phrases: Phrases,
        format: OutputFormat,
        request_id: &str,
    ) -> Result<Utterance, TtsError> {
        // Who only waits for words takes no place.
        let at = phrases.begun().await?;
        let Ok(Ok(room)) = timeout(self.patience, Arc::clone(&self.room).acquire_owned()).await else {
            return Err(self.overloaded(request_id));
        };
        let asked = Asked { at, chars: None, preferred: self.speaker.chain.preferred(phrases.template()) };
        let kept = phrases.kept.take();
        let stream = async {
            let stream = phrases.stream(self.speaker.clone(), request_id.to_owned(), format.audio().sample_rate).await;
            stream.or_else(|error| {
                let whole = kept.and_then(|whole| Some((self.speaker.kept(&whole, &error)?, whole)));
                whole.map(|(sound, whole)| sound.play().of(Phrase::whole(whole.text()))).ok_or(error)
            })
        };
        self.utter(room, asked, format, request_id, stream).await
    }

    fn overloaded(&self, request_id: &str) -> TtsError {
        self.events.rejected(request_id);
        TtsError::Overloaded { retry_after: RETRY_AFTER }
    }

    async fn utter(
        &self,
        room: OwnedSemaphorePermit,
        asked: Asked,
        format: OutputFormat,
        request_id: &str,
        stream: impl Future<Output = Result<Speaking, TtsError>>,
    ) -> Result<Utterance, TtsError> {
        let watch = Watch::start(self.events.clone(), request_id, asked);
        match stream.await {
            Ok(speaking) => Ok(Utterance::new(speaking, format, room, watch)),
            Err(error) => {
                watch.fail();
                Err(error)
            }
        }
    }
}
