//! One utterance: chunks of the provider in, bytes for the client out.

use std::time::Instant;

use bytes::Bytes;
use evervoice_core::{
    audio::{AudioStream, OutputFormat, StreamEncoder},
    tts::TtsError,
};
use futures_util::StreamExt;
use tokio::sync::OwnedSemaphorePermit;

use crate::events::{Ending, Events};

/// The sound of one utterance as bytes. Dropping it cancels the utterance.
pub struct Utterance {
    /// Who speaks.
    pub provider: &'static str,
    /// What the bytes are.
    pub format: OutputFormat,
    stream: AudioStream,
    encoder: StreamEncoder,
    ended: bool,
    watch: Watch,
    _permit: OwnedSemaphorePermit,
}

impl Utterance {
    pub(super) fn new(stream: AudioStream, format: OutputFormat, permit: OwnedSemaphorePermit, watch: Watch) -> Self {
        let encoder = StreamEncoder::new(stream.sample_rate, format);
        Self { provider: stream.provider, format, stream, encoder, ended: false, watch, _permit: permit }
    }

    /// The next bytes: whole samples, never empty. `None` only when every word has been spoken. Can be dropped and
    /// called again without losing sound.
    ///
    /// # Errors
    /// [`TtsError`] when the provider fails on the way; what came before is not the whole text then.
    pub async fn next(&mut self) -> Option<Result<Bytes, TtsError>> {
        while !self.ended {
            let bytes = match self.stream.chunks.next().await {
                Some(Ok(chunk)) => self.encoder.push(&chunk),
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
                return Some(Ok(bytes));
            }
        }
        None
    }

    /// Length of the sound so far, in ms.
    pub fn audio_ms(&self) -> u64 {
        self.encoder.samples() * 1000 / u64::from(self.format.audio().sample_rate)
    }
}

/// Watches an utterance from its request to its end, whichever way it ends.
pub(super) struct Watch {
    events: Events,
    request_id: String,
    began: Instant,
    provider: &'static str,
    heard: bool,
    audio_ms: u64,
    outcome: &'static str,
}

impl Watch {
    pub fn start(events: Events, request_id: &str, chars: usize, provider: &'static str) -> Self {
        events.speak_start(request_id, chars);
        let request_id = request_id.to_owned();
        // Who drops an utterance before its end has cancelled it.
        Self { events, request_id, began: Instant::now(), provider, heard: false, audio_ms: 0, outcome: "cancelled" }
    }

    pub fn fail(mut self) {
        self.outcome = "failed";
    }

    fn ms(&self) -> f64 {
        self.began.elapsed().as_secs_f64() * 1000.0
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
        self.events.speak_end(&Ending {
            request_id: &self.request_id,
            provider: self.provider,
            outcome: self.outcome,
            audio_ms: self.audio_ms,
            total_ms: self.ms(),
        });
    }
}
