//! An HTTP answer that is an error, in every shape in which it comes.

use std::{
    fmt,
    time::{Duration, SystemTime},
};

use reqwest::header::{HeaderMap, RETRY_AFTER};
use serde_json::Value;

use super::verdict::Verdict;

/// Longest message that is shown, in characters: a gateway's error page would fill the log.
const LONGEST_MESSAGE: usize = 300;

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Name of the error: `detail.code`, or else the older `detail.status`.
    pub code: Option<String>,
    /// The older name, which may differ.
    pub legacy: Option<String>,
    /// For people. Whole, so that a key in it is found; it is cut where it is shown.
    pub message: String,
    /// What to ask the service's support about.
    pub request_id: Option<String>,
    /// When to come back, as the service has it.
    pub retry_after: Option<Duration>,
}

impl Answer {
    /// Reads an answer: `detail` as an object, a list or a string, any other JSON, HTML, or nothing at all.
    pub fn parse(status: u16, headers: &HeaderMap, body: &[u8]) -> Self {
        let retry_after = headers.get(RETRY_AFTER).and_then(|value| parse_retry_after(value.to_str().ok()?));
        let header_id = headers.get("request-id").and_then(|value| Some(value.to_str().ok()?.to_owned()));
        let json: Value = serde_json::from_slice(body).unwrap_or(Value::Null);
        let detail = json.get("detail").unwrap_or(&json);
        let text = |key: &str| detail.get(key).and_then(Value::as_str).map(str::to_owned);
        let (code, legacy) = (text("code"), text("status"));
        let message = match detail {
            Value::Object(_) => text("message").unwrap_or_default(),
            Value::Array(items) => items.iter().map(validation_error).collect::<Vec<_>>().join("; "),
            Value::String(text) => text.clone(),
            _ => String::from_utf8_lossy(body).into_owned(),
        };
        Self {
            status,
            code: code.or_else(|| legacy.clone()),
            legacy,
            message,
            request_id: text("request_id").or(header_id),
            retry_after,
        }
    }

    pub(super) fn verdict(&self) -> Verdict {
        let named = [&self.code, &self.legacy].into_iter().flatten().find_map(|name| Verdict::of_name(name));
        named.unwrap_or_else(|| match Verdict::of_status(self.status) {
            // Words may sharpen what is the caller's, such as a quota, and speak alone where a body that began well turns into
            // an error; a failure of the service stays one.
            verdict if self.status == 200 || matches!(verdict, Verdict::Refused | Verdict::Rejected) => {
                Verdict::of_words(&one_line(&self.message)).unwrap_or(verdict)
            }
            verdict => verdict,
        })
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "HTTP {}", self.status)?;
        for part in [&self.code, &self.request_id].into_iter().flatten() {
            write!(f, " {}", one_line(part))?;
        }
        write!(f, ": {}", one_line(&self.message))
    }
}

impl std::error::Error for Answer {}

/// One entry of the list of a 422: `{"type", "loc": ["body", "text"], "msg", "input"}`.
fn validation_error(item: &Value) -> String {
    let place = item.get("loc").and_then(Value::as_array).map_or(String::new(), |steps| {
        let steps: Vec<_> =
            steps.iter().map(|step| step.as_str().map_or_else(|| step.to_string(), str::to_owned)).collect();
        format!("{}: ", steps.join("."))
    });
    format!("{place}{}", item.get("msg").and_then(Value::as_str).unwrap_or_default())
}

/// At most [`LONGEST_MESSAGE`] characters, white space and control characters as single spaces.
fn one_line(text: &str) -> String {
    let words: Vec<_> =
        text.split(|c: char| c.is_whitespace() || c.is_control()).filter(|word| !word.is_empty()).collect();
    words.join(" ").chars().take(LONGEST_MESSAGE).collect()
}

/// Seconds, or an HTTP date (RFC 9110, 10.2.3).
fn parse_retry_after(value: &str) -> Option<Duration> {
    if let Ok(seconds) = value.trim().parse::<u32>() {
        return Some(Duration::from_secs(seconds.into()));
    }
    let date = httpdate::parse_http_date(value.trim()).ok()?;
    Some(date.duration_since(SystemTime::now()).unwrap_or_default())
}
