//! What runs behind a socket: reads it all the time, also when nobody uses it, and hands sound to whom it belongs.

use std::sync::{Arc, atomic::Ordering::Relaxed};

use evervoice_core::pool::Slot;
use tokio::{
    io::{AsyncRead, AsyncWrite},
    sync::{mpsc, oneshot, watch},
    time::{Instant, sleep_until},
};
use tokio_tungstenite::tungstenite::Message;

use super::{
    connection::{Command, Shared},
    context::{Failed, Item, Queue, Sound},
    socket::{Lost, Socket, Step},
};
use crate::{
    api_key::ApiKey,
    events::Events,
    protocol::{CLOSE_SOCKET, ClientMessage, Place, ServerMessage},
};

/// An utterance that the service is not done with.
struct Entry {
    id: String,
    queue: Queue,
    slot: Slot,
    /// Whether the service knows that no more text comes.
    closed: bool,
    /// When the service must have said something. Set once nobody listens; a listener has limits of its own.
    due: Option<Instant>,
}

/// The task of one socket.
pub(super) struct Task<S> {
    socket: Socket<S>,
    single: bool,
    commands: mpsc::Receiver<Command>,
    shared: Arc<Shared>,
    lost: watch::Sender<Option<Lost>>,
    entries: Vec<Entry>,
    /// What its queue had no room for. Until it has, the socket is not read: sound is never dropped.
    stuck: Option<(Queue, Item)>,
    pings: Vec<oneshot::Sender<()>>,
    /// When text was last sent, from which the service counts how long the socket is idle.
    said: Instant,
}

impl<S: AsyncRead + AsyncWrite + Send + Unpin + 'static> Task<S> {
    pub fn new(
        socket: Socket<S>,
        single: bool,
        commands: mpsc::Receiver<Command>,
        shared: Arc<Shared>,
        lost: watch::Sender<Option<Lost>>,
    ) -> Self {
        Self {
            socket,
            single,
            commands,
            shared,
            lost,
            entries: vec![],
            stuck: None,
            pings: vec![],
            said: Instant::now(),
        }
    }

    /// Serves the socket until it is lost or closed.
    pub async fn run(mut self, key: ApiKey, events: Events) {
        let lost = loop {
            if let Err(lost) = self.next().await {
                break lost.without(&key);
            }
        };
        events.ws_closed(self.shared.number, lost.by(), &lost.to_string());
        if matches!(lost, Lost::ByUs) && !self.single {
            let _ = self.socket.write(Message::text(CLOSE_SOCKET));
        }
        // First the reason, then the ends of the queues: whoever sees the end looks for the reason.
        self.lost.send_replace(Some(lost));
        self.entries.clear();
        self.stuck = None;
        self.pings.clear();
        self.socket.close().await;
    }

    /// Waits for one thing to happen and deals with it.
    async fn next(&mut self) -> Result<(), Lost> {
        self.end_abandoned()?;
        let due = match self.entries.is_empty() {
            true => Some(self.said + self.shared.longest_idle),
            false => self.entries.iter().filter_map(|entry| entry.due).min(),
        };
        let unsent = self.socket.unsent();
        tokio::select! {
            () = room(self.stuck.as_ref()) => self.unstick(),
            step = self.socket.step(self.stuck.is_none()) => match step? {
                Step::Flushed => {}
                Step::Message(message) => self.received(message)?,
            },
            command = self.commands.recv(), if !unsent => self.command(command.unwrap_or(Command::Close))?,
            () = self.shared.abandoned.notified() => {}
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() && self.stuck.is_none() => self.give_up()?,
        }
        Ok(())
    }

    fn unstick(&mut self) {
        if let Some((queue, item)) = self.stuck.take() {
            self.stuck = queue.offer(item).map(|item| (queue, item));
        }
        // While nothing was read, nobody could say anything.
        let due = self.due();
        for entry in self.entries.iter_mut().filter(|entry| entry.due.is_some()) {
            entry.due = Some(due);
        }
    }

    fn command(&mut self, command: Command) -> Result<(), Lost> {
        match command {
            Command::Open { queue, .. } if queue.abandoned() => {}
            Command::Open { id, queue, slot, messages } => {
                self.entries.push(Entry { id, queue, slot, closed: false, due: None });
                self.write(messages)?;
            }
            Command::Say { id, messages, close } => {
                // A message for a context that the service has ended would open it again, and nobody would close it.
                if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id && !entry.closed) {
                    entry.closed = close;
                    self.write(messages)?;
                }
            }
            // It is alive: it has sent more than is taken.
            Command::Ping(answer) if self.stuck.is_some() => drop(answer.send(())),
            Command::Ping(answer) => {
                self.pings.push(answer);
                self.socket.write(Message::Ping("alive?".into()))?;
            }
            Command::Close => return Err(Lost::ByUs),
        }
        Ok(())
    }

    fn write(&mut self, messages: Vec<String>) -> Result<(), Lost> {
        self.said = Instant::now();
        messages.into_iter().try_for_each(|message| self.socket.write(Message::text(message)))
    }

    fn received(&mut self, message: Message) -> Result<(), Lost> {
        for answer in self.pings.drain(..) {
            let _ = answer.send(());
        }
        let message = match &message {
            Message::Text(text) => ServerMessage::parse(text.as_bytes()),
            Message::Binary(bytes) => ServerMessage::parse(bytes),
            _ => return Ok(()),
        };
        // Whose sound it was nobody knows, so everyone may have lost some.
        let message = message.map_err(|error| Lost::Nonsense(error.to_string()))?;
        let entry = match &message.context {
            _ if self.single => self.entries.first(),
            Some(id) => self.entries.iter().find(|entry| entry.id == *id),
            None if message.audio.is_some() => return Err(Lost::Nonsense("sound of no context".to_owned())),
            None => None,
        };
        if let Some(told) = message.error {
            match entry {
                Some(entry) if !self.single => {
                    let id = entry.id.clone();
                    self.deliver(&id, Err(Failed::Told(told)));
                    self.entry(&id).into_iter().for_each(|entry| entry.closed = true);
                }
                _ => return Err(Lost::Told(told)),
            }
            return Ok(());
        }
        // What comes of an utterance that was ended is of no use to anyone.
        let Some(id) = entry.map(|entry| entry.id.clone()) else { return Ok(()) };
        let bytes = match message.audio.transpose() {
            Ok(bytes) => bytes.unwrap_or_default(),
            Err(bad) => {
                self.deliver(&id, Err(Failed::Nonsense(bad.to_string())));
                return Ok(());
            }
        };
        if !bytes.is_empty() {
            self.shared.proven.store(true, Relaxed);
        }
        let last = message.is_final;
        self.deliver(&id, Ok(Sound { bytes, alignment: message.alignment, last }));
        if last {
            self.entries.retain(|entry| entry.id != id);
        }
        Ok(())
    }

    fn entry(&mut self, id: &str) -> Option<&mut Entry> {
        self.entries.iter_mut().find(|entry| entry.id == id)
    }

    fn deliver(&mut self, id: &str, item: Item) {
        let due = self.due();
        if let Some(entry) = self.entry(id) {
            entry.due = entry.due.map(|_| due);
            let queue = entry.queue.clone();
            self.stuck = queue.offer(item).map(|item| (queue, item));
        }
    }

    /// Tells the service about utterances whose listener has gone. There is no way to stop what it makes already.
    fn end_abandoned(&mut self) -> Result<(), Lost> {
        if self.single {
            // Nobody else is on the socket; the pool closes it when the place is free.
            self.entries.retain(|entry| !entry.queue.abandoned());
            return Ok(());
        }
        let due = self.due();
        for entry in self.entries.iter_mut().filter(|entry| entry.due.is_none() && entry.queue.abandoned()) {
            entry.due = Some(due);
            if std::mem::replace(&mut entry.closed, true) {
                continue;
            }
            self.socket.write(Message::text(ClientMessage::Close.encode(Place::Context(&entry.id))))?;
        }
        Ok(())
    }

    /// Gives up utterances of which the service does not say that they are over: it may still count them, so the socket gets
    /// no new ones. Gives up an idle socket before the service does. The pool does so earlier, but it counts from the end of an
    /// utterance, and the service from its text.
    fn give_up(&mut self) -> Result<(), Lost> {
        if self.entries.is_empty() {
            return Err(Lost::ByUs);
        }
        let now = Instant::now();
        for entry in self.entries.extract_if(.., |entry| entry.due.is_some_and(|due| due <= now)) {
            entry.slot.spoil();
        }
        Ok(())
    }

    fn due(&self) -> Instant {
        Instant::now() + self.shared.close_timeout
    }
}

/// Waits until what is stuck can go on.
async fn room(stuck: Option<&(Queue, Item)>) {
    match stuck {
        Some((queue, item)) => queue.room(item).await,
        None => std::future::pending().await,
    }
}
