//! `GET /ws/tts`: several utterances over one WebSocket.
//!
//! The client sends texts, whole or in pieces, the server answers each with a `start` message, binary messages of whole
//! samples, and `end`, `cancelled` or `problem`. Utterances are spoken in the order in which they came.
//!
//! - here: the life of the socket
//! - `talk`: what is said on it, and what waits
//! - `messages`: text messages, read and written; their types are in `evervoice_core::api`

mod messages;
mod talk;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    response::Response,
};
use evervoice_core::service::{Problem, observe::RequestId};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use self::talk::Talk;
use super::Context;

/// Messages made ahead of a client that reads slowly.
const AHEAD: usize = 4;

/// Bytes to read messages into, for each socket; a longer message takes more while it is read. The library's own size is
/// 128 KiB, which a thousand silent sockets would hold for nothing.
const READ_BUFFER: usize = 8 * 1024;

/// Answers the upgrade and speaks until the client has gone.
pub async fn upgrade(
    State(context): State<Arc<Context>>,
    Extension(id): Extension<RequestId>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| Problem::bad_request("websocket_expected", error.body_text()))?;
    let limit = context.body_limit();
    let place = context.sockets.clone().try_acquire_owned().map_err(|_| {
        let what = format!("{} WebSockets are open, all that are allowed", context.settings.speech.max_sockets);
        let full = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", what);
        full.retry_after(Duration::from_secs(1))
    })?;
    let held = context.lifecycle.hold();
    let upgrade = upgrade.max_message_size(limit).max_frame_size(limit).read_buffer_size(READ_BUFFER);
    Ok(upgrade.on_upgrade(async move |socket| {
        serve(socket, context, id.0).await;
        drop((held, place));
    }))
}

async fn serve(socket: WebSocket, context: Arc<Context>, request_id: String) {
    let (sink, mut incoming) = socket.split();
    let (sender, receiver) = mpsc::channel(AHEAD);
    let stall = Duration::from_secs_f64(context.settings.speech.client_stall_timeout);
    // Writing has a task of its own, so that a `cancel` is heard while the client takes no sound.
    let writer = tokio::spawn(write(sink, receiver, stall));
    let mut talk = Talk::new(&context, &request_id, sender);
    let idle = Duration::from_secs_f64(context.settings.speech.socket_idle_timeout);
    // A ping keeps a connection alive, not a conversation.
    let mut silent_since = Instant::now();
    let close = loop {
        if talk.has_work() {
            silent_since = Instant::now();
        }
        let step = tokio::select! {
            message = incoming.next() => match message {
                Some(Ok(Message::Text(text))) => talk.command(&text).await,
                Some(Ok(Message::Binary(_))) => talk.problem(None, &binary_refused()).await,
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => Ok(()),
                Some(Ok(Message::Close(_))) | None => break None,
                // Too large, not UTF-8, or broken: the protocol cannot go on.
                Some(Err(error)) => break Some((close_code::POLICY, error.to_string())),
            },
            step = talk.go_on(), if talk.has_work() => step,
            () = context.lifecycle.stopping(), if !talk.has_work() => {
                break Some((close_code::AWAY, "the service is shutting down".to_owned()));
            }
            () = sleep_until(silent_since + idle), if !talk.has_work() => {
                break Some((close_code::NORMAL, "nothing was said for too long".to_owned()));
            }
        };
        if step.is_err() {
            break None;
        }
    };
    if let Some((code, reason)) = close {
        // The protocol allows 123 bytes.
        let reason: String = reason.chars().take(120).filter(char::is_ascii).collect();
        talk.close(CloseFrame { code, reason: reason.into() }).await;
    }
    drop(talk);
    let _ = writer.await;
}

fn binary_refused() -> Problem {
    Problem::bad_request("text_message_expected", "a client sends text messages (JSON) only")
}

/// Writes until the other end is gone, or takes nothing for too long.
async fn write(mut sink: SplitSink<WebSocket, Message>, mut messages: mpsc::Receiver<Message>, stall: Duration) {
    while let Some(message) = messages.recv().await {
        if !matches!(timeout(stall, sink.send(message)).await, Ok(Ok(()))) {
            return;
        }
    }
    let _ = timeout(stall, sink.close()).await;
}
