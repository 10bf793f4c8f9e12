//! One request to the gateway: its streamed answer, or the reason for a refusal.

use std::error::Error;
use std::fmt;

use percent_encoding::percent_decode;
use reqwest::header::{CONTENT_TYPE, HeaderMap};
use reqwest::{Client, RequestBuilder, Response, StatusCode};
use serde::Deserialize;

use crate::error::ClientError;
use crate::options::Common;

/// As much of a refusal's body as is read and shown.
const BODY_LIMIT: usize = 64 * 1024;

/// An HTTP client with the options' timeout.
pub fn client(common: &Common) -> Result<Client, ClientError> {
    evervoice_http_client::builder()
        .read_timeout(common.timeout)
        .build()
        .map_err(|error| ClientError::Usage(innermost(&error)))
}

/// Sends the request and gives the answer once its head says 200; the body is still on its way.
pub async fn send(request: RequestBuilder, common: &Common) -> Result<Response, ClientError> {
    send_expecting(request, common, StatusCode::OK).await
}

/// [`send`] for an answer that is to have another status.
pub async fn send_expecting(
    request: RequestBuilder,
    common: &Common,
    status: StatusCode,
) -> Result<Response, ClientError> {
    let response = request.send().await.map_err(|error| {
        if error.is_connect() {
            ClientError::Unreachable { url: common.gateway.clone(), cause: innermost(&error) }
        } else {
            broken(&error, common)
        }
    })?;
    if response.status() == status { Ok(response) } else { Err(ClientError::Refused(Refusal::read(response).await)) }
}

/// A connection that failed after it had been made.
pub fn broken(error: &reqwest::Error, common: &Common) -> ClientError {
    ClientError::Broken(if error.is_timeout() {
        format!("сервер молчал {} с", common.timeout.as_secs_f64())
    } else {
        innermost(error)
    })
}

/// The text in a percent-encoded UTF-8 header; bytes that are no UTF-8 become U+FFFD.
pub fn header_text(headers: &HeaderMap, name: &str) -> Option<String> {
    let value = headers.get(name)?;
    Some(percent_decode(value.as_bytes()).decode_utf8_lossy().into_owned())
}

/// Why the server did not do it, from a problem body (RFC 9457) or whatever else it sent.
#[derive(Debug)]
pub struct Refusal {
    /// The HTTP status.
    pub status: StatusCode,
    /// The problem's `detail`, else its `title`, else the beginning of the body.
    pub detail: String,
    /// The problem's `code`.
    pub code: Option<String>,
    /// The problem's `request_id`, else the header `X-Request-Id`.
    pub request_id: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    title: Option<String>,
    detail: Option<String>,
    code: Option<String>,
    request_id: Option<String>,
}

impl Refusal {
    async fn read(mut response: Response) -> Self {
        let status = response.status();
        let header_id = header_text(response.headers(), "x-request-id");
        let is_problem = response
            .headers()
            .get(CONTENT_TYPE)
            .and_then(|value| value.to_str().ok())
            .is_some_and(|value| value.starts_with("application/problem+json"));
        let mut body = Vec::new();
        // A body that breaks off is shown as far as it came: the status is what matters.
        while let Ok(Some(piece)) = response.chunk().await {
            body.extend_from_slice(&piece);
            if body.len() >= BODY_LIMIT {
                break;
            }
        }
        let problem: Option<Problem> = is_problem.then(|| serde_json::from_slice(&body).ok()).flatten();
        match problem {
            Some(problem) => Refusal {
                status,
                detail: problem.detail.or(problem.title).unwrap_or_default(),
                code: problem.code,
                request_id: problem.request_id.or(header_id),
            },
            None => Refusal {
                status,
                detail: String::from_utf8_lossy(&body).trim().chars().take(300).collect(),
                code: None,
                request_id: header_id,
            },
        }
    }
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "сервер отклонил запрос ({})", self.status)?;
        if !self.detail.is_empty() {
            write!(f, ": {}", self.detail)?;
        }
        if let Some(code) = &self.code {
            write!(f, "\n  код: {code}")?;
        }
        if let Some(id) = &self.request_id {
            write!(f, "\n  запрос: {id}")?;
        }
        Ok(())
    }
}

/// The cause at the bottom: reqwest's own messages only repeat the address.
fn innermost(error: &dyn Error) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}
