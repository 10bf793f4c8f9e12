//! What happens between a request and its sound.
//!
//! - here: is there room; one utterance, from a whole text or from one that comes in pieces
//! - `chain`: which provider speaks; `breaker`: which one is left alone for a while
//! - `continued`: another provider speaks the rest of what one has begun
//! - `pieces`: a text that comes in pieces, sentence by sentence
//! - `utterance`: chunks of sound to bytes, and what is measured of it

pub(crate) mod breaker;
mod chain;
mod continued;
mod pieces;
#[cfg(test)]
mod scripted;
#[cfg(test)]
mod tests;
mod utterance;

use std::{sync::Arc, time::Duration};

use evervoice_core::{
    audio::{AudioStream, OutputFormat},
    tts::{SpeechLimits, SpeechRequest, TtsError, VoiceInfo},
};
use tokio::sync::Semaphore;

pub use chain::Chain;
pub use pieces::{PieceWriter, Pieces, PiecesError};
pub use utterance::Utterance;
use utterance::Watch;

use crate::{config::SpeechSettings, events::Events};

/// Says what is asked for, as long as there is room.
pub struct Speech {
    chain: Arc<Chain>,
    room: Arc<Semaphore>,
    capacity: usize,
    limits: SpeechLimits,
    text_timeout: Duration,
    events: Events,
}

/// When a client that found no room should come back. Utterances are made a hundred times faster than they are heard,
/// so there is room again soon.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Speech {
    /// Speech by these providers.
    pub fn new(chain: Arc<Chain>, settings: &SpeechSettings, events: Events) -> Self {
        let capacity = settings.max_utterances;
        let limits = SpeechLimits { max_chars: settings.max_chars };
        let text_timeout = Duration::from_secs_f64(settings.text_timeout);
        Self { chain, room: Arc::new(Semaphore::new(capacity)), capacity, limits, text_timeout, events }
    }

    /// What a request may ask for.
    pub fn limits(&self) -> SpeechLimits {
        self.limits
    }

    /// The voices there are.
    pub fn voices(&self) -> Vec<VoiceInfo> {
        self.chain.voices()
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
        let chars = request.text().chars().count();
        let request = request.with_id(request_id);
        self.utter(chars, format, request_id, continued::speak(&self.chain, request)).await
    }

    /// Begins an utterance whose text is still being written. Returns with its first sound.
    ///
    /// # Errors
    /// As [`speak`](Self::speak), and [`TtsError::EmptyText`] when the text ends without a word.
    pub async fn speak_pieces(
        &self,
        pieces: Pieces,
        format: OutputFormat,
        request_id: &str,
    ) -> Result<Utterance, TtsError> {
        // Who only waits for words takes no place.
        let pieces = pieces.begun(self.text_timeout).await?;
        let stream = pieces.stream(Arc::clone(&self.chain), self.text_timeout, request_id.to_owned());
        self.utter(0, format, request_id, stream).await
    }

    async fn utter(
        &self,
        chars: usize,
        format: OutputFormat,
        request_id: &str,
        stream: impl Future<Output = Result<AudioStream, TtsError>>,
    ) -> Result<Utterance, TtsError> {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            self.events.rejected(request_id);
            return Err(TtsError::Overloaded { retry_after: RETRY_AFTER });
        };
        let preferred = self.chain.names().first().copied().unwrap_or_default();
        let watch = Watch::start(self.events.clone(), request_id, chars, preferred);
        match stream.await {
            Ok(stream) => Ok(Utterance::new(stream, format, permit, watch)),
            Err(error) => {
                watch.fail();
                Err(error)
            }
        }
    }
}
