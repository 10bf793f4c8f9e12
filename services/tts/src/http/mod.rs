//! The routes of the service, one file an endpoint.

mod audio_body;
mod socket;
mod tts;
mod voices;

use std::sync::Arc;

use axum::{
    Router,
    routing::{get, post},
};
use evervoice_core::{
    api::SpeakBody,
    audio::OutputFormat,
    service::{Lifecycle, Problem},
    tts::{SpeechLimits, SpeechRequest},
};

use tokio::sync::Semaphore;

use self::socket::Conversations;
use crate::{config::TtsSettings, speech::Speech};

/// What handlers need.
pub struct Context {
    settings: TtsSettings,
    speech: Arc<Speech>,
    lifecycle: Lifecycle,
    /// Places for WebSockets.
    sockets: Arc<Semaphore>,
    /// What is said on them.
    conversations: Arc<Conversations>,
}

pub fn routes(settings: TtsSettings, speech: Arc<Speech>, lifecycle: Lifecycle) -> Router {
    let sockets = Arc::new(Semaphore::new(settings.speech.max_sockets));
    Router::new()
        .route("/api/tts", post(tts::stream))
        .route("/api/tts/wav", post(tts::wav))
        .route("/api/voices", get(voices::list))
        .route("/api/schema/ws-tts", get(socket::schema))
        .route("/ws/tts", get(socket::upgrade))
        .with_state(Arc::new(Context { settings, speech, lifecycle, sockets, conversations: Arc::default() }))
}

impl Context {
    /// Bytes that a text of the greatest length may need as JSON: up to 12 for a character (two escapes `\uXXXX`), and
    /// some for the other fields.
    fn body_limit(&self) -> usize {
        self.settings.speech.max_chars * 12 + 4_096
    }
}

/// Turns a body into a request and a format.
fn check(body: SpeakBody, limits: SpeechLimits) -> Result<(SpeechRequest, OutputFormat), Problem> {
    let SpeakBody { text, voice, lang, speed, format } = body;
    let format = match format.as_deref() {
        None => OutputFormat::default(),
        Some(name) => name.parse().map_err(|_| {
            let known = OutputFormat::ALL.map(OutputFormat::name).join(", ");
            Problem::unprocessable("unknown_format", format!("there is no format {name:?}; the formats are {known}"))
        })?,
    };
    Ok((SpeechRequest::new(text, voice, lang, speed, limits)?, format))
}
