//! `POST /api/tts` and `POST /api/tts/wav`

use std::sync::Arc;

use axum::{
    Extension,
    body::Body,
    extract::{Request, State},
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use evervoice_core::{
    api::SpeakBody,
    audio::{OutputFormat, wav as wav_file},
    service::{Problem, body, observe::RequestId},
};

use super::{Context, audio_body, check};
use crate::speech::Utterance;

/// Sound as it is made. With `"format": "wav"` as [`wav`].
pub async fn stream(
    State(context): State<Arc<Context>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, Problem> {
    let (request, format) = check(read(&context, request).await?, context.speech.limits())?;
    let utterance = context.speech.speak(request, format, &id.0).await?;
    if format == OutputFormat::Wav {
        return whole_wav(utterance).await;
    }
    let provider = utterance.provider;
    let body = audio_body::streamed(utterance, context.settings.speech.client_stall_timeout);
    Ok(with_headers(body, "application/octet-stream", provider, format))
}

/// A whole WAV file with true sizes: it leaves when the last word has been made.
pub async fn wav(
    State(context): State<Arc<Context>>,
    Extension(id): Extension<RequestId>,
    request: Request,
) -> Result<Response, Problem> {
    let body = read(&context, request).await?;
    if body.format.as_deref().is_some_and(|format| format != "wav") {
        let what = "this path gives WAV only; POST /api/tts gives the other formats";
        return Err(Problem::unprocessable("unknown_format", what));
    }
    let (request, _) = check(body, context.speech.limits())?;
    whole_wav(context.speech.speak(request, OutputFormat::Wav, &id.0).await?).await
}

async fn read(context: &Context, request: Request) -> Result<SpeakBody, Problem> {
    let limit = context.body_limit();
    let too_large = Problem::new(
        StatusCode::PAYLOAD_TOO_LARGE,
        "text_too_long",
        format!("the body is over {limit} bytes; a text may have {} characters", context.speech.limits().max_chars),
    );
    let bytes = body::read(request.into_body(), limit, context.settings.server.body_timeout(), &too_large).await?;
    body::json(&bytes)
}

async fn whole_wav(mut utterance: Utterance) -> Result<Response, Problem> {
    let mut samples = Vec::new();
    while let Some(bytes) = utterance.next().await {
        samples.extend(bytes?.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])));
    }
    let file = wav_file::write(&samples, OutputFormat::Wav.audio().sample_rate)
        .map_err(|error| Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "text_too_long", error.to_string()))?;
    Ok(with_headers(file.into(), "audio/wav", utterance.provider, OutputFormat::Wav))
}

fn with_headers(body: Body, content_type: &'static str, provider: &'static str, format: OutputFormat) -> Response {
    let audio = format.audio();
    let mut response = body.into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert("x-audio-format", HeaderValue::from_static(audio.encoding.name()));
    headers.insert("x-sample-rate", HeaderValue::from(audio.sample_rate));
    headers.insert("x-channels", HeaderValue::from(audio.channels));
    headers.insert("x-voice-provider", HeaderValue::from_static(provider));
    response
}
