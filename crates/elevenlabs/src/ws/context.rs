//! One utterance's place on a socket, and the queue of its sound.

use std::sync::Arc;

use tokio::sync::{OwnedSemaphorePermit, Semaphore, mpsc, watch};

use super::{
    connection::{Command, Shared},
    socket::Lost,
};
use crate::{
    aligned::Alignment,
    error::ElevenLabsError,
    protocol::{ClientMessage, ErrorMessage, Place},
};

/// Sound that may wait for its listener, in bytes: four minutes at 16 kHz. When it is full, the socket is read no further.
const QUEUE_BYTES: usize = 8 << 20;
/// Messages that may wait, so that many without sound cannot fill the memory either.
const QUEUE_MESSAGES: usize = 4096;

/// A message for an utterance.
#[derive(Debug, Default)]
pub(super) struct Sound {
    /// Bytes of the output format; may be empty.
    pub bytes: Vec<u8>,
    /// When each character of it is heard.
    pub alignment: Option<Alignment>,
    /// Whether it is the last.
    pub last: bool,
}

/// Why the service will not speak an utterance to its end, while others on the socket may go on.
#[derive(Debug)]
pub(super) enum Failed {
    /// It told so.
    Told(ErrorMessage),
    /// It sent nonsense.
    Nonsense(String),
}

pub(super) type Item = Result<Sound, Failed>;
type Queued = (Item, OwnedSemaphorePermit);

/// The end of the queue that is filled.
#[derive(Clone)]
pub(super) struct Queue {
    items: mpsc::Sender<Queued>,
    bytes: Arc<Semaphore>,
}

impl Queue {
    fn new() -> (Self, mpsc::Receiver<Queued>) {
        let (items, receiver) = mpsc::channel(QUEUE_MESSAGES);
        (Self { items, bytes: Arc::new(Semaphore::new(QUEUE_BYTES)) }, receiver)
    }

    /// Whether nobody listens any more.
    pub fn abandoned(&self) -> bool {
        self.items.is_closed()
    }

    /// Puts `item` in; gives it back when there is no room. Without a listener it is thrown away.
    pub fn offer(&self, item: Item) -> Option<Item> {
        if self.abandoned() {
            return None;
        }
        let Ok(permit) = Arc::clone(&self.bytes).try_acquire_many_owned(size(&item)) else {
            return Some(item);
        };
        match self.items.try_send((item, permit)) {
            Err(mpsc::error::TrySendError::Full((item, _))) => Some(item),
            Ok(()) | Err(mpsc::error::TrySendError::Closed(_)) => None,
        }
    }

    /// Waits until [`Self::offer`] has room for `item`, or nobody listens any more.
    pub async fn room(&self, item: &Item) {
        let room = async {
            let bytes = self.bytes.acquire_many(size(item)).await;
            let message = self.items.reserve().await;
            drop((bytes, message));
        };
        tokio::select! {
            () = room => {}
            () = self.items.closed() => {}
        }
    }
}

/// Bytes that an item takes in the queue. One that is larger than the queue takes all of it.
fn size(item: &Item) -> u32 {
    let bytes = item.as_ref().map_or(0, |sound| sound.bytes.len());
    u32::try_from(bytes.min(QUEUE_BYTES)).unwrap_or(u32::MAX)
}

/// An utterance on a socket. Dropping it ends it: the socket drops what still comes of it, tells the service, and gives the
/// place back when the service is done.
pub(super) struct Context {
    id: String,
    single: bool,
    commands: mpsc::Sender<Command>,
    sound: mpsc::Receiver<Queued>,
    shared: Arc<Shared>,
    lost: watch::Receiver<Option<Lost>>,
}

impl Context {
    pub fn new(
        id: String,
        single: bool,
        commands: mpsc::Sender<Command>,
        shared: Arc<Shared>,
        lost: watch::Receiver<Option<Lost>>,
    ) -> (Self, Queue) {
        let (queue, sound) = Queue::new();
        (Self { id, single, commands, sound, shared, lost }, queue)
    }

    /// A message for this place.
    pub fn encode(&self, message: ClientMessage<'_>) -> String {
        message.encode(if self.single { Place::Single } else { Place::Context(&self.id) })
    }

    /// Whether this is a socket of `/stream-input`.
    pub fn single(&self) -> bool {
        self.single
    }

    /// Sends messages. When the service is done with this utterance, or has been told [`Self::try_close`], they are not sent.
    pub async fn send(&self, messages: Vec<String>) -> Result<(), ElevenLabsError> {
        let command = Command::Say { id: self.id.clone(), messages, close: false };
        self.commands.send(command).await.map_err(|_| self.error())
    }

    /// Tells the service that there is no more text. `false` when that has to be tried again: the socket takes nothing now.
    pub fn try_close(&self) -> bool {
        let messages = vec![self.encode(ClientMessage::Close)];
        let command = Command::Say { id: self.id.clone(), messages, close: true };
        !matches!(self.commands.try_send(command), Err(mpsc::error::TrySendError::Full(_)))
    }

    /// Waits for the next message. Cancel safe.
    pub async fn next(&mut self) -> Result<Sound, ElevenLabsError> {
        match self.sound.recv().await {
            Some((Ok(sound), _)) => Ok(sound),
            Some((Err(Failed::Told(ErrorMessage { error, message })), _)) => {
                Err(ElevenLabsError::Frame { error, message })
            }
            Some((Err(Failed::Nonsense(what)), _)) => Err(ElevenLabsError::Protocol(what)),
            None => Err(self.error()),
        }
    }

    /// Why the queue ended: the socket is gone, or the service does not say that the utterance is over.
    pub fn error(&self) -> ElevenLabsError {
        match &*self.lost.borrow() {
            Some(lost) => lost.error(),
            None => ElevenLabsError::Timeout { what: "end of the utterance", after: self.shared.close_timeout },
        }
    }
}

impl Drop for Context {
    fn drop(&mut self) {
        self.sound.close();
        self.shared.abandoned.notify_one();
    }
}
