//! A WebSocket of a client joined to a WebSocket of a service.
//!
//! Each direction passes messages one at a time: a side that takes nothing stops what flows to it, and only that; nothing
//! piles up here. The service has the last word: it answers a close of the client, and when it is lost, or hangs (`watch`), the
//! client is told. A client that breaks off without a close breaks off there too: its conversation may go on over another
//! connection.

use std::{
    net::SocketAddr,
    pin::pin,
    sync::atomic::{AtomicU64, Ordering},
    time::Duration,
};

use axum::extract::ws::{self, WebSocket};
use evervoice_core::service::{BoxError, Lifecycle, Problem, observe::REQUEST_ID, problem::ProblemBody};
use futures_util::{
    FutureExt, SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use tokio::{
    net::TcpStream,
    time::{Instant, sleep_until, timeout},
};
use tokio_tungstenite::{
    WebSocketStream, client_async_with_config,
    tungstenite::{
        self, Message,
        client::IntoClientRequest,
        protocol::{CloseFrame, WebSocketConfig, frame::coding::CloseCode},
    },
};

use crate::{upstream::Upstream, watch};

/// Greatest message, in bytes. The services have smaller limits of their own.
pub const MAX_MESSAGE: usize = 4 << 20;

/// Bytes to read messages into, for each side; a longer message takes more while it is read. The library's own size, 128 KiB,
/// would be held by every silent socket.
pub const READ_BUFFER: usize = 8 * 1024;

/// When the gateway stops, a WebSocket on which nothing has passed either way for so long is closed. One that speaks or
/// listens never is that quiet: a text that is spoken as it is written may pause for 20 s (`speech.text_timeout`).
const QUIET: Duration = Duration::from_secs(22);

/// How long the other side gets to take a farewell, and to answer a close.
const FAREWELL: Duration = Duration::from_secs(1);

type Service = WebSocketStream<TcpStream>;

/// Opens a WebSocket to a service.
///
/// # Errors
/// The service's own problem when it refuses the upgrade; 502 or 504 when it is not there.
pub async fn connect(upstream: &Upstream, path: &str, query: Option<&str>, id: &str) -> Result<Service, Problem> {
    let url = upstream.url(path, query);
    let stream = match timeout(upstream.connect_timeout(), TcpStream::connect(watch::address(&url))).await {
        Ok(Ok(stream)) => stream,
        Ok(Err(error)) => return Err(upstream.failed("upstream_unreachable", id, &error)),
        Err(late) => return Err(upstream.failed("upstream_unreachable", id, &late)),
    };
    let opened = upstream.wait(stream.peer_addr().ok(), async {
        stream.set_nodelay(true)?;
        watch::keep_alive(&stream)?;
        let mut request = format!("ws{}", url.as_str().trim_start_matches("http")).into_client_request()?;
        if let Ok(id) = id.parse() {
            request.headers_mut().insert(REQUEST_ID, id);
        }
        let limits = WebSocketConfig::default().max_message_size(Some(MAX_MESSAGE)).max_frame_size(Some(MAX_MESSAGE));
        let limits = limits.read_buffer_size(READ_BUFFER);
        client_async_with_config(request, stream, Some(limits)).await
    });
    match opened.await {
        Ok(Ok((socket, _))) => Ok(socket),
        Ok(Err(tungstenite::Error::Http(answer))) => Err(refused(upstream, &answer, id)),
        Ok(Err(error)) => Err(upstream.failed("upstream_broken", id, &error)),
        Err(silence) => Err(upstream.failed(silence.code(), id, &silence)),
    }
}

/// Hands on the problem with which the service refused.
fn refused(upstream: &Upstream, answer: &tungstenite::http::Response<Option<Vec<u8>>>, id: &str) -> Problem {
    let body = answer.body().as_deref().unwrap_or_default();
    let mut problem = match (serde_json::from_slice::<ProblemBody>(body), answer.status()) {
        (Ok(problem), status) => Problem::new(status, problem.code, problem.detail),
        (Err(error), _) => return upstream.failed("upstream_broken", id, &error),
    };
    let retry_after = answer.headers().get("retry-after").and_then(|value| value.to_str().ok()?.parse().ok());
    problem.retry_after = retry_after.map(Duration::from_secs);
    problem
}

/// When the last message passed, either way.
struct Activity {
    began: Instant,
    /// ms after `began`.
    last: AtomicU64,
}

impl Activity {
    fn new() -> Self {
        Self { began: Instant::now(), last: AtomicU64::new(0) }
    }

    fn note(&self) {
        let ms = u64::try_from(self.began.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last.store(ms, Ordering::Relaxed);
    }

    fn last(&self) -> Instant {
        self.began + Duration::from_millis(self.last.load(Ordering::Relaxed))
    }
}

/// How the service's side ended.
enum End {
    /// By a close message, which has been handed on.
    Closed,
    /// Without one: a code and what happened.
    Lost(&'static str, BoxError),
    /// The client takes nothing any more, or broke off.
    ClientGone,
    /// The client sent what is no message, or its connection broke.
    Wrong(String),
    /// The gateway stops, and nobody says anything.
    Quiet,
}

/// Passes messages until the service's side has ended.
///
/// `drain` is what tells the service that the gateway stops, in the service's own words.
pub async fn run(
    client: WebSocket,
    service: Service,
    upstream: &Upstream,
    drain: &'static str,
    lifecycle: &Lifecycle,
    request_id: &str,
) {
    let peer = service.get_ref().peer_addr().ok();
    let ((mut to_client, mut from_client), (mut to_service, mut from_service)) = (client.split(), service.split());
    let activity = Activity::new();
    let end = {
        let up = async {
            let drain = async {
                lifecycle.stopping().await;
                Message::Text(drain.into())
            };
            match upward(&mut from_client, &mut to_service, &activity, drain).await {
                // What the service still has to say is said.
                Said::All => std::future::pending().await,
                Said::BrokeOff => End::ClientGone,
                Said::Wrong(error) => End::Wrong(error),
            }
        };
        let quiet = async {
            lifecycle.stopping().await;
            while activity.last().elapsed() < QUIET {
                sleep_until(activity.last() + QUIET).await;
            }
        };
        tokio::select! {
            end = downward(upstream, peer, &mut from_service, &mut to_client, &activity) => end,
            end = up => end,
            () = quiet => End::Quiet,
        }
    };
    if matches!(end, End::ClientGone) {
        return;
    }
    let last_words = async {
        match end {
            End::Closed | End::ClientGone => {}
            End::Wrong(error) => {
                // It may have broken off: the service learns at once.
                drop((to_service, from_service));
                let _ = to_client.send(close(ws::close_code::POLICY, &error)).await;
            }
            End::Lost(code, error) => {
                let problem = upstream.failed(code, request_id, &*error);
                let _ = to_client.send(lost(&problem, request_id)).await;
                let _ = to_client.send(close(ws::close_code::ERROR, code)).await;
            }
            End::Quiet => {
                let reason = "the service is shutting down";
                let frame = CloseFrame { code: CloseCode::Away, reason: reason.into() };
                let _ = to_service.send(Message::Close(Some(frame))).await;
                let _ = to_client.send(close(ws::close_code::AWAY, reason)).await;
            }
        }
    };
    // A client that takes nothing would hold the drain.
    if timeout(FAREWELL, last_words).await.is_err() {
        return;
    }
    // A connection that is dropped while the client still sends is reset, and it may never see the last message.
    let farewell = async {
        let _ = to_client.flush().await;
        while let Some(Ok(_)) = from_client.next().await {}
    };
    let _ = timeout(FAREWELL, farewell).await;
}

/// What the client said last.
enum Said {
    /// It has closed, or the service takes no more.
    All,
    /// It broke off without a close: nobody hears what the service still has to say.
    BrokeOff,
    /// What cannot be read: it is too large, not UTF-8, or its connection broke within.
    Wrong(String),
}

/// Passes what the client says, and once `drain`.
async fn upward(
    from: &mut SplitStream<WebSocket>,
    to: &mut SplitSink<Service, Message>,
    activity: &Activity,
    drain: impl Future<Output = Message>,
) -> Said {
    let mut drain = pin!(drain.fuse());
    loop {
        let message = tokio::select! {
            message = from.next() => match message {
                Some(Ok(message)) => {
                    activity.note();
                    to_service(message)
                }
                Some(Err(error)) => return Said::Wrong(error.to_string()),
                None => return Said::BrokeOff,
            },
            drain = &mut drain => Some(drain),
        };
        let Some(message) = message else { continue };
        let is_close = message.is_close();
        if to.send(message).await.is_err() || is_close {
            return Said::All;
        }
    }
}

/// Passes what the service says until it has closed or is lost, or the client takes no more.
async fn downward(
    upstream: &Upstream,
    peer: Option<SocketAddr>,
    from: &mut SplitStream<Service>,
    to: &mut SplitSink<WebSocket, ws::Message>,
    activity: &Activity,
) -> End {
    loop {
        let message = match upstream.wait_for_message(peer, from.next()).await {
            Ok(Some(Ok(message))) => message,
            Ok(Some(Err(error))) => return End::Lost("upstream_broken", error.into()),
            Ok(None) => return End::Lost("upstream_broken", tungstenite::Error::ConnectionClosed.into()),
            Err(silence) => return End::Lost(silence.code(), silence.into()),
        };
        activity.note();
        let Some(message) = to_client(message) else { continue };
        let is_close = matches!(message, ws::Message::Close(_));
        match to.send(message).await {
            // The close that answers the client's own has nowhere to go but the socket's buffer.
            _ if is_close => return End::Closed,
            Ok(()) => {}
            Err(_) => return End::ClientGone,
        }
    }
}

/// Tells a client that the service is gone: never a clean end of a cut sentence.
fn lost(problem: &Problem, request_id: &str) -> ws::Message {
    let mut body = serde_json::to_value(problem.body(request_id)).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        members.insert("type".to_owned(), "problem".into());
    }
    ws::Message::Text(body.to_string().into())
}

fn close(code: ws::CloseCode, reason: &str) -> ws::Message {
    // The protocol allows 123 bytes.
    let reason: String = reason.chars().take(120).filter(char::is_ascii).collect();
    ws::Message::Close(Some(ws::CloseFrame { code, reason: reason.into() }))
}

/// Pings and pongs stay on their own connection.
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
