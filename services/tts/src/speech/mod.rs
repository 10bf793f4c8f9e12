//! What happens between a request and its sound.

mod utterance;

use std::{sync::Arc, time::Duration};

use evervoice_core::{
    audio::OutputFormat,
    tts::{SpeechLimits, SpeechRequest, TtsError, TtsProvider, VoiceInfo},
};
use tokio::sync::Semaphore;

pub use utterance::Utterance;
use utterance::Watch;

use crate::{config::SpeechSettings, events::Events};

/// Says what is asked for, as long as there is room.
pub struct Speech {
    provider: Arc<dyn TtsProvider>,
    room: Arc<Semaphore>,
    capacity: usize,
    limits: SpeechLimits,
    events: Events,
}

/// When a client that found no room should come back. Utterances are made a hundred times faster than they are heard,
/// so there is room again soon.
const RETRY_AFTER: Duration = Duration::from_secs(1);

impl Speech {
    /// Speech by this provider.
    pub fn new(provider: Arc<dyn TtsProvider>, settings: &SpeechSettings, events: Events) -> Self {
        let capacity = settings.max_utterances;
        let limits = SpeechLimits { max_chars: settings.max_chars };
        Self { provider, room: Arc::new(Semaphore::new(capacity)), capacity, limits, events }
    }

    /// What a request may ask for.
    pub fn limits(&self) -> SpeechLimits {
        self.limits
    }

    /// The voices there are.
    pub fn voices(&self) -> Vec<VoiceInfo> {
        self.provider.voices()
    }

    /// Utterances being spoken, and how many may be.
    pub fn load(&self) -> (usize, usize) {
        (self.capacity - self.room.available_permits(), self.capacity)
    }

    /// Begins an utterance. It holds its place until it is dropped: the sound is the work, not the answer's head.
    ///
    /// # Errors
    /// [`TtsError::Overloaded`] at once when there is no room; else those of the provider.
    pub async fn speak(
        &self,
        request: SpeechRequest,
        format: OutputFormat,
        request_id: &str,
    ) -> Result<Utterance, TtsError> {
        let Ok(permit) = Arc::clone(&self.room).try_acquire_owned() else {
            self.events.rejected(request_id);
            return Err(TtsError::Overloaded { retry_after: RETRY_AFTER });
        };
        let watch = Watch::start(self.events.clone(), request_id, request.text().chars().count(), self.provider.name());
        match self.provider.speak(request).await {
            Ok(stream) => Ok(Utterance::new(stream, format, permit, watch)),
            Err(error) => {
                watch.fail();
                Err(error)
            }
        }
    }
}
