//! `GET /ws/tts`: a conversation over one WebSocket, or over several when connections break. `PROTOCOL.md` is its manual.
//!
//! - here: the life of a connection
//! - `talk`: the conversation: what is said, what waits, what is to be told; `commands`: what the client says
//! - `script`: an utterance as its text; `queue`: those that wait; `sounding`: one that is sent and played
//! - `pace`: frames, and when they leave; `guard`: when the caller interrupts
//! - `options`: what `config` says; `resume`: conversations whose connection broke
//! - `messages`: text messages, read and written; their types are in `evervoice_core::api`

mod commands;
mod guard;
mod messages;
mod options;
mod pace;
mod queue;
mod resume;
mod script;
mod sounding;
mod talk;

use std::{sync::Arc, time::Duration};

use axum::{
    Extension, Json,
    extract::{
        Query, State,
        rejection::QueryRejection,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    response::Response,
};
use evervoice_core::{
    api::tts_schema,
    service::{Problem, observe::RequestId},
};
use futures_util::{
    SinkExt, StreamExt,
    stream::{SplitSink, SplitStream},
};
use serde::Deserialize;
use serde_json::Value;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep, sleep_until, timeout},
};
use tokio_util::task::task_tracker::TaskTrackerToken;

pub use self::resume::Conversations;
use self::{
    messages::problem_message,
    resume::{Claim, Kept, keep},
    talk::Talk,
};
use super::Context;

/// Messages that have left the conversation and wait to be written: few, so that an interruption is told at once.
const AHEAD: usize = 1;

/// Bytes to read messages into, for each socket; a longer message takes more while it is read. The library's own size is
/// 128 KiB, which a thousand silent sockets would hold for nothing.
const READ_BUFFER: usize = 8 * 1024;

/// Query of a conversation that goes on.
#[derive(Deserialize)]
pub struct Resume {
    /// Token of the conversation.
    resume: Option<String>,
    /// Number of the last phrase of the present utterance that the client has heard whole, -1 for none.
    after: Option<i64>,
    /// The utterance that the client means by that.
    id: Option<String>,
}

/// `GET /api/schema/ws-tts`: JSON Schema of the messages.
pub async fn schema() -> Json<Value> {
    Json(tts_schema())
}

/// Answers the upgrade and speaks until the client has gone.
pub async fn upgrade(
    State(context): State<Arc<Context>>,
    Extension(id): Extension<RequestId>,
    query: Result<Query<Resume>, QueryRejection>,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let upgrade = upgrade.map_err(|error| Problem::bad_request("websocket_expected", error.body_text()))?;
    let Query(query) = query.map_err(|error| Problem::unprocessable("invalid_field", error.body_text()))?;
    let limit = context.body_limit();
    let upgrade = upgrade.max_message_size(limit).max_frame_size(limit).read_buffer_size(READ_BUFFER);
    let RequestId(id) = id;
    if let Some(token) = query.resume.clone() {
        if !context.conversations.knows(&token) {
            context.speech.events().resumed(&id, "unknown");
            return Err(resume_expired());
        }
        let held = context.lifecycle.hold();
        return Ok(upgrade.on_upgrade(async move |socket| resume(socket, context, id, &token, query, held).await));
    }
    let place = context.sockets.clone().try_acquire_owned().map_err(|_| {
        context.speech.events().rejected(&id);
        let what = format!("{} WebSockets are open, all that are allowed", context.settings.speech.max_sockets);
        let full = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "overloaded", what);
        full.retry_after(Duration::from_secs(1))
    })?;
    let held = context.lifecycle.hold();
    Ok(upgrade.on_upgrade(async move |socket| {
        let seat = context.conversations.seat();
        let talk = Talk::new(Arc::clone(&context), id, seat.token.clone());
        serve(socket, context, Kept { talk, seat, place }, held).await;
    }))
}

fn resume_expired() -> Problem {
    let what = "there is no such conversation, or not any more; begin a new one without `resume`";
    Problem::new(StatusCode::GONE, "resume_expired", what)
}

/// Takes a conversation up again. It is claimed only now: an upgrade that fails does not lose it.
async fn resume(
    mut socket: WebSocket,
    context: Arc<Context>,
    request_id: String,
    token: &str,
    query: Resume,
    held: TaskTrackerToken,
) {
    let Some(mut kept) = context.conversations.claim(token).await else {
        context.speech.events().resumed(&request_id, "expired");
        let farewell = async {
            let _ = socket.send(problem_message(None, &resume_expired(), &request_id)).await;
            let _ = socket.send(Message::Close(Some(close(close_code::POLICY, "resume_expired")))).await;
        };
        let _ = timeout(stall(&context), farewell).await;
        return;
    };
    context.speech.events().resumed(&request_id, "resumed");
    kept.talk.resume(request_id, query.after, query.id.as_deref());
    serve(socket, context, kept, held).await;
}

fn stall(context: &Context) -> Duration {
    Duration::from_secs_f64(context.settings.speech.client_stall_timeout)
}

/// How a connection ends.
enum End {
    /// The client has said so.
    Closed,
    /// We say so.
    Close(u16, String),
    /// It broke, or does not speak the protocol.
    Broken(Option<String>),
    /// The conversation goes on elsewhere.
    Claimed(Claim),
}

async fn serve(socket: WebSocket, context: Arc<Context>, kept: Kept, held: TaskTrackerToken) {
    let Kept { mut talk, mut seat, place } = kept;
    let (sink, mut incoming) = socket.split();
    let (sender, receiver) = mpsc::channel(AHEAD);
    // Writing has a task of its own, so that a `cancel` is heard while the client takes no sound.
    let writer = tokio::spawn(write(sink, receiver, stall(&context)));
    let end = tokio::select! {
        end = converse(&mut talk, &mut incoming, &sender, &context) => end,
        claim = seat.claimed() => End::Claimed(claim),
    };
    match end {
        End::Closed => drop((talk, seat, place)),
        End::Close(code, reason) => {
            drop((talk, seat, place));
            let _ = sender.send(Message::Close(Some(close(code, &reason)))).await;
        }
        End::Claimed(claim) => {
            talk.park();
            // A claimer that has gone meanwhile loses the conversation, as a client that closes it does.
            let _ = claim.send(Kept { talk, seat, place });
            let _ =
                sender.try_send(Message::Close(Some(close(close_code::NORMAL, "the conversation goes on elsewhere"))));
        }
        End::Broken(error) => {
            if let Some(error) = error {
                let _ = sender.try_send(Message::Close(Some(close(close_code::POLICY, &error))));
            }
            drop(sender);
            if talk.can_be_kept() {
                talk.park();
                drop(held);
                let gone = async {
                    let _ = writer.await;
                    // With both halves the connection ends: its client learns that it broke, and can take the conversation up.
                    drop(incoming);
                };
                // Both wait for what may never come.
                tokio::join!(gone, keep(Kept { talk, seat, place }, over(&context)));
                return;
            }
            drop((talk, seat, place));
            let _ = writer.await;
            return;
        }
    }
    drop(sender);
    let _ = writer.await;
}

/// Until a conversation without a connection is given up.
async fn over(context: &Context) {
    tokio::select! {
        () = sleep(Duration::from_secs_f64(context.settings.speech.resume_timeout)) => {}
        () = context.lifecycle.stopping() => {}
    }
}

/// Hears the client and tells it what is to be told, until one of them ends it.
async fn converse(
    talk: &mut Talk,
    incoming: &mut SplitStream<WebSocket>,
    sender: &mpsc::Sender<Message>,
    context: &Context,
) -> End {
    let idle = Duration::from_secs_f64(context.settings.speech.socket_idle_timeout);
    // A ping keeps a connection alive, not a conversation.
    let mut silent_since = Instant::now();
    let life = talk.life.clone();
    loop {
        if talk.has_work() {
            silent_since = Instant::now();
        }
        let mark = talk.mark_due();
        // Who still listens is not idle.
        let quiet_since = talk.heard_until().map_or(silent_since, |dry| dry.max(silent_since));
        tokio::select! {
            place = sender.reserve(), if talk.has_message() => match place {
                Ok(place) => talk.tell_next(place),
                Err(_) => return End::Broken(None),
            },
            message = incoming.next(), if !talk.is_full() => match message {
                Some(Ok(Message::Text(text))) => talk.command(&text),
                Some(Ok(Message::Binary(sound))) => talk.caller(&sound),
                Some(Ok(Message::Ping(_) | Message::Pong(_))) => {}
                Some(Ok(Message::Close(_))) => return End::Closed,
                None => return End::Broken(None),
                // Too large, not UTF-8, or broken: the protocol cannot go on.
                Some(Err(error)) => return End::Broken(Some(error.to_string())),
            },
            () = sleep_until(mark.unwrap_or(silent_since)), if mark.is_some() => talk.mark(),
            step = talk.go_on(sender), if talk.has_work() && !talk.has_message() => {
                if step.is_err() {
                    return End::Broken(None);
                }
            }
            () = life.stopping(), if !talk.has_work() => {
                return End::Close(close_code::AWAY, "the service is shutting down".to_owned());
            }
            () = sleep_until(quiet_since + idle), if !talk.has_work() => {
                return End::Close(close_code::NORMAL, "nothing was said for too long".to_owned());
            }
        }
    }
}

fn close(code: u16, reason: &str) -> CloseFrame {
    // The protocol allows 123 bytes.
    let reason: String = reason.chars().take(120).filter(char::is_ascii).collect();
    CloseFrame { code, reason: reason.into() }
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
