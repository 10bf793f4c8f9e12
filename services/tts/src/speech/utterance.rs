//! One utterance: parts of the providers in, bytes for the client out.

use std::time::Duration;

use bytes::Bytes;
use evervoice_core::{
    audio::{OutputFormat, StreamEncoder},
    tts::TtsError,
};
use futures_util::StreamExt;
use tokio::{sync::OwnedSemaphorePermit, time::Instant};

use super::{
    join,
    ledger::Ledger,
    parts::{Part, Phrase, Speaking},
};
use crate::events::{Ending, Events};

/// What happens next in an utterance.
#[derive(Debug)]
pub enum Step {
    /// A phrase begins with the next sound.
    Phrase(Phrase),
    /// All sound of the phrase has come; the next one may take a while.
    PhraseEnd,
    /// From the next sound on another provider speaks.
    Provider {
        /// Who spoke.
        from: &'static str,
        /// Who speaks.
        to: &'static str,
    },
    /// Bytes of whole samples, never empty.
    Audio(Bytes),
}

/// The sound of one utterance as bytes. Dropping it cancels the utterance.
pub struct Utterance {
    /// Who speaks.
    pub provider: &'static str,
    /// What the bytes are.
    pub format: OutputFormat,
    speaking: Speaking,
    encoder: StreamEncoder,
    ledger: Ledger,
    ended: bool,
    watch: Watch,
    _permit: OwnedSemaphorePermit,
}

impl Utterance {
    pub(super) fn new(speaking: Speaking, format: OutputFormat, permit: OwnedSemaphorePermit, watch: Watch) -> Self {
        let encoder = StreamEncoder::new(speaking.sample_rate, format);
        let (provider, ledger) = (speaking.provider, Ledger::default());
        Self { provider, format, speaking, encoder, ledger, ended: false, watch, _permit: permit }
    }

    /// The next bytes: whole samples, never empty. `None` only when every word has been spoken. Can be dropped and
    /// called again without losing sound.
    ///
    /// # Errors
    /// [`TtsError`] when the provider fails on the way; what came before is not the whole text then.
    pub async fn next(&mut self) -> Option<Result<Bytes, TtsError>> {
        loop {
            match self.step().await? {
                Ok(Step::Audio(bytes)) => return Some(Ok(bytes)),
                Ok(_) => {}
                Err(error) => return Some(Err(error)),
            }
        }
    }

    /// As [`next`](Self::next), and what happens between the bytes.
    ///
    /// # Errors
    /// As [`next`](Self::next).
    pub async fn step(&mut self) -> Option<Result<Step, TtsError>> {
        while !self.ended {
            let bytes = match self.speaking.parts.next().await {
                Some(Ok(Part::Audio(chunk))) => {
                    let seconds = chunk.samples.len() as f64 / f64::from(self.speaking.sample_rate);
                    // It was joined within its phrase, and with the other phrases.
                    self.ledger.sound(Duration::from_secs_f64(seconds), chunk.text_end, 2 * join::HELD);
                    self.encoder.push(&chunk)
                }
                Some(Ok(Part::Phrase(phrase))) => {
                    self.ledger.phrase(&phrase);
                    return Some(Ok(Step::Phrase(phrase)));
                }
                Some(Ok(Part::PhraseEnd)) => {
                    self.ledger.phrase_end();
                    return Some(Ok(Step::PhraseEnd));
                }
                Some(Ok(Part::Provider { from, to })) => {
                    self.watch.switched = true;
                    return Some(Ok(Step::Provider { from, to }));
                }
                Some(Err(error)) => {
                    self.ended = true;
                    self.watch.outcome = "failed";
                    return Some(Err(error));
                }
                None => {
                    self.ended = true;
                    self.watch.outcome = "complete";
                    self.encoder.finish()
                }
            };
            self.watch.audio_ms = self.audio_ms();
            if !bytes.is_empty() {
                self.watch.first_audio(self.provider);
                return Some(Ok(Step::Audio(bytes)));
            }
        }
        None
    }

    /// Which sound says which words.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }

    /// Length of the sound so far, in ms.
    pub fn audio_ms(&self) -> u64 {
        self.encoder.samples() * 1000 / u64::from(self.format.audio().sample_rate)
    }
}

/// What is known of an utterance before it is spoken.
pub(super) struct Asked {
    /// When its text came, or the first word of it.
    pub at: Instant,
    /// Characters of the text; `None` while it is being written.
    pub chars: Option<usize>,
    /// Who should speak.
    pub preferred: &'static str,
}

/// Watches an utterance from its request to its end, whichever way it ends.
pub(super) struct Watch {
    events: Events,
    request_id: String,
    asked: Asked,
    provider: &'static str,
    heard: bool,
    audio_ms: u64,
    outcome: &'static str,
    /// Somebody else went on.
    switched: bool,
}

impl Watch {
    pub fn start(events: Events, request_id: &str, asked: Asked) -> Self {
        events.speak_start(request_id, asked.chars);
        let request_id = request_id.to_owned();
        Self {
            events,
            request_id,
            provider: asked.preferred,
            asked,
            heard: false,
            audio_ms: 0,
            // Who drops an utterance before its end has cancelled it.
            outcome: "cancelled",
            switched: false,
        }
    }

    pub fn fail(mut self) {
        self.outcome = "failed";
    }

    fn ms(&self) -> f64 {
        self.asked.at.elapsed().as_secs_f64() * 1000.0
    }

    fn first_audio(&mut self, provider: &'static str) {
        if !std::mem::replace(&mut self.heard, true) {
            self.provider = provider;
            self.events.first_audio(&self.request_id, provider, self.ms());
        }
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        if self.heard && (self.switched || self.provider != self.asked.preferred) {
            self.events.fallback();
        }
        self.events.speak_end(&Ending {
            request_id: &self.request_id,
            provider: self.provider,
            outcome: self.outcome,
            audio_ms: self.audio_ms,
            total_ms: self.ms(),
        });
    }
}
