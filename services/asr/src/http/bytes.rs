//! `POST /api/stt/bytes`: a whole piece of sound, one answer.

use std::{
    sync::Arc,
    time::{Duration, Instant},
};

use axum::{
    Json,
    body::Body,
    extract::{Request, State},
    http::{StatusCode, header::EXPECT, request::Parts},
};
use evervoice_core::{
    asr::{AsrError, RECOGNIZER_SAMPLE_RATE, Transcript},
    audio::{AudioFormat, wav},
    service::{Problem, observe::RequestId},
};

use super::{
    body::{self, Limits},
    query::SoundQuery,
};
use crate::{
    app::App,
    recognition::sound::{self, Sound},
};

/// The handler.
pub async fn transcribe(State(app): State<Arc<App>>, request: Request) -> Result<Json<Transcript>, Problem> {
    let (head, mut body) = request.into_parts();
    let answer = answer(&app, &head, &mut body).await;
    // A client that waits for `100 Continue` has not sent its body, and reading would ask for it.
    if answer.is_err() && !head.headers.contains_key(EXPECT) {
        evervoice_core::service::body::drain(body).await;
    }
    answer.map(Json)
}

async fn answer(app: &App, head: &Parts, body: &mut Body) -> Result<Transcript, Problem> {
    let SoundQuery { format, wrong_format, language, grammar } = SoundQuery::parse(&head.uri)?;
    app.recognition.check_language(&language)?;
    app.recognition.check_places()?;

    let max_seconds = app.config.recognition.max_audio_duration;
    let deadline = app.config.server.body_timeout();
    let bytes = body::read(body, Limits { max_seconds, format, deadline }).await?;

    if let Some(problem) = wrong_format.filter(|_| !wav::is_wav(&bytes)) {
        return Err(problem);
    }

    let began = Instant::now();
    let sound = read(bytes, format, max_seconds).await?;
    let seconds = sound.duration_seconds;

    let limit = Duration::from_secs_f64(app.config.recognition.request_timeout);
    let transcript =
        tokio::time::timeout(limit, app.recognition.transcribe(sound, grammar)).await.map_err(|_| {
            let detail = format!("the recognition did not end within {} s", limit.as_secs_f64());
            Problem::new(StatusCode::GATEWAY_TIMEOUT, "request_timeout", detail)
        })??;
    let id = head.extensions.get::<RequestId>().map_or("", |id| id.0.as_str());
    app.events.recognized(id, seconds, transcript.segments.len(), began.elapsed());
    Ok(transcript)
}

/// Bytes to samples: at once where they only have to be copied; resampling takes milliseconds of pure computing, which
/// belong on a thread of their own.
async fn read(bytes: Vec<u8>, format: AudioFormat, max_seconds: f64) -> Result<Sound, AsrError> {
    let rate = wav::parse(&bytes).map_or(format.sample_rate, |(format, _)| format.sample_rate);
    if rate == RECOGNIZER_SAMPLE_RATE {
        return sound::read(&bytes, format, max_seconds);
    }
    let sound = tokio::task::spawn_blocking(move || sound::read(&bytes, format, max_seconds)).await;
    sound.map_err(|error| AsrError::Engine(error.to_string()))?
}
