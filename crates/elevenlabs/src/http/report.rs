//! Tells what becomes of a request.

use evervoice_core::fault::with_sources;
use tokio::time::Instant;

use super::ResponseInfo;
use crate::{
    api_key::ApiKey,
    error::ElevenLabsError,
    events::{Events, Totals},
};

/// Tells of one request.
#[derive(Clone)]
pub(super) struct Reporter {
    events: Events,
    id: String,
    begun: Instant,
    api_key: ApiKey,
}

impl Reporter {
    pub(super) fn new(events: &Events, api_key: &ApiKey, id: &str) -> Self {
        Self { events: events.clone(), id: id.to_owned(), begun: Instant::now(), api_key: api_key.clone() }
    }

    /// What must not be told.
    pub(super) fn api_key(&self) -> &ApiKey {
        &self.api_key
    }

    pub(super) fn sent(&self, attempt: usize, chars: usize) {
        self.events.http_request_start(&self.id, attempt, chars);
    }

    /// There is sound.
    pub(super) fn answered(&self, info: &ResponseInfo) {
        self.events.http_answer(&self.id, info);
        self.events.http_first_byte(&self.id, self.begun.elapsed());
    }

    pub(super) fn received(&self, bytes: usize) {
        self.events.http_recv_audio(bytes);
    }

    pub(super) fn ended(&self, totals: Totals) {
        self.events.http_stream_end(&self.id, Totals { elapsed: self.begun.elapsed(), ..totals });
    }

    /// Takes the key out of an error, tells of it, and returns it.
    pub(super) fn failed(&self, error: ElevenLabsError) -> ElevenLabsError {
        let error = error.without(&self.api_key);
        let text = with_sources(&error);
        if matches!(error, ElevenLabsError::Protocol(_)) {
            self.events.tts_protocol_error(&self.id, &text);
        }
        self.events.tts_http_error(&self.id, error.failure(), error.status(), &text);
        error
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_error_is_told_with_its_causes_once() {
        let io = std::io::Error::other("refused");
        assert_eq!(with_sources(&ElevenLabsError::Connect(io.into())), "no connection: refused");
    }
}
