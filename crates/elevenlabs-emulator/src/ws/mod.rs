//! The WebSocket endpoints: what an upgrade is answered with.

mod context;
mod ending;
mod frames;
mod message;
mod session;
mod timers;

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use hyper::body::Incoming;
use hyper::header::HeaderValue;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::handshake::derive_accept_key;
use tokio_tungstenite::tungstenite::protocol::{Role, WebSocketConfig};

use crate::audio::Format;
use crate::faults::{Armed, Fault, Group};
use crate::http::errors::trace_headers;
use crate::http::{Answer, ApiError, Body, HungUp};
use crate::log::Event;
use crate::net::Link;
use crate::state::State;
use session::Session;

/// The two endpoints.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// `/stream-input`
    Single,
    /// `/multi-stream-input`
    Multi,
}

/// What the upgrade says.
#[derive(Clone, Debug)]
struct Params {
    kind: Kind,
    voice: String,
    format: Format,
    auto_mode: bool,
    inactivity: Duration,
    key: Key,
}

/// The key in the header or the query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Key {
    Good,
    Wrong,
    /// It has to come in the first message.
    Missing,
}

/// The longest `inactivity_timeout`.
const LONGEST_INACTIVITY: Duration = Duration::from_secs(180);

pub(crate) async fn upgrade(
    state: Arc<State>,
    link: Arc<Link>,
    mut request: Request<Incoming>,
    voice: &str,
    kind: Kind,
) -> Answer {
    let socket = state.socket_id();
    let query = crate::http::query(request.uri().query().unwrap_or_default());
    let headers = crate::http::headers(request.headers());
    let path = request.uri().path().to_owned();
    state.log.add(link.id, Event::Upgrade { socket, path, query: query.clone(), headers: headers.clone() });

    let armed = state.faults.draw(Group::Upgrade);
    if let Some(armed) = &armed {
        match armed.fault {
            Fault::WsHandshakeDelay => state.real.sleep(armed.trigger.delay_or(Duration::from_secs(2))).await,
            Fault::WsHandshakeHang => std::future::pending().await,
            Fault::WsHandshakeReset => {
                link.reset();
                return Err(HungUp);
            }
            Fault::WsUpgradeRefused => {
                let error = refusal(armed.trigger.status.unwrap_or(503));
                return Ok(error.retry_after(armed.trigger.retry_after.clone()).answer(&state));
            }
            _ => {}
        }
    }
    let params = match params(&state, &query, &headers, voice, kind) {
        Ok(params) => params,
        Err(error) => return Ok(error.answer(&state)),
    };
    let Some(accept) = headers.get("sec-websocket-key").map(|key| derive_accept_key(key.as_bytes())) else {
        return Ok(ApiError::invalid("sec-websocket-key", "This is a WebSocket endpoint.").answer(&state));
    };
    let upgrade = hyper::upgrade::on(&mut request);
    let session = session(state.clone(), link, socket, params, armed, upgrade);
    let shutdown = state.shutdown.clone();
    state.tasks.spawn(async move { shutdown.run_until_cancelled(session).await });

    let mut response = Response::new(Body::whole(""));
    *response.status_mut() = StatusCode::SWITCHING_PROTOCOLS;
    trace_headers(&state, &mut response);
    let headers = response.headers_mut();
    headers.insert("connection", HeaderValue::from_static("upgrade"));
    headers.insert("upgrade", HeaderValue::from_static("websocket"));
    // What is derived is base64.
    let accept = HeaderValue::from_str(&accept).unwrap_or(HeaderValue::from_static(""));
    headers.insert("sec-websocket-accept", accept);
    Ok(response)
}

fn refusal(status: u16) -> ApiError {
    match status {
        401 => ApiError::wrong_key(),
        429 => ApiError::too_many_at_once(false),
        status => ApiError::server_error(status),
    }
}

async fn session(
    state: Arc<State>,
    link: Arc<Link>,
    socket: u64,
    params: Params,
    armed: Option<Armed>,
    upgrade: hyper::upgrade::OnUpgrade,
) {
    // The client left during the upgrade.
    let Ok(upgraded) = upgrade.await else { return };
    let _open = state.sockets.up();
    let config = WebSocketConfig::default()
        .read_buffer_size(8 << 10)
        .write_buffer_size(8 << 10)
        .max_message_size(Some(16 << 20))
        .max_frame_size(Some(16 << 20));
    let websocket = WebSocketStream::from_raw_socket(TokioIo::new(upgraded), Role::Server, Some(config)).await;
    Session::new(state.clone(), link.clone(), socket, params, armed, websocket).run().await;
    state.log.add(link.id, Event::Gone { socket });
}

fn params(
    state: &State,
    query: &BTreeMap<String, String>,
    headers: &BTreeMap<String, String>,
    voice: &str,
    kind: Kind,
) -> Result<Params, ApiError> {
    let guesses = state.faults.guesses();
    let model = query.get("model_id").map_or("eleven_multilingual_v2", String::as_str);
    if model.starts_with("eleven_v3") || model.starts_with("eleven_v4") {
        return Err(ApiError::unsupported_model(model));
    }
    let name = query.get("output_format").map_or(Format::DEFAULT, String::as_str);
    let format = Format::parse(name).filter(|format| format.on_websocket());
    let format =
        format.ok_or_else(|| ApiError::invalid("output_format", format!("'{name}' is not supported here.")))?;
    let seconds = query.get("inactivity_timeout").map_or(Ok(20.0), |text| text.parse::<f64>());
    let seconds = seconds.ok().filter(|seconds| seconds.is_finite() && *seconds > 0.0);
    let seconds = seconds.ok_or_else(|| ApiError::invalid("inactivity_timeout", "Input should be a valid number"))?;
    if seconds > LONGEST_INACTIVITY.as_secs_f64() && guesses.long_inactivity_timeout_is_refused {
        return Err(ApiError::invalid("inactivity_timeout", "Input should be less than or equal to 180"));
    }
    if guesses.concurrency_is_checked_at_upgrade && state.generating.get() >= state.config.max_concurrent {
        return Err(ApiError::too_many_at_once(false).retry_after(guesses.retry_after));
    }
    let key = headers.get("xi-api-key").or_else(|| query.get("authorization"));
    let key = match key.map(|key| key.trim_start_matches("Bearer ")) {
        None => Key::Missing,
        Some(key) if state.knows_key(key) => Key::Good,
        Some(_) => Key::Wrong,
    };
    Ok(Params {
        kind,
        voice: voice.into(),
        format,
        auto_mode: query.get("auto_mode").is_some_and(|value| value == "true" || value == "True" || value == "1"),
        inactivity: Duration::from_secs_f64(seconds.min(LONGEST_INACTIVITY.as_secs_f64())),
        key,
    })
}
