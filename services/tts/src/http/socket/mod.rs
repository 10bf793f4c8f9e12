//! `GET /ws/tts`: several utterances over one WebSocket.
//!
//! The client sends texts, the server answers each with a `start` message, binary messages of whole samples, and `end`,
//! `cancelled` or `problem`. Utterances are spoken in the order in which they came. Messages: `evervoice_core::api`.

use std::{collections::VecDeque, pin::Pin, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{
        State,
        ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code, rejection::WebSocketUpgradeRejection},
    },
    http::StatusCode,
    response::Response,
};
use evervoice_core::{
    api::{SpeakBody, TtsCommand, TtsEvent},
    audio::OutputFormat,
    service::{Problem, body, observe::RequestId},
    tts::{SpeechRequest, TtsError},
};
use futures_util::{SinkExt, StreamExt, stream::SplitSink};
use serde_json::{Value, json};
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until, timeout},
};

use super::{Context, check};
use crate::speech::Utterance;

/// Messages made ahead of a client that reads slowly.
const AHEAD: usize = 4;

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
    let upgrade = upgrade.max_message_size(limit).max_frame_size(limit);
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
        let _ = talk.sender.send(Message::Close(Some(CloseFrame { code, reason: reason.into() }))).await;
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

/// The client has gone.
struct Gone;

/// What is said on one socket.
struct Talk<'a> {
    context: &'a Context,
    request_id: &'a str,
    sender: mpsc::Sender<Message>,
    queue: VecDeque<Waiting>,
    beginning: Option<Beginning>,
    current: Option<Current>,
    /// Utterances so far, for names of those that the client does not name.
    count: u64,
}

struct Waiting {
    id: String,
    request: SpeechRequest,
    format: OutputFormat,
}

/// Between its request and its first sound.
struct Beginning {
    id: String,
    begun: Pin<Box<dyn Future<Output = Result<Utterance, TtsError>> + Send>>,
}

struct Current {
    id: String,
    utterance: Utterance,
    bytes: u64,
}

impl<'a> Talk<'a> {
    fn new(context: &'a Context, request_id: &'a str, sender: mpsc::Sender<Message>) -> Self {
        Self { context, request_id, sender, queue: VecDeque::new(), beginning: None, current: None, count: 0 }
    }

    fn has_work(&self) -> bool {
        self.current.is_some() || self.beginning.is_some() || !self.queue.is_empty()
    }

    /// The next step of what is being said. Can be dropped and called again without losing sound.
    async fn go_on(&mut self) -> Result<(), Gone> {
        let place = self.sender.clone().reserve_owned().await.map_err(|_| Gone)?;
        let Some(current) = &mut self.current else { return self.begin(place).await };
        match current.utterance.next().await {
            Some(Ok(bytes)) => {
                current.bytes += bytes.len() as u64;
                place.send(Message::Binary(bytes));
            }
            Some(Err(error)) => {
                let id = std::mem::take(&mut current.id);
                self.current = None;
                place.send(problem_message(Some(&id), &error.into(), self.request_id));
            }
            None => {
                let (id, audio_ms, bytes) =
                    (std::mem::take(&mut current.id), current.utterance.audio_ms(), current.bytes);
                self.current = None;
                place.send(event_message(&TtsEvent::End { id, audio_ms, bytes }));
            }
        }
        Ok(())
    }

    /// Begins the utterance that has waited longest.
    async fn begin(&mut self, place: mpsc::OwnedPermit<Message>) -> Result<(), Gone> {
        if self.beginning.is_none()
            && let Some(Waiting { id, request, format }) = self.queue.pop_front()
        {
            let (speech, request_id) = (Arc::clone(&self.context.speech), self.request_id.to_owned());
            let begun = Box::pin(async move { speech.speak(request, format, &request_id).await });
            self.beginning = Some(Beginning { id, begun });
        }
        let Some(beginning) = &mut self.beginning else { return Ok(()) };
        let begun = (&mut beginning.begun).await;
        let id = self.beginning.take().map(|beginning| beginning.id).unwrap_or_default();
        match begun {
            Ok(utterance) => {
                let audio = utterance.format.audio();
                place.send(event_message(&TtsEvent::Start {
                    id: id.clone(),
                    format: utterance.format.name().to_owned(),
                    encoding: audio.encoding.name().to_owned(),
                    sample_rate: audio.sample_rate,
                    channels: audio.channels,
                    provider: utterance.provider.to_owned(),
                }));
                self.current = Some(Current { id, utterance, bytes: 0 });
            }
            Err(error) => {
                place.send(problem_message(Some(&id), &error.into(), self.request_id));
            }
        }
        Ok(())
    }

    async fn command(&mut self, text: &str) -> Result<(), Gone> {
        match parse(text) {
            Ok(TtsCommand::Speak { id, body }) => self.enqueue(id, body).await,
            Ok(TtsCommand::Cancel { id }) => self.cancel(id).await,
            Err((id, problem)) => self.problem(id.as_deref(), &problem).await,
        }
    }

    async fn enqueue(&mut self, id: Option<String>, body: SpeakBody) -> Result<(), Gone> {
        self.count += 1;
        let id = id.unwrap_or_else(|| self.count.to_string());
        let limit = self.context.settings.speech.socket_queue;
        let checked = match check(body, self.context.speech.limits()) {
            _ if self.context.lifecycle.is_stopping() => Err(shutting_down()),
            Ok((_, OutputFormat::Wav)) => {
                let what = "a WebSocket streams raw sound; POST /api/tts/wav gives WAV";
                Err(Problem::unprocessable("unknown_format", what))
            }
            Ok(_) if self.queue.len() >= limit => {
                Err(TtsError::Overloaded { retry_after: Duration::from_secs(1) }.into())
            }
            Ok((request, format)) => Ok(Waiting { id: id.clone(), request, format }),
            Err(problem) => Err(problem),
        };
        match checked {
            Ok(waiting) => {
                self.queue.push_back(waiting);
                Ok(())
            }
            Err(problem) => self.problem(Some(&id), &problem).await,
        }
    }

    async fn cancel(&mut self, id: Option<String>) -> Result<(), Gone> {
        let wanted = |candidate: &str| id.as_deref().is_none_or(|id| id == candidate);
        let mut cancelled = Vec::new();
        if self.current.as_ref().is_some_and(|current| wanted(&current.id)) {
            cancelled.extend(self.current.take().map(|Current { id, utterance, bytes }| TtsEvent::Cancelled {
                id,
                audio_ms: utterance.audio_ms(),
                bytes,
            }));
        }
        if self.beginning.as_ref().is_some_and(|beginning| wanted(&beginning.id)) {
            let silent = |Beginning { id, .. }| TtsEvent::Cancelled { id, audio_ms: 0, bytes: 0 };
            cancelled.extend(self.beginning.take().map(silent));
        }
        self.queue.retain(|waiting| {
            let stays = !wanted(&waiting.id);
            if !stays {
                cancelled.push(TtsEvent::Cancelled { id: waiting.id.clone(), audio_ms: 0, bytes: 0 });
            }
            stays
        });
        if cancelled.is_empty() {
            let what = "nothing of this name is being said, or waits to be";
            return self.problem(id.as_deref(), &Problem::unprocessable("nothing_to_cancel", what)).await;
        }
        for event in cancelled {
            self.sender.send(event_message(&event)).await.map_err(|_| Gone)?;
        }
        Ok(())
    }

    async fn problem(&mut self, id: Option<&str>, problem: &Problem) -> Result<(), Gone> {
        self.sender.send(problem_message(id, problem, self.request_id)).await.map_err(|_| Gone)
    }
}

fn shutting_down() -> Problem {
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "shutting_down", "the service is shutting down")
}

/// A command, or the problem with it and the `id` it was sent under.
fn parse(text: &str) -> Result<TtsCommand, (Option<String>, Problem)> {
    let mut value: Value = body::json(text.as_bytes()).map_err(|problem| (None, problem))?;
    let Some(object) = value.as_object_mut() else {
        return Err((None, Problem::unprocessable("invalid_field", "a message is a JSON object")));
    };
    let id = match object.remove("id") {
        None | Some(Value::Null) => None,
        Some(Value::String(id)) => Some(id),
        Some(_) => return Err((None, Problem::unprocessable("invalid_field", "`id` must be a string"))),
    };
    let kind = object.remove("type").unwrap_or_else(|| json!("speak"));
    let command = match kind.as_str() {
        Some("speak") => serde_json::from_value(value).map(|body| TtsCommand::Speak { id: id.clone(), body }),
        Some("cancel") if object.is_empty() => Ok(TtsCommand::Cancel { id: id.clone() }),
        Some("cancel") => {
            return Err((id, Problem::unprocessable("invalid_field", "cancel has no other field than `id`")));
        }
        _ => {
            let what = format!("type {kind} is not known; known are \"speak\" and \"cancel\"");
            return Err((id, Problem::unprocessable("invalid_field", what)));
        }
    };
    command.map_err(|error| (id, Problem::unprocessable("invalid_field", error.to_string())))
}

fn event_message(event: &TtsEvent) -> Message {
    Message::Text(serde_json::to_string(event).unwrap_or_default().into())
}

fn problem_message(id: Option<&str>, problem: &Problem, request_id: &str) -> Message {
    let mut body = serde_json::to_value(problem.body(request_id)).unwrap_or_default();
    if let Some(members) = body.as_object_mut() {
        // The member `type` names the message here, as in every other; the kind of problem is its `code`.
        members.insert("type".to_owned(), json!("problem"));
        members.insert("id".to_owned(), json!(id));
    }
    Message::Text(body.to_string().into())
}
