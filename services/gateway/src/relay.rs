//! A WebSocket of a client joined to a WebSocket of a service.
//!
//! Messages pass both ways one at a time: a side that takes nothing stops the other one, and nothing piles up here.

use std::time::Duration;

use axum::{
    extract::ws::{self, WebSocket},
    http::StatusCode,
};
use evervoice_core::service::{Lifecycle, Problem, observe::REQUEST_ID, problem::ProblemBody};
use futures_util::{Sink, SinkExt, StreamExt};
use tokio::{net::TcpStream, time::timeout};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::upstream::Upstream;

/// Greatest message, in bytes. The services have smaller limits of their own.
pub const MAX_MESSAGE: usize = 4 << 20;

/// When the gateway stops, a WebSocket on which nothing has passed for so long is closed.
const QUIET: Duration = Duration::from_secs(1);

type Service = WebSocketStream<TcpStream>;

/// Opens a WebSocket to a service.
///
/// # Errors
/// The service's own problem when it refuses the upgrade; 502 or 504 when it is not there.
pub async fn connect(upstream: &Upstream, path: &str, query: Option<&str>, id: &str) -> Result<Service, Problem> {
    let url = upstream.url(path, query);
    let address = format!("{}:{}", url.host_str().unwrap_or_default(), url.port_or_known_default().unwrap_or(80));
    let opened = timeout(upstream.patience(), async {
        let stream = TcpStream::connect(&address).await?;
        stream.set_nodelay(true)?;
        let mut request = format!("ws{}", url.as_str().trim_start_matches("http")).into_client_request()?;
        if let Ok(id) = id.parse() {
            request.headers_mut().insert(REQUEST_ID, id);
        }
        let limits = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        client_async_with_config(request, stream, Some(limits)).await
    });
    match opened.await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(tungstenite::Error::Http(answer))) => Err(refused(upstream, &answer, id)),
        Ok(Err(error @ tungstenite::Error::Io(_))) => Err(upstream.failed("upstream_unreachable", id, &error)),
        Ok(Err(error)) => Err(upstream.failed("upstream_broken", id, &error)),
        Err(late) => Err(upstream.failed("upstream_timeout", id, &late)),
    }
}

/// Hands on the problem with which the service refused.
fn refused(upstream: &Upstream, answer: &tungstenite::http::Response<Option<Vec<u8>>>, id: &str) -> Problem {
    let body = answer.body().as_deref().unwrap_or_default();
    match (serde_json::from_slice::<ProblemBody>(body), StatusCode::from_u16(answer.status().as_u16())) {
        (Ok(problem), Ok(status)) => Problem::new(status, problem.code, problem.detail),
        (Err(error), _) => upstream.failed("upstream_broken", id, &error),
        (_, Err(error)) => upstream.failed("upstream_broken", id, &error),
    }
}

/// Passes messages until one side closes.
pub async fn run(mut client: WebSocket, mut service: Service, lifecycle: &Lifecycle, request_id: &str) {
    let (mut from_client, mut from_service) = (Direction::Open, Direction::Open);
    loop {
        let quiet = async {
            lifecycle.stopping().await;
            tokio::time::sleep(QUIET).await;
        };
        tokio::select! {
            message = client.next(), if from_client == Direction::Open => {
                from_client = pass(message.map(|message| message.map(to_service)), &mut service).await;
                match from_client {
                    Direction::Open => {}
                    // The service answers a close with a close; the client is not there to see more.
                    Direction::Closed | Direction::Lost => return drop(service.close(None).await),
                }
            }
            message = service.next(), if from_service == Direction::Open => {
                from_service = pass(message.map(|message| message.map(to_client)), &mut client).await;
                match from_service {
                    Direction::Open => {}
                    Direction::Closed => return,
                    Direction::Lost => return lost(client, request_id).await,
                }
            }
            () = quiet => {
                let frame = CloseFrame { code: CloseCode::Away, reason: "the service is shutting down".into() };
                let _ = service.close(Some(frame)).await;
                let frame = ws::CloseFrame { code: ws::close_code::AWAY, reason: "the service is shutting down".into() };
                let _ = client.send(ws::Message::Close(Some(frame))).await;
                return;
            }
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Open,
    /// Ended by a close message, which has been handed on.
    Closed,
    /// Ended without one.
    Lost,
}

/// A message that can be handed on, and whether it is the last.
trait Passing {
    fn is_last(&self) -> bool;
}

impl Passing for Message {
    fn is_last(&self) -> bool {
        self.is_close()
    }
}

impl Passing for ws::Message {
    fn is_last(&self) -> bool {
        matches!(self, Self::Close(_))
    }
}

async fn pass<M: Passing, E, S>(message: Option<Result<Option<M>, E>>, to: &mut S) -> Direction
where
    S: Sink<M> + Unpin,
{
    match message {
        Some(Ok(Some(message))) => {
            let last = message.is_last();
            match to.send(message).await {
                Ok(()) if !last => Direction::Open,
                _ => Direction::Closed,
            }
        }
        // Pings and pongs stay on their own connection.
        Some(Ok(None)) => Direction::Open,
        Some(Err(_)) | None => Direction::Lost,
    }
}

/// Tells a client that the service is gone: never a clean end of a cut sentence.
async fn lost(mut client: WebSocket, request_id: &str) {
    let problem = Problem::new(StatusCode::BAD_GATEWAY, "upstream_broken", "the service behind the gateway broke off");
    let mut body = serde_json::to_value(problem.body(request_id)).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.insert("type".to_owned(), "problem".into());
    }
    let _ = client.send(ws::Message::Text(body.to_string().into())).await;
    let frame = ws::CloseFrame { code: ws::close_code::ERROR, reason: "upstream_broken".into() };
    let _ = client.send(ws::Message::Close(Some(frame))).await;
}

fn to_service(message: ws::Message) -> Option<Message> {
    match message {
        ws::Message::Text(text) => Some(Message::Text(text.as_str().into())),
        ws::Message::Binary(bytes) => Some(Message::Binary(bytes)),
        ws::Message::Close(frame) => Some(Message::Close(
            frame.map(|frame| CloseFrame { code: frame.code.into(), reason: frame.reason.as_str().into() }),
        )),
        ws::Message::Ping(_) | ws::Message::Pong(_) => None,
    }
}

fn to_client(message: Message) -> Option<ws::Message> {
    match message {
        Message::Text(text) => Some(ws::Message::Text(text.as_str().into())),
        Message::Binary(bytes) => Some(ws::Message::Binary(bytes)),
        Message::Close(frame) => Some(ws::Message::Close(
            frame.map(|frame| ws::CloseFrame { code: frame.code.into(), reason: frame.reason.as_str().into() }),
        )),
        Message::Ping(_) | Message::Pong(_) | Message::Frame(_) => None,
    }
}
