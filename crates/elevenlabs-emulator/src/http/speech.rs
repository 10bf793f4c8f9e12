//! `POST /v1/text-to-speech/{voice_id}` and its three siblings: checks, faults, headers.

use std::sync::Arc;
use std::time::Duration;

use hyper::Response;
use hyper::header::HeaderValue;
use serde_json::{Value, json};

use super::errors::{self, ApiError, trace_headers};
use super::request::Received;
use super::stream::{self, Speech};
use super::{Answer, Endpoint, HungUp};
use crate::audio::Format;
use crate::faults::{Armed, Fault, Group};
use crate::net::Link;
use crate::state::State;

pub(super) async fn answer(
    state: &Arc<State>,
    link: &Arc<Link>,
    endpoint: Endpoint,
    voice: &str,
    received: &Received,
) -> Answer {
    let arrived = state.real.now();
    let armed = state.faults.draw(Group::Request);
    if let Some(armed) = &armed {
        match armed.fault {
            Fault::HttpReset => {
                link.reset();
                return Err(HungUp);
            }
            Fault::HttpHangUp => return Err(HungUp),
            Fault::HttpNoAnswer => std::future::pending().await,
            Fault::HttpSlow => state.real.sleep(armed.trigger.delay_or(Duration::from_secs(2))).await,
            Fault::HttpHtmlError => return Ok(errors::html(armed.trigger.status.unwrap_or(502))),
            _ => {}
        }
        if let Some(error) = error_of(armed, voice) {
            return Ok(error.answer(state));
        }
    }
    let guesses = state.faults.guesses();
    let checked = if guesses.body_is_checked_first {
        let speech = check_body(endpoint, received);
        speech.and_then(|speech| check_key(state, received).and(check_voice(state, voice)).map(|()| speech))
    } else {
        check_key(state, received)
            .and_then(|()| check_voice(state, voice))
            .and_then(|()| check_body(endpoint, received))
    };
    let speech = match checked {
        Ok(speech) => speech,
        Err(error) => return Ok(error.answer(state)),
    };
    let Some(generating) = state.generating.up_to(state.config.max_concurrent) else {
        return Ok(ApiError::too_many_at_once(false).retry_after(guesses.retry_after).answer(state));
    };
    let mut headers = Response::new(());
    let cost = speech.cost();
    let content_type = if endpoint.is_json() { "application/json" } else { speech.format.content_type() };
    headers.headers_mut().insert("content-type", HeaderValue::from_static(content_type));
    let body = stream::body(state, link, endpoint, speech, armed, generating, arrived).await;
    let mut response = headers.map(|()| body);
    trace_headers(state, &mut response);
    let latency = (state.real.now() - arrived).as_millis().to_string();
    let mut insert = |name, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            response.headers_mut().insert(name, value);
        }
    };
    insert("request-id", &state.id());
    insert("history-item-id", &state.id());
    insert("character-cost", &cost.to_string());
    insert("current-concurrent-requests", &state.generating.get().to_string());
    insert("maximum-concurrent-requests", &state.config.max_concurrent.to_string());
    insert("workspace-concurrent-requests", &state.generating.get().to_string());
    if !endpoint.streams() {
        insert("tts-latency-ms", &latency);
    }
    Ok(response)
}

fn error_of(armed: &Armed, voice: &str) -> Option<ApiError> {
    let trigger = &armed.trigger;
    let error = match armed.fault {
        Fault::HttpUnauthorized => ApiError::wrong_key(),
        Fault::HttpMalformedKey => ApiError::malformed_key(),
        Fault::HttpQuotaExceeded => ApiError::quota_exceeded(),
        Fault::HttpPaymentRequired => ApiError::payment_required(),
        Fault::HttpForbidden => ApiError::forbidden_format(),
        Fault::HttpVoiceNotFound => ApiError::voice_not_found(voice),
        Fault::HttpUnprocessable => ApiError::missing_text(Value::Null),
        Fault::HttpTooManyAtOnce => ApiError::too_many_at_once(trigger.old_names),
        Fault::HttpRateLimited => ApiError::rate_limited(trigger.old_names),
        Fault::HttpSystemBusy => ApiError::system_busy(trigger.old_names),
        Fault::Http5xx => ApiError::server_error(500),
        _ => return None,
    };
    Some(error.with_status(trigger.status).retry_after(trigger.retry_after.clone()))
}

/// The header `xi-api-key`.
pub(super) fn check_key(state: &State, received: &Received) -> Result<(), ApiError> {
    match received.headers.get("xi-api-key") {
        Some(key) if state.knows_key(key) => Ok(()),
        Some(key) if key.starts_with("sk_") => Err(ApiError::malformed_key()),
        _ => Err(ApiError::wrong_key()),
    }
}

fn check_voice(state: &State, voice: &str) -> Result<(), ApiError> {
    if state.knows_voice(voice) { Ok(()) } else { Err(ApiError::voice_not_found(voice)) }
}

fn check_body(endpoint: Endpoint, received: &Received) -> Result<Speech, ApiError> {
    let name = received.query.get("output_format").map_or(Format::DEFAULT, String::as_str);
    let format = Format::parse(name).filter(|format| format.can_stream() || !endpoint.streams());
    // The shape is that of the recorded 422; that a wrong format is one is a guess.
    let format = format.ok_or_else(|| {
        let message = "Input should be a known output format of this endpoint";
        ApiError::unprocessable("enum", &["query", "output_format"], message, name.into())
    })?;
    let body: Value = serde_json::from_slice(&received.body)
        .map_err(|_| ApiError::unprocessable("json_invalid", &["body"], "JSON decode error", json!({})))?;
    let text = match &body["text"] {
        Value::String(text) => text.clone(),
        Value::Null if body.is_object() && body.get("text").is_none() => {
            return Err(ApiError::missing_text(Value::Null));
        }
        other => {
            let message = "Input should be a valid string";
            return Err(ApiError::unprocessable("string_type", &["body", "text"], message, other.clone()));
        }
    };
    if text.trim().is_empty() {
        return Err(ApiError::invalid("text", "The text is empty."));
    }
    let model = body["model_id"].as_str().unwrap_or("eleven_multilingual_v2").to_owned();
    if model.starts_with("eleven_v3") {
        for param in ["previous_text", "next_text"] {
            if !body[param].is_null() {
                return Err(ApiError::invalid(param, format!("{param} is not supported by '{model}'.")));
            }
        }
    }
    for (list, most) in [("previous_request_ids", 3), ("next_request_ids", 3), ("pronunciation_dictionary_locators", 3)]
    {
        if body[list].as_array().is_some_and(|items| items.len() > most) {
            let message = format!("List should have at most {most} items");
            return Err(ApiError::unprocessable("too_long", &["body", list], &message, body[list].clone()));
        }
    }
    let limit = longest_text(&model);
    if text.chars().count() > limit {
        return Err(ApiError::text_too_long(limit));
    }
    let speed = body["voice_settings"]["speed"].as_f64().unwrap_or(1.0);
    Ok(Speech { text, model, format, speed })
}

/// In characters, as documented (for v3 as observed).
fn longest_text(model: &str) -> usize {
    match model {
        "eleven_flash_v2_5" | "eleven_turbo_v2_5" => 40_000,
        "eleven_flash_v2" | "eleven_turbo_v2" => 30_000,
        _ => 10_000,
    }
}
