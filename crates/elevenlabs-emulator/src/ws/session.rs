//! A WebSocket from its upgrade to its end: messages in, frames out, timers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::context::{Context, Step};
use super::ending::End;
use super::frames::ErrorFrame;
use super::{Key, Kind, Params};
use crate::Clock;
use crate::faults::{Armed, Fault};
use crate::log::Event;
use crate::net::Link;
use crate::state::{Counted, State};

/// How many contexts a socket may have.
const MOST_CONTEXTS: usize = 5;

pub(super) struct Session {
    pub(super) state: Arc<State>,
    pub(super) link: Arc<Link>,
    pub(super) socket: u64,
    pub(super) params: Params,
    /// A fault of the socket as a whole.
    pub(super) armed: Option<Armed>,
    pub(super) websocket: WebSocketStream<TokioIo<Upgraded>>,
    /// On `/stream-input` the only one has an empty name.
    pub(super) contexts: BTreeMap<String, Context>,
    pub(super) key_is_good: bool,
    /// The client wants the socket closed as soon as its contexts are.
    pub(super) close_when_done: bool,
    pub(super) connected: Duration,
    pub(super) last_input: Duration,
    /// When the close is sent, and which.
    pub(super) closing: Option<(Duration, CloseFrame)>,
    pub(super) generating: Option<Counted>,
}

/// What the session does next.
enum Turn {
    Received(Option<Result<Message, Error>>),
    /// The context of this name has something to send.
    Sound(String),
    Timer,
}

impl Session {
    pub(super) fn new(
        state: Arc<State>,
        link: Arc<Link>,
        socket: u64,
        params: Params,
        armed: Option<Armed>,
        websocket: WebSocketStream<TokioIo<Upgraded>>,
    ) -> Self {
        let connected = state.config.clock.now();
        Self {
            key_is_good: params.key == Key::Good,
            contexts: BTreeMap::new(),
            close_when_done: false,
            connected,
            last_input: connected,
            closing: None,
            generating: None,
            state,
            link,
            socket,
            params,
            armed,
            websocket,
        }
    }

    pub(super) async fn run(mut self) {
        let wrong = self.params.key == Key::Wrong || self.is_armed(Fault::WsInvalidKey);
        if wrong && self.end(End::Error(ErrorFrame::wrong_key())).await.is_err() {
            return;
        }
        loop {
            let turn = self.turn().await;
            let result = match turn {
                Turn::Received(None) | Turn::Received(Some(Err(_))) => return,
                Turn::Received(Some(Ok(message))) => self.receive(message),
                Turn::Sound(context) => self.sound(&context).await,
                Turn::Timer => self.timer().await,
            };
            if let Err(end) = result
                && self.end(end).await.is_err()
            {
                return;
            }
        }
    }

    async fn turn(&mut self) -> Turn {
        let sound = match self.closing {
            Some(_) => None,
            None => {
                let due = |(name, context): (&String, &Context)| Some((context.due(&self.state)?, name.clone()));
                self.contexts.iter().filter_map(due).min()
            }
        };
        let timer = self.next_timer();
        let (real, clock) = (&self.state.real, &self.state.config.clock);
        tokio::select! {
            message = self.websocket.next() => Turn::Received(message),
            () = sleep_until(real, sound.as_ref().map(|(due, _)| *due)) => {
                Turn::Sound(sound.map(|(_, name)| name).unwrap_or_default())
            }
            () = sleep_until(clock, timer) => Turn::Timer,
        }
    }

    pub(super) fn is_armed(&self, fault: Fault) -> bool {
        self.armed.as_ref().is_some_and(|armed| armed.fault == fault)
    }

    fn receive(&mut self, message: Message) -> Result<(), End> {
        let (id, socket) = (self.link.id, self.socket);
        let log = |event| self.state.log.add(id, event);
        let json = match message {
            Message::Text(text) => {
                serde_json::from_str(text.as_str()).unwrap_or_else(|_| Value::String(text.as_str().into()))
            }
            Message::Binary(bytes) => Value::String(String::from_utf8_lossy(&bytes).into_owned()),
            Message::Ping(_) => {
                log(Event::Ping { socket });
                if self.state.faults.guesses().pings_are_input {
                    self.last_input = self.state.config.clock.now();
                }
                return Ok(());
            }
            Message::Close(frame) => {
                log(Event::Close { socket, code: frame.map(|frame| frame.code.into()) });
                return Ok(());
            }
            Message::Pong(_) | Message::Frame(_) => return Ok(()),
        };
        log(Event::Frame { socket, json: json.clone() });
        if self.closing.is_some() {
            return Ok(());
        }
        self.last_input = self.state.config.clock.now();
        self.message(&json)?;
        self.count()
    }

    /// Takes or gives back the place for generation.
    pub(super) fn count(&mut self) -> Result<(), End> {
        let generates = self.contexts.values().any(Context::is_generating);
        if !generates {
            self.generating = None;
        } else if self.generating.is_none() {
            self.generating = self.state.generating.up_to(self.state.config.max_concurrent);
            if self.generating.is_none() {
                return Err(End::Error(ErrorFrame::too_many_at_once()));
            }
        }
        Ok(())
    }

    async fn sound(&mut self, name: &str) -> Result<(), End> {
        let Some(context) = self.contexts.get_mut(name) else { return Ok(()) };
        match context.step(&self.state) {
            Step::Frame(frame) => self.websocket.send(Message::text(frame)).await?,
            Step::Idle => {}
            Step::Break(armed) => return Err(self.break_off(armed.fault)),
            Step::Last(frame) => {
                let late = context.armed.take_if(|armed| armed.fault == Fault::WsLateAudio).map(|_| context.late());
                self.contexts.remove(name);
                self.websocket.send(Message::text(frame)).await?;
                if let Some(late) = late {
                    self.websocket.send(Message::text(late)).await?;
                }
                if self.close_when_done && self.contexts.is_empty() {
                    return Err(End::Close(1000, ""));
                }
                if self.params.kind == Kind::Single {
                    self.close_later(self.state.config.close_delay, 1000, "");
                }
            }
        }
        self.count()
    }

    pub(super) fn open_context(&mut self, name: &str, first: &Value) -> Result<&mut Context, End> {
        if self.contexts.len() >= MOST_CONTEXTS {
            return Err(End::Error(ErrorFrame::too_many_contexts(MOST_CONTEXTS)));
        }
        let id = (self.params.kind == Kind::Multi).then(|| name.to_owned());
        let context = Context::new(&self.state, &self.params, id, first);
        Ok(self.contexts.entry(name.to_owned()).or_insert(context))
    }
}

async fn sleep_until(clock: &Clock, due: Option<Duration>) {
    match due {
        Some(due) => clock.sleep_until(due).await,
        None => std::future::pending().await,
    }
}
