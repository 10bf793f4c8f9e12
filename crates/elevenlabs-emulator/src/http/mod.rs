//! The HTTP endpoints, and which request is for whom.

mod account;
mod body;
mod control;
pub(crate) mod errors;
mod request;
mod speech;
mod stream;

use std::sync::Arc;

use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde_json::json;

use crate::log::Event;
use crate::net::Link;
use crate::state::State;
use crate::ws;

pub(crate) use body::Body;
pub(crate) use errors::ApiError;
pub(crate) use request::{Answer, HungUp, Received, headers, json_response, query};

/// The four ways to ask for speech.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Endpoint {
    Convert,
    Stream,
    ConvertWithTimestamps,
    StreamWithTimestamps,
}

impl Endpoint {
    pub(crate) fn streams(self) -> bool {
        matches!(self, Self::Stream | Self::StreamWithTimestamps)
    }

    pub(crate) fn is_json(self) -> bool {
        matches!(self, Self::ConvertWithTimestamps | Self::StreamWithTimestamps)
    }
}

/// Answers one request. An error means no answer: the connection ends.
pub(crate) async fn answer(state: Arc<State>, link: Arc<Link>, request: Request<Incoming>) -> Answer {
    let path = request.uri().path().to_owned();
    if let Some(what) = path.strip_prefix("/__emulator/") {
        return control::answer(&state, what, request).await;
    }
    let segments: Vec<&str> = path.trim_matches('/').split('/').collect();
    let method = request.method().clone();
    if let (&Method::GET, ["v1", "text-to-speech", voice, kind @ ("stream-input" | "multi-stream-input")]) =
        (&method, &segments[..])
    {
        let kind = if *kind == "stream-input" { ws::Kind::Single } else { ws::Kind::Multi };
        return ws::upgrade(state, link, request, voice, kind).await;
    }
    let received = Received::read(request).await.map_err(|_| HungUp)?;
    state.log.add(
        link.id,
        Event::Request {
            method: method.to_string(),
            path: path.clone(),
            query: received.query.clone(),
            headers: received.headers.clone(),
            body: received.json_or_text(),
        },
    );
    match (&method, &segments[..]) {
        (&Method::POST, ["v1", "text-to-speech", voice, rest @ ..]) => {
            let endpoint = match rest {
                [] => Endpoint::Convert,
                ["stream"] => Endpoint::Stream,
                ["with-timestamps"] => Endpoint::ConvertWithTimestamps,
                ["stream", "with-timestamps"] => Endpoint::StreamWithTimestamps,
                _ => return Ok(not_found()),
            };
            speech::answer(&state, &link, endpoint, voice, &received).await
        }
        (&Method::GET, ["v1", what @ ("voices" | "user" | "models")]) => Ok(account::answer(&state, what, &received)),
        _ => Ok(not_found()),
    }
}

fn not_found() -> Response<Body> {
    json_response(404, &json!({"detail": "Not Found"}))
}
