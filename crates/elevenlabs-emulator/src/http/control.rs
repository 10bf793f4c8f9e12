//! `/__emulator/`: what the library offers, for other processes.

use std::sync::Arc;

use audio_codec_algorithms::decode_ulaw;
use hyper::body::Incoming;
use hyper::{Method, Request, Response};
use serde_json::{Value, json};

use super::request::Received;
use super::{Answer, Body, HungUp, json_response};
use crate::faults::Faults;
use crate::state::State;

pub(super) async fn answer(state: &Arc<State>, what: &str, request: Request<Incoming>) -> Answer {
    let method = request.method().clone();
    let received = Received::read(request).await.map_err(|_| HungUp)?;
    Ok(match (method, what) {
        (Method::GET, "log") => ok(&json!({"received": state.log.all()})),
        (Method::GET, "state") => ok(&json!({
            "open_sockets": state.sockets.get(),
            "open_contexts": state.contexts.get(),
            "generating": state.generating.get(),
        })),
        (Method::GET, "faults") => ok(&json!(state.faults.get())),
        (Method::PUT, "faults") => match serde_json::from_slice::<Faults>(&received.body) {
            Ok(faults) => {
                state.faults.set(faults);
                ok(&json!(state.faults.get()))
            }
            Err(error) => refused(&error.to_string()),
        },
        (Method::POST, "reset") => {
            state.log.clear();
            state.faults.set(Faults::default());
            ok(&json!({}))
        }
        (Method::POST, "advance") => match received.query.get("ms").and_then(|ms| ms.parse().ok()) {
            Some(ms) => {
                state.config.clock.advance(std::time::Duration::from_millis(ms));
                ok(&json!({}))
            }
            None => refused("ms must be a whole number"),
        },
        (Method::POST, "decode") => decode(&received),
        _ => json_response(404, &json!({"detail": "Not Found"})),
    })
}

fn decode(received: &Received) -> Response<Body> {
    let sample_rate = received.query.get("sample_rate").map_or(Ok(16_000), |rate| rate.parse());
    let Ok(sample_rate @ 8000..=192_000) = sample_rate else {
        return refused("sample_rate must be 8000 to 192000");
    };
    let samples: Vec<i16> = match received.query.get("format").map_or("pcm", String::as_str) {
        "pcm" => received.body.chunks_exact(2).map(|pair| i16::from_le_bytes([pair[0], pair[1]])).collect(),
        "ulaw" => received.body.iter().map(|&byte| decode_ulaw(byte)).collect(),
        _ => return refused("format must be pcm or ulaw"),
    };
    ok(&json!({"text": crate::decode(&samples, sample_rate), "samples": samples.len()}))
}

fn ok(json: &Value) -> Response<Body> {
    json_response(200, json)
}

fn refused(why: &str) -> Response<Body> {
    json_response(400, &json!({"detail": why}))
}
