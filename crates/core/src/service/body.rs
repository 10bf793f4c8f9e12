//! Reading a request body within its limits, and JSON with clear errors.

use std::time::Duration;

use axum::{body::Body, http::StatusCode};
use bytes::Bytes;
use http_body_util::{BodyExt, LengthLimitError, Limited};
use serde::de::DeserializeOwned;

use super::Problem;

/// How much of a refused body is still read, so that the client gets to read why (see [`drain`]).
const DRAIN_BYTES: usize = 4 * 1024 * 1024;
const DRAIN_TIME: Duration = Duration::from_millis(500);

/// Reads a whole body of at most `limit` bytes that arrives within `deadline`.
///
/// # Errors
/// 413 with code `too_large` (see the parameter), 408 `body_timeout`, 400 `body_broken`.
pub async fn read(mut body: Body, limit: usize, deadline: Duration, too_large: &Problem) -> Result<Bytes, Problem> {
    let collected = tokio::time::timeout(deadline, Limited::new(&mut body, limit).collect()).await;
    match collected {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            drain(body).await;
            Err(too_large.clone())
        }
        Ok(Err(_)) => Err(Problem::bad_request("body_broken", "the request body broke off")),
        Err(_) => Err(Problem::new(
            StatusCode::REQUEST_TIMEOUT,
            "body_timeout",
            format!("the request body did not arrive within {} s", deadline.as_secs_f64()),
        )),
    }
}

/// Reads on for a moment and forgets what it reads.
///
/// A connection that is closed while the client still sends is reset, and the client may never see the answer that says
/// what was wrong.
pub async fn drain(mut body: Body) {
    let read_on = async {
        let mut left = DRAIN_BYTES;
        while let Some(Ok(frame)) = body.frame().await {
            left = left.saturating_sub(frame.data_ref().map_or(0, Bytes::len));
            if left == 0 {
                break;
            }
        }
    };
    // Whether it came to the end or not, the answer goes out now.
    let _ = tokio::time::timeout(DRAIN_TIME, read_on).await;
}

/// Parses a JSON object.
///
/// # Errors
/// 400 `invalid_utf8` or `invalid_json` when the bytes are no JSON text; 422 `invalid_field` when it is no object, or a
/// field is unknown, missing or of the wrong type, with the names and types that are allowed.
pub fn json<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, Problem> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let place = error.valid_up_to();
        Problem::bad_request("invalid_utf8", format!("the text is not UTF-8: byte {place} begins no character"))
    })?;
    // `serde` would also read the fields of a struct from a list, by their places.
    if text.trim_start().starts_with('[') && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok() {
        return Err(Problem::unprocessable("invalid_field", "a JSON object is expected, not a list"));
    }
    serde_json::from_str(text).map_err(|error| {
        if error.is_data() {
            Problem::unprocessable("invalid_field", error.to_string())
        } else {
            Problem::bad_request("invalid_json", format!("the text is not JSON: {error}"))
        }
    })
}

#[cfg(test)]
mod tests {
    use serde::Deserialize;

    use super::*;

    #[derive(Debug, Deserialize)]
    #[serde(deny_unknown_fields)]
    struct Demo {
        #[allow(dead_code)]
        text: String,
    }

    #[test]
    fn each_kind_of_bad_json_has_its_code() {
        let code = |bytes: &[u8]| json::<Demo>(bytes).unwrap_err().code;
        assert_eq!(code(b"{\"text\":\"\xff\"}"), "invalid_utf8");
        assert_eq!(code(b"{\"text\":"), "invalid_json");
        assert_eq!(code(b""), "invalid_json");
        assert_eq!(code(b"{\"text\":1}"), "invalid_field");
        assert_eq!(code(b"[\"a\"]"), "invalid_field");
        assert_eq!(code(b"[\"a\""), "invalid_json");
        assert_eq!(code(b"{\"txt\":\"a\"}"), "invalid_field");
        assert!(json::<Demo>(b"{\"txt\":\"a\"}").unwrap_err().detail.contains("`text`"));
    }

    #[tokio::test]
    async fn a_body_over_its_limit_is_refused() {
        let too_large = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "too_large", "");
        let read = |limit| read(Body::from("12345"), limit, Duration::from_secs(1), &too_large);
        assert_eq!(read(5).await.unwrap(), "12345");
        assert_eq!(read(4).await.unwrap_err().code, "too_large");
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_that_never_ends_times_out() {
        let endless = Body::from_stream(futures_util::stream::pending::<Result<Bytes, std::io::Error>>());
        let too_large = Problem::bad_request("too_large", "");
        let error = read(endless, 10, Duration::from_secs(10), &too_large).await.unwrap_err();
        assert_eq!((error.status, error.code.as_str()), (StatusCode::REQUEST_TIMEOUT, "body_timeout"));
    }
}
