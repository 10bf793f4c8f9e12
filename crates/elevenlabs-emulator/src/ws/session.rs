//! A WebSocket from its upgrade to its end: messages in, frames out, timers.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use futures_util::{SinkExt, StreamExt};
use hyper::upgrade::Upgraded;
use hyper_util::rt::TokioIo;
use serde_json::Value;
use tokio::io::AsyncReadExt;
use tokio_tungstenite::WebSocketStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use tokio_tungstenite::tungstenite::{Error, Message};

use super::context::{Context, Step};
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
    link: Arc<Link>,
    socket: u64,
    pub(super) params: Params,
    /// A fault of the socket as a whole.
    armed: Option<Armed>,
    websocket: WebSocketStream<TokioIo<Upgraded>>,
    /// On `/stream-input` the only one has an empty name.
    pub(super) contexts: BTreeMap<String, Context>,
    pub(super) key_is_good: bool,
    /// The client wants the socket closed as soon as its contexts are.
    pub(super) close_when_done: bool,
    connected: Duration,
    last_input: Duration,
    /// When the close is sent, and which.
    closing: Option<(Duration, CloseFrame)>,
    generating: Option<Counted>,
}

/// Why a session goes no further.
pub(super) enum End {
    /// The connection is gone, or is to go without any further word.
    Gone,
    /// An error is told, and the socket closed.
    Error(ErrorFrame),
    /// The socket is closed with this code.
    Close(u16, &'static str),
    /// The socket stays open, and nothing happens on it any more.
    HalfOpen,
}

impl From<Error> for End {
    fn from(_: Error) -> Self {
        Self::Gone
    }
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
        if self.params.key == Key::Wrong || self.is_armed(Fault::WsInvalidKey) {
            if self.end(End::Error(ErrorFrame::wrong_key())).await.is_err() {
                return;
            }
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
    fn count(&mut self) -> Result<(), End> {
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

    fn break_off(&self, fault: Fault) -> End {
        match fault {
            Fault::WsReset => {
                self.link.reset();
                End::Gone
            }
            Fault::WsInternalError => End::Close(1011, "Internal server error"),
            Fault::WsEarlyClose => End::Close(1000, ""),
            Fault::WsHalfOpen => End::HalfOpen,
            Fault::WsSomethingWrong => End::Error(ErrorFrame::something_wrong()),
            Fault::WsQuotaExceeded => End::Error(ErrorFrame::quota_exceeded()),
            Fault::WsUnusualActivity => End::Error(ErrorFrame::unusual_activity()),
            Fault::WsInputTimeout => End::Error(ErrorFrame::input_timeout(self.params.inactivity.as_secs_f64())),
            Fault::WsTooManyAtOnce => End::Error(ErrorFrame::too_many_at_once()),
            _ => End::Gone,
        }
    }

    /// The time of the next timer, on the clock of the configuration.
    fn next_timer(&self) -> Option<Duration> {
        if let Some((due, _)) = &self.closing {
            return Some(*due);
        }
        let session = self.state.faults.guesses().longest_session_seconds;
        let session = session.map(|seconds| self.connected + Duration::from_secs_f64(seconds.max(0.0)));
        let contexts = self.contexts.values().filter(|context| !context.ending);
        let contexts = contexts.map(|context| context.last_input + self.params.inactivity);
        [self.input_due(), self.idle_fault_due(), session].into_iter().flatten().chain(contexts).min()
    }

    /// When input is overdue: never, once all the input was announced to have ended and its sound is still coming.
    fn input_due(&self) -> Option<Duration> {
        let draining = self.contexts.values().any(|context| context.ending && context.is_generating());
        let ended = self.params.kind == Kind::Single && self.contexts.values().any(|context| context.ending);
        (!draining && !ended).then_some(self.last_input + self.params.inactivity)
    }

    fn idle_fault_due(&self) -> Option<Duration> {
        let armed = self.armed.as_ref().filter(|_| self.contexts.is_empty())?;
        matches!(armed.fault, Fault::WsIdleClose | Fault::WsIdleReset | Fault::WsIdleHalfOpen)
            .then(|| self.connected + armed.trigger.delay_or(Duration::from_secs(1)))
    }

    async fn timer(&mut self) -> Result<(), End> {
        let now = self.state.config.clock.now();
        if let Some((due, frame)) = self.closing.take() {
            if due <= now {
                self.say_goodbye(frame).await;
                return Err(End::Gone);
            }
            self.closing = Some((due, frame));
            return Ok(());
        }
        if self.idle_fault_due().is_some_and(|due| due <= now) {
            return Err(match self.armed.take().map(|armed| armed.fault) {
                Some(Fault::WsIdleClose) => End::Close(1000, ""),
                Some(Fault::WsIdleHalfOpen) => End::HalfOpen,
                _ => {
                    self.link.reset();
                    End::Gone
                }
            });
        }
        if self.input_due().is_some_and(|due| due <= now) {
            return Err(End::Error(ErrorFrame::input_timeout(self.params.inactivity.as_secs_f64())));
        }
        let longest = self.state.faults.guesses().longest_session_seconds;
        if longest.is_some_and(|seconds| self.connected + Duration::from_secs_f64(seconds.max(0.0)) <= now) {
            return Err(End::Close(1000, ""));
        }
        let inactivity = self.params.inactivity;
        for context in self.contexts.values_mut().filter(|context| context.last_input + inactivity <= now) {
            context.end(&self.state);
        }
        self.count()
    }

    /// Ends the session in the given way. An error means that there is nothing left to wait for.
    async fn end(&mut self, end: End) -> Result<(), End> {
        self.generating = None;
        match end {
            End::Gone => return Err(End::Gone),
            End::Close(code, reason) => {
                self.say_goodbye(close_frame(code, reason)).await;
                return Err(End::Gone);
            }
            End::HalfOpen => {
                self.contexts.clear();
                self.swallow().await;
                return Err(End::Gone);
            }
            End::Error(error) => {
                self.contexts.clear();
                self.websocket.send(Message::text(error.frame())).await?;
                self.close_later(self.state.config.error_close_delay, 1008, &error.reason());
            }
        }
        Ok(())
    }

    fn close_later(&mut self, delay: Duration, code: u16, reason: &str) {
        self.closing = Some((self.state.config.clock.now() + delay, close_frame(code, reason)));
    }

    /// Closes, and waits for the answer.
    async fn say_goodbye(&mut self, frame: CloseFrame) {
        const PATIENCE: Duration = Duration::from_secs(5);
        self.contexts.clear();
        if self.websocket.close(Some(frame)).await.is_err() {
            return;
        }
        let patience = self.state.real.sleep(PATIENCE);
        tokio::select! {
            () = async { while let Some(Ok(_)) = self.websocket.next().await {} } => {}
            () = patience => {}
        }
    }

    /// Reads bytes and does nothing with them, until the client gives up.
    async fn swallow(&mut self) {
        let mut space = [0; 4096];
        let stream = self.websocket.get_mut();
        while stream.read(&mut space).await.is_ok_and(|read| read > 0) {}
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

fn close_frame(code: u16, reason: &str) -> CloseFrame {
    CloseFrame { code: CloseCode::from(code), reason: reason.into() }
}

async fn sleep_until(clock: &Clock, due: Option<Duration>) {
    match due {
        Some(due) => clock.sleep_until(due).await,
        None => std::future::pending().await,
    }
}
