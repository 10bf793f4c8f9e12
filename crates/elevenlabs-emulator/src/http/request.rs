//! A request as a whole, and plain answers.

use std::collections::BTreeMap;

use http_body_util::{BodyExt, Limited};
use hyper::body::{Bytes, Incoming};
use hyper::{HeaderMap, Request, Response, StatusCode};
use percent_encoding::percent_decode_str;
use serde_json::Value;

use super::Body;

/// More than any text that the service takes.
const LARGEST_BODY: usize = 64 << 20;

/// No answer: the connection ends instead.
#[derive(Debug, thiserror::Error)]
#[error("the connection ends without an answer")]
pub(crate) struct HungUp;

pub(crate) type Answer = Result<Response<Body>, HungUp>;

/// A request that has arrived entirely.
pub(crate) struct Received {
    pub(crate) query: BTreeMap<String, String>,
    pub(crate) headers: BTreeMap<String, String>,
    pub(crate) body: Bytes,
}

impl Received {
    pub(crate) async fn read(request: Request<Incoming>) -> Result<Self, Box<dyn std::error::Error + Send + Sync>> {
        let query = query(request.uri().query().unwrap_or_default());
        let headers = headers(request.headers());
        let body = Limited::new(request.into_body(), LARGEST_BODY).collect().await?.to_bytes();
        Ok(Self { query, headers, body })
    }

    pub(crate) fn json_or_text(&self) -> Value {
        if self.body.is_empty() {
            return Value::Null;
        }
        serde_json::from_slice(&self.body)
            .unwrap_or_else(|_| Value::String(String::from_utf8_lossy(&self.body).into_owned()))
    }
}

pub(crate) fn headers(headers: &HeaderMap) -> BTreeMap<String, String> {
    headers
        .iter()
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

pub(crate) fn query(query: &str) -> BTreeMap<String, String> {
    let decode = |part: &str| percent_decode_str(&part.replace('+', " ")).decode_utf8_lossy().into_owned();
    query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        })
        .collect()
}

pub(crate) fn json_response(status: u16, json: &Value) -> Response<Body> {
    let mut response = Response::new(Body::whole(json.to_string()));
    *response.status_mut() = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    response.headers_mut().insert("content-type", hyper::header::HeaderValue::from_static("application/json"));
    response
}

#[cfg(test)]
mod tests {
    #[test]
    fn queries_are_decoded() {
        let query = super::query("a=1&b=x%20y+z&c&&d=%C3%BC");
        let pairs: Vec<(&str, &str)> = query.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        assert_eq!(pairs, [("a", "1"), ("b", "x y z"), ("c", ""), ("d", "ü")]);
    }
}
