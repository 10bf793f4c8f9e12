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
    /// `None` when it was full: that utterance has failed.
    queue: Option<Queue>,
    slot: Slot,
    /// Whether the service knows that no more text comes.
    closed: bool,
    /// When the service must have said something. Set once nobody listens; a listener has limits of its own.
    due: Option<Instant>,
}

impl Entry {
    /// Whether nobody listens any more.
    fn abandoned(&self) -> bool {
        self.queue.as_ref().is_none_or(Queue::abandoned)
    }
}

/// The task of one socket. It never waits for a listener: all others would wait with it.
pub(super) struct Task<S> {
    socket: Socket<S>,
    single: bool,
    commands: mpsc::Receiver<Command>,
    shared: Arc<Shared>,
    lost: watch::Sender<Option<Lost>>,
    entries: Vec<Entry>,
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
        Self { socket, single, commands, shared, lost, entries: vec![], pings: vec![], said: Instant::now() }
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
        self.pings.clear();
        // Whoever still wants something hears of it now, not when the closing handshake is over.
        self.commands.close();
        while self.commands.try_recv().is_ok() {}
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
            step = self.socket.step() => match step? {
                Step::Flushed => {}
                Step::Message(message) => self.received(message)?,
            },
            command = self.commands.recv(), if !unsent => self.command(command.unwrap_or(Command::Close))?,
            () = self.shared.abandoned.notified() => {}
            () = sleep_until(due.unwrap_or_else(Instant::now)), if due.is_some() => self.give_up()?,
        }
        Ok(())
    }

    fn command(&mut self, command: Command) -> Result<(), Lost> {
        match command {
            Command::Open { queue, .. } if queue.abandoned() => {}
            Command::Open { id, queue, slot, messages } => {
                self.entries.push(Entry { id, queue: Some(queue), slot, closed: false, due: None });
                self.write(messages)?;
            }
            Command::Say { id, messages, close } => {
                // A message for a context that the service has ended would open it again, and nobody would close it.
                if let Some(entry) = self.entries.iter_mut().find(|entry| entry.id == id && !entry.closed) {
                    entry.closed = close;
                    self.write(messages)?;
                }
            }
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
                _ if self.single || message.context.is_none() => return Err(Lost::Told(told)),
                // Of an utterance that is over; the others go on.
                _ => {}
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
            entry.queue.take_if(|queue| !queue.offer(item));
        }
    }

    /// Tells the service about utterances whose listener has gone. There is no way to stop what it makes already.
    fn end_abandoned(&mut self) -> Result<(), Lost> {
        if self.single {
            // Nobody else is on the socket; the pool closes it when the place is free.
            self.entries.retain(|entry| !entry.abandoned());
            return Ok(());
        }
        let due = self.due();
        for entry in self.entries.iter_mut().filter(|entry| entry.due.is_none() && entry.abandoned()) {
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
