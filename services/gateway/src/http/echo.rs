//! `POST /api/echo-bytes`: sound to text to sound.

use std::sync::Arc;

use axum::{
    Extension,
    extract::{Query, Request, State},
    http::{HeaderMap, HeaderValue, Method, header},
    response::Response,
};
use evervoice_core::{
    api::SpeakBody,
    asr::Transcript,
    service::{Problem, observe::RequestId},
};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};

use super::Context;
use crate::upstream::Forward;

/// What a header value must not hold, and the percent sign, so that the text reads back unambiguously. All that is not
/// ASCII is encoded in any case.
const HEADER_TEXT: &AsciiSet = &CONTROLS.add(b'%');

/// The sound is recognised, and the text spoken. `voice`, `speed` and `format` of the query are for the speech, all else
/// for the recognition. The text is in `X-Recognized-Text`.
pub async fn bytes(
    State(context): State<Arc<Context>>,
    Extension(id): Extension<RequestId>,
    Query(query): Query<Vec<(String, String)>>,
    request: Request,
) -> Result<Response, Problem> {
    let (speech, recognition): (Vec<_>, Vec<_>) =
        query.into_iter().partition(|(key, _)| ["voice", "speed", "format"].contains(&key.as_str()));
    let transcript = match recognize(&context, recognition, request, &id.0).await? {
        Recognized::Transcript(transcript) => transcript,
        Recognized::Refused(response) => return Ok(response),
    };
    if transcript.text.is_empty() {
        let what = format!("no words were recognised in {:.2} s of sound", transcript.duration_seconds);
        return Err(Problem::unprocessable("nothing_recognized", what));
    }
    let body = speak_body(&transcript, speech)?;
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let tts = &context.upstreams.tts;
    let forward = Forward {
        method: Method::POST,
        path: "/api/tts",
        query: None,
        headers: &headers,
        body: serde_json::to_vec(&body).unwrap_or_default().into(),
        request_id: &id.0,
    };
    let mut response = tts.pass_through(tts.send(forward).await?, &id.0);
    let text = utf8_percent_encode(&transcript.text, HEADER_TEXT).to_string();
    if let Ok(text) = HeaderValue::from_str(&text) {
        response.headers_mut().insert("x-recognized-text", text);
    }
    Ok(response)
}

enum Recognized {
    Transcript(Transcript),
    /// The recogniser's own answer: what is wrong with the sound.
    Refused(Response),
}

async fn recognize(
    context: &Context,
    query: Vec<(String, String)>,
    request: Request,
    request_id: &str,
) -> Result<Recognized, Problem> {
    let asr = &context.upstreams.asr;
    let mut url = asr.url("/api/stt/bytes", None);
    url.query_pairs_mut().extend_pairs(query);
    let (head, body) = request.into_parts();
    let forward = Forward {
        method: Method::POST,
        path: "/api/stt/bytes",
        query: url.query().filter(|query| !query.is_empty()),
        headers: &head.headers,
        body: reqwest::Body::wrap_stream(body.into_data_stream()),
        request_id,
    };
    let answer = asr.send(forward).await?;
    if !answer.status().is_success() {
        return Ok(Recognized::Refused(asr.pass_through(answer, request_id)));
    }
    match asr.wait(answer.remote_addr(), answer.json::<Transcript>()).await {
        Ok(Ok(transcript)) => Ok(Recognized::Transcript(transcript)),
        Ok(Err(error)) => Err(asr.failed("upstream_broken", request_id, &error)),
        Err(silence) => Err(asr.failed(silence.code(), request_id, &silence)),
    }
}

fn speak_body(transcript: &Transcript, query: Vec<(String, String)>) -> Result<SpeakBody, Problem> {
    let lang = Some(transcript.language.clone());
    let mut body = SpeakBody { text: transcript.text.clone(), voice: None, lang, speed: None, format: None };
    for (key, value) in query {
        match key.as_str() {
            "voice" => body.voice = Some(value),
            "format" => body.format = Some(value),
            _ => {
                let number = value.parse().ok().filter(|speed: &f32| speed.is_finite());
                let speed = number.ok_or_else(|| {
                    Problem::unprocessable("invalid_field", format!("speed is {value:?}; it must be a number"))
                })?;
                body.speed = Some(speed);
            }
        }
    }
    Ok(body)
}
