//! The one place where errors become HTTP: problem details of RFC 9457.
//!
//! Body: `type`, `title`, `status`, `detail`, and our members `code` (stable, to match on) and `request_id`.
//! Internals (sources of errors) go to the log, never to the client.

use std::{error::Error, time::Duration};

use axum::{
    http::{HeaderValue, StatusCode, header},
    response::{IntoResponse, Response},
};
use serde::{Deserialize, Serialize};

use crate::{
    asr::AsrError,
    fault::{Fault, Retry},
    tts::TtsError,
};

/// An answer that says what went wrong. As a response it gets its `request_id` from [`super::observe`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// HTTP status.
    pub status: StatusCode,
    /// Stable name of the problem.
    pub code: String,
    /// What was wrong in this request, and what is allowed.
    pub detail: String,
    /// When to come back, for 503.
    pub retry_after: Option<Duration>,
}

/// The JSON body.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ProblemBody {
    /// A URN that names the kind of problem.
    #[serde(rename = "type")]
    pub kind: String,
    /// The phrase of the status.
    pub title: String,
    /// HTTP status as a number.
    pub status: u16,
    /// What was wrong, and what is allowed.
    pub detail: String,
    /// Stable name of the problem.
    pub code: String,
    /// Id of the request, as in the header `X-Request-Id` and in the log.
    pub request_id: String,
}

impl Problem {
    /// A problem with this status and code.
    pub fn new(status: StatusCode, code: impl Into<String>, detail: impl Into<String>) -> Self {
        Self { status, code: code.into(), detail: detail.into(), retry_after: None }
    }

    /// Adds when to come back.
    pub fn retry_after(mut self, delay: Duration) -> Self {
        self.retry_after = Some(delay);
        self
    }

    /// 400: the bytes of the request are not what they should be.
    pub fn bad_request(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, code, detail)
    }

    /// 422: the request can be read, but asks for something that cannot be.
    pub fn unprocessable(code: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::UNPROCESSABLE_ENTITY, code, detail)
    }

    /// The JSON body, for the response and for WebSocket problem messages.
    pub fn body(&self, request_id: &str) -> ProblemBody {
        ProblemBody {
            kind: format!("urn:evervoice:problem:{}", self.code),
            title: self.status.canonical_reason().unwrap_or("Error").to_owned(),
            status: self.status.as_u16(),
            detail: self.detail.clone(),
            code: self.code.clone(),
            request_id: request_id.to_owned(),
        }
    }

    /// The response with its body.
    pub(super) fn render(&self, request_id: &str) -> Response {
        let body = serde_json::to_vec(&self.body(request_id)).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        if let Some(delay) = self.retry_after {
            // Whole seconds, rounded up: RFC 9110 section 10.2.3.
            headers.insert(header::RETRY_AFTER, HeaderValue::from(delay.as_secs_f64().ceil().max(1.0) as u64));
        }
        response
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let mut response = self.status.into_response();
        response.extensions_mut().insert(self);
        response
    }
}

fn status(fault: Fault, code: &str) -> StatusCode {
    match (fault, code) {
        (Fault::Caller, "text_too_long" | "audio_too_long") => StatusCode::PAYLOAD_TOO_LARGE,
        (Fault::Caller, "audio_torn_frame" | "wav_invalid" | "wav_truncated") => StatusCode::BAD_REQUEST,
        (Fault::Caller, _) => StatusCode::UNPROCESSABLE_ENTITY,
        (Fault::Upstream, "provider_timeout") => StatusCode::GATEWAY_TIMEOUT,
        (Fault::Upstream, "provider_busy") => StatusCode::SERVICE_UNAVAILABLE,
        (Fault::Upstream, _) => StatusCode::BAD_GATEWAY,
        (Fault::Us, "overloaded") => StatusCode::SERVICE_UNAVAILABLE,
        (Fault::Us, "decode_budget_exceeded") => StatusCode::GATEWAY_TIMEOUT,
        (Fault::Us, _) => StatusCode::INTERNAL_SERVER_ERROR,
    }
}

fn from_error(error: &dyn Error, fault: Fault, retry: Retry, code: &'static str) -> Problem {
    let mut problem = Problem::new(status(fault, code), code, error.to_string());
    if let Retry::After(delay) = retry {
        problem = problem.retry_after(delay);
    }
    if fault != Fault::Caller && code != "overloaded" {
        let source = error.source().map(ToString::to_string);
        tracing::error!(event = "engine_error", code, error = %error, source);
        // What a provider failed at may be told; what it said may not.
        if fault == Fault::Us && code != "decode_budget_exceeded" {
            problem.detail = "the engine failed; the log has the reason under this request id".to_owned();
        }
    }
    problem
}

impl From<TtsError> for Problem {
    fn from(error: TtsError) -> Self {
        from_error(&error, error.fault(), error.retry(), error.code())
    }
}

impl From<AsrError> for Problem {
    fn from(error: AsrError) -> Self {
        from_error(&error, error.fault(), error.retry(), error.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statuses_follow_the_fault() {
        let status = |problem: Problem| problem.status.as_u16();
        assert_eq!(status(TtsError::EmptyText.into()), 422);
        assert_eq!(status(TtsError::TextTooLong { chars: 9, limit: 1 }.into()), 413);
        assert_eq!(status(AsrError::BudgetExceeded { budget_ms: 1 }.into()), 504);
        let overloaded = Problem::from(AsrError::Overloaded { retry_after: Duration::from_millis(1_200) });
        assert_eq!(overloaded.render("r").headers()[header::RETRY_AFTER], "2");
    }

    #[test]
    fn internals_stay_inside() {
        let problem = Problem::from(AsrError::Engine("secret path".into()));
        assert_eq!(problem.status, 500);
        assert!(!problem.detail.contains("secret"));
    }
}
