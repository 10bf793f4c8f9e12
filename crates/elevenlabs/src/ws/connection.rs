//! A socket as its users and the pool see it. Behind it is a task that reads all the time.

use std::{
    num::NonZeroUsize,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering::Relaxed},
    },
    time::Duration,
};

use async_trait::async_trait;
use evervoice_core::pool::{Capacity, Closed, Connection, Slot};
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{Notify, mpsc, oneshot, watch},
};

use super::{
    context::{Context, Queue},
    socket::{Lost, Socket},
    task::Task,
};
use crate::{api_key::ApiKey, config::WsEndpoint, error::ElevenLabsError, events::Events};

/// Contexts on one socket. The service allows five, and counts one that was told to close until it is closed.
const CONTEXTS: NonZeroUsize = NonZeroUsize::new(4).expect("four");
/// Commands that may wait for the socket.
const COMMANDS: usize = 64;

/// What a socket is asked to do.
pub(super) enum Command {
    /// Begin an utterance.
    Open { id: String, queue: Queue, slot: Slot, messages: Vec<String> },
    /// Send messages of an utterance, of which the last may be its [`Close`](crate::protocol::ClientMessage::Close).
    Say { id: String, messages: Vec<String>, close: bool },
    /// Ask for a sign of life.
    Ping(oneshot::Sender<()>),
    /// End the socket.
    Close,
}

/// What a socket's task and its users share.
pub(super) struct Shared {
    /// The number of the socket in logs.
    pub number: u64,
    /// Told when a user may have gone.
    pub abandoned: Notify,
    /// Whether sound has come.
    pub proven: AtomicBool,
    /// How long the service may take to end an utterance after it was told to.
    pub close_timeout: Duration,
    /// How long the socket may be without text.
    pub longest_idle: Duration,
    /// How much may wait for the listener of each utterance, in bytes.
    pub room: usize,
}

/// What a new socket has to be told.
pub(super) struct Options {
    pub number: u64,
    pub endpoint: WsEndpoint,
    pub key: ApiKey,
    pub close_timeout: Duration,
    pub longest_idle: Duration,
    pub room: usize,
    pub events: Events,
}

/// An open socket.
pub struct WsConnection {
    single: bool,
    commands: mpsc::Sender<Command>,
    shared: Arc<Shared>,
    lost: watch::Receiver<Option<Lost>>,
    contexts: AtomicU64,
    events: Events,
}

impl WsConnection {
    /// Starts the task of a connection whose upgrade is done.
    pub(super) async fn start<S>(stream: S, options: Options) -> Self
    where
        S: AsyncRead + AsyncWrite + Send + Unpin + 'static,
    {
        let Options { number, endpoint, key, close_timeout, longest_idle, room, events } = options;
        let single = endpoint == WsEndpoint::Single;
        let (commands, receiver) = mpsc::channel(COMMANDS);
        let (sender, lost) = watch::channel(None);
        let (abandoned, proven) = (Notify::new(), AtomicBool::new(false));
        let shared = Arc::new(Shared { number, abandoned, proven, close_timeout, longest_idle, room });
        let task = Task::new(Socket::new(stream).await, single, receiver, Arc::clone(&shared), sender);
        tokio::spawn(task.run(key, events.clone()));
        Self { single, commands, shared, lost, contexts: AtomicU64::new(1), events }
    }

    /// Begins an utterance with the messages that `first` makes for it. The place is given back when the service is done.
    pub(super) async fn open(
        &self,
        slot: Slot,
        first: impl FnOnce(&Context) -> Vec<String>,
    ) -> Result<Context, ElevenLabsError> {
        let id = self.contexts.fetch_add(1, Relaxed).to_string();
        let (context, queue) =
            Context::new(id.clone(), self.single, self.commands.clone(), Arc::clone(&self.shared), self.lost.clone());
        let messages = first(&context);
        self.commands.send(Command::Open { id, queue, slot, messages }).await.map_err(|_| context.error())?;
        Ok(context)
    }

    fn lost(&self) -> Closed {
        self.lost.borrow().as_ref().unwrap_or(&Lost::ByUs).closed()
    }
}

#[async_trait]
impl Connection for WsConnection {
    fn capacity(&self) -> Capacity {
        if self.single { Capacity::Once } else { Capacity::Shared(CONTEXTS) }
    }

    async fn closed(&self) -> Closed {
        let mut lost = self.lost.clone();
        // An error means that the task is gone, which it told before.
        let _ = lost.wait_for(Option::is_some).await;
        self.lost()
    }

    fn proven(&self) -> bool {
        self.shared.proven.load(Relaxed)
    }

    async fn ping(&self) -> Result<(), Closed> {
        self.events.ws_keepalive_ping(self.shared.number);
        let (answer, answered) = oneshot::channel();
        self.commands.send(Command::Ping(answer)).await.map_err(|_| self.lost())?;
        answered.await.map_err(|_| self.lost())
    }

    async fn close(&self) {
        let _ = self.commands.send(Command::Close).await;
        // The task drops its end when it is over, which is later than the reason is told.
        let mut lost = self.lost.clone();
        while lost.changed().await.is_ok() {}
    }
}
