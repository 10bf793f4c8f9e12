//! `GET /ws/stt`: sound as it is spoken.
//!
//! The client sends binary messages of any size and at last `{"type":"end"}`; the messages of the service are in
//! [`super::messages`]. Whatever ends a stream, words that were recognised before are told first. When the service shuts
//! down, a stream ends at the speaker's next pause.

use std::{future::pending, sync::Arc, time::Duration};

use axum::{
    Extension,
    extract::{
        State,
        ws::{
            CloseFrame, Message, Utf8Bytes, WebSocket, WebSocketUpgrade, close_code,
            rejection::WebSocketUpgradeRejection,
        },
    },
    http::{StatusCode, Uri},
    response::Response,
};
use evervoice_core::service::{Problem, body, observe::RequestId};
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    messages::{ClientMessage, ServerMessage},
    query::SoundQuery,
};
use crate::{
    app::App,
    events::OpenStream,
    recognition::live::{Live, News},
};

/// Largest message, in bytes: 32 s of sound at 16 kHz. Sound comes as it is spoken, in far smaller ones.
const MAX_MESSAGE: usize = 1024 * 1024;
/// How long the client's answer to our closing is waited for.
const CLOSING: Duration = Duration::from_secs(1);
/// Part of the drain time after which a stream ends even if its speaker does not pause.
const DRAIN_SHARE: f64 = 0.8;

/// The handler. What is wrong with the request is an HTTP problem; what goes wrong later is a message.
pub async fn open(
    State(app): State<Arc<App>>,
    Extension(RequestId(id)): Extension<RequestId>,
    uri: Uri,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, Problem> {
    let SoundQuery { format, language, grammar, .. } = SoundQuery::parse(&uri)?.raw()?;
    app.recognition.check_language(&language)?;
    let upgrade = upgrade.map_err(|why| Problem::bad_request("websocket_expected", why.to_string()))?;
    let session = app.recognition.open(grammar).await?;
    let live = Live::new(session, format, app.config.stream.max_audio_duration)?;

    let held = app.lifecycle.hold();
    Ok(upgrade.max_message_size(MAX_MESSAGE).max_frame_size(MAX_MESSAGE).on_upgrade(async move |socket| {
        run(&app, socket, live, &id).await;
        drop(held);
    }))
}

async fn run(app: &App, socket: WebSocket, live: Live, id: &str) {
    let mut open = app.events.stream_opened(id);
    let patience = Duration::from_secs_f64(app.config.stream.idle_timeout);
    let mut client = Client { socket, patience };
    let ready = ServerMessage::Ready { language: app.recognition.language().to_owned(), request_id: id.to_owned() };
    // A client that is gone is told nothing; the log has it.
    let _: Result<(), Gone> = async {
        client.say(&ready).await?;
        talk(app, &mut client, live, &mut open, id).await
    }
    .await;
}

/// The client is gone, or does not read.
struct Gone;

/// Why a stream ends.
enum Why {
    /// The client has no more sound.
    End,
    /// The service shuts down.
    Stopping,
    /// Something went wrong.
    Problem(Problem),
}

async fn talk(app: &App, client: &mut Client, mut live: Live, open: &mut OpenStream, id: &str) -> Result<(), Gone> {
    let heard = listen(app, client, &mut live, open).await;
    let duration_seconds = live.seconds();
    open.sound_seconds = duration_seconds;
    let mut why = heard?;
    // After a mistake of ours the engine is of no more use; after one of the client's it has words that were said.
    if !matches!(&why, Why::Problem(problem) if problem.status.is_server_error()) {
        match live.finish().await {
            Ok((news, torn)) => {
                client.tell(news, open).await?;
                if let (Why::End, Some(torn)) = (&why, torn) {
                    why = Why::Problem(torn.into());
                }
            }
            Err(error) => why = Why::Problem(error.into()),
        }
    }
    match why {
        Why::End => {
            client.say(&ServerMessage::End { duration_seconds }).await?;
            open.complete();
            client.close(close_code::NORMAL, "").await;
        }
        Why::Stopping => {
            client.say(&ServerMessage::End { duration_seconds }).await?;
            open.complete();
            client.close(close_code::AWAY, "the service is shutting down").await;
        }
        Why::Problem(problem) => {
            open.failed(&problem);
            client.say(&ServerMessage::problem(&problem, id)).await?;
            let ours = problem.status.is_server_error();
            client.close(if ours { close_code::ERROR } else { close_code::POLICY }, &problem.code).await;
        }
    }
    Ok(())
}

/// Takes sound and tells words until the stream ends.
async fn listen(app: &App, client: &mut Client, live: &mut Live, open: &mut OpenStream) -> Result<Why, Gone> {
    let rest = Duration::from_secs_f64(app.config.server.drain_timeout * DRAIN_SHARE);
    let mut leave_by = None;
    loop {
        if leave_by.is_some() && !live.is_speaking() {
            return Ok(Why::Stopping);
        }
        let message = tokio::select! {
            () = app.lifecycle.stopping(), if leave_by.is_none() => {
                leave_by = Some(Instant::now() + rest);
                continue;
            }
            () = until(leave_by) => return Ok(Why::Stopping),
            message = timeout(client.patience, client.socket.recv()) => message,
        };
        let problem = match message {
            Ok(Some(Ok(Message::Binary(bytes)))) => recognize(client, live, &bytes, open).await?.err(),
            Ok(Some(Ok(Message::Text(text)))) => match body::json(text.as_bytes()) {
                Ok(ClientMessage::End {}) => return Ok(Why::End),
                Ok(ClientMessage::Drain {}) => {
                    leave_by.get_or_insert(Instant::now() + rest);
                    None
                }
                Err(problem) => Some(problem),
            },
            Ok(Some(Ok(Message::Ping(_) | Message::Pong(_)))) => None,
            Ok(Some(Ok(Message::Close(_))) | None) => return Err(Gone),
            Ok(Some(Err(_))) => {
                let detail = format!("the message cannot be read; one may have {MAX_MESSAGE} bytes");
                Some(Problem::bad_request("websocket_message_invalid", detail))
            }
            Err(_) => {
                let detail = format!("no message came for {} s", client.patience.as_secs_f64());
                Some(Problem::new(StatusCode::REQUEST_TIMEOUT, "idle_timeout", detail))
            }
        };
        if let Some(problem) = problem {
            return Ok(Why::Problem(problem));
        }
    }
}

async fn until(moment: Option<Instant>) {
    match moment {
        Some(moment) => sleep_until(moment).await,
        None => pending().await,
    }
}

/// Takes one message of sound. The outer error is a client that is gone, the inner one what is wrong.
async fn recognize(
    client: &mut Client,
    live: &mut Live,
    bytes: &[u8],
    open: &mut OpenStream,
) -> Result<Result<(), Problem>, Gone> {
    let fed = live.feed(bytes);
    while let Some(step) = live.step().await {
        match step {
            Ok(news) => client.tell(news, open).await?,
            Err(error) => return Ok(Err(error.into())),
        }
    }
    Ok(fed.map_err(Problem::from))
}

/// The other end of the stream.
struct Client {
    socket: WebSocket,
    /// Longest time without a message from it, and longest time that it may leave ours unread.
    patience: Duration,
}

impl Client {
    async fn tell(&mut self, news: Vec<News>, open: &mut OpenStream) -> Result<(), Gone> {
        for item in news {
            let message = match item {
                News::Partial(text) => ServerMessage::Partial { text },
                News::Final(said) => {
                    open.finals += 1;
                    ServerMessage::Final { text: said.text, segments: said.segments }
                }
            };
            self.say(&message).await?;
        }
        Ok(())
    }

    async fn say(&mut self, message: &ServerMessage) -> Result<(), Gone> {
        let text = serde_json::to_string(message).map_err(|_| Gone)?;
        self.send(Message::Text(text.into())).await
    }

    async fn send(&mut self, message: Message) -> Result<(), Gone> {
        match timeout(self.patience, self.socket.send(message)).await {
            Ok(Ok(())) => Ok(()),
            _ => Err(Gone),
        }
    }

    /// Closes and waits a moment for the client to do so too, reading on: a connection that is dropped while the client
    /// still sends is reset, and the client may lose our last messages.
    async fn close(&mut self, code: u16, reason: &str) {
        let frame = CloseFrame { code, reason: Utf8Bytes::from(reason) };
        if self.send(Message::Close(Some(frame))).await.is_ok() {
            let _ = timeout(CLOSING, async { while let Some(Ok(_)) = self.socket.recv().await {} }).await;
        }
    }
}
