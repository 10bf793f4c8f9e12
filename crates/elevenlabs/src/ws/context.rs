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
    format::{Codec, OutputFormat},
    protocol::{ClientMessage, ErrorMessage, Place},
};

/// Sound that may wait for its listener, in seconds.
const QUEUE_SECONDS: usize = 600;
/// What the alignments of a second may take besides its sound, in bytes.
const ALIGNED_SECOND: usize = 2 << 10;
/// Room for sound of which nobody knows how long it is, in bytes.
const QUEUE_UNKNOWN: usize = 20 << 20;
/// What a message takes besides its contents, in bytes. So many without sound cannot fill the memory either.
const MESSAGE: usize = 256;
/// What a character of an alignment takes besides its letters, in bytes: a text and two times.
const CHARACTER: usize = size_of::<String>() + 2 * size_of::<f64>();

/// What a listener is told whose queue is full.
const TOO_MUCH: &str = "more sound than its listener takes";

/// Room for ten minutes of sound of a format, in bytes.
pub(super) fn room(format: OutputFormat) -> usize {
    let rate = format.sample_rate() as usize;
    let second = match format.codec() {
        Codec::Pcm | Codec::Wav => Some(2 * rate),
        Codec::Ulaw | Codec::Alaw => Some(rate),
        // The last part of the name is in kbit/s.
        Codec::Mp3 | Codec::Opus => {
            format.name().rsplit('_').next().and_then(|kbit| kbit.parse().ok()).map(|kbit: usize| kbit * 125)
        }
    };
    second.map_or(QUEUE_UNKNOWN, |second| QUEUE_SECONDS * (second + ALIGNED_SECOND))
}

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
/// What says that there was no room has none itself.
type Queued = (Item, Option<OwnedSemaphorePermit>);

/// The end of the queue that is filled.
pub(super) struct Queue {
    items: mpsc::Sender<Queued>,
    bytes: Arc<Semaphore>,
}

impl Queue {
    fn new(room: usize) -> (Self, mpsc::Receiver<Queued>) {
        // Never full before the bytes are: one more is for the error that says that these are.
        let (items, receiver) = mpsc::channel(room / MESSAGE + 1);
        (Self { items, bytes: Arc::new(Semaphore::new(room)) }, receiver)
    }

    /// Whether nobody listens any more.
    pub fn abandoned(&self) -> bool {
        self.items.is_closed()
    }

    /// Puts `item` in; without a listener it is thrown away. `false` when there is no room: then the listener gets an error
    /// behind what waits already, and the queue must take nothing more.
    pub fn offer(&self, item: Item) -> bool {
        let permit = Arc::clone(&self.bytes).try_acquire_many_owned(size(&item)).ok();
        let fits = permit.is_some();
        let item = if fits { item } else { Err(Failed::Nonsense(TOO_MUCH.to_owned())) };
        // An error means that nobody listens.
        let _ = self.items.try_send((item, permit));
        fits
    }
}

/// Bytes that an item takes in the queue.
fn size(item: &Item) -> u32 {
    let contents = item.as_ref().map_or(0, |Sound { bytes, alignment, .. }| {
        let letters = alignment.iter().flat_map(|alignment| &alignment.chars);
        bytes.len() + letters.map(|letters| letters.len() + CHARACTER).sum::<usize>()
    });
    u32::try_from(MESSAGE + contents).unwrap_or(u32::MAX)
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
        let (queue, sound) = Queue::new(shared.room);
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

    /// The number of the socket in logs.
    pub fn socket(&self) -> u64 {
        self.shared.number
    }

    /// Sends messages. When the service is done with this utterance, or has been told [`Self::try_close`], they are not sent.
    /// Neither are they when the socket is gone, which [`Self::next`] tells, after the sound that came before.
    pub async fn send(&self, messages: Vec<String>) {
        let command = Command::Say { id: self.id.clone(), messages, close: false };
        let _ = self.commands.send(command).await;
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

#[cfg(test)]
mod tests {
    use super::*;

    fn offered(queue: &Queue, alignment: Option<Alignment>) -> usize {
        (0..).take_while(|_| queue.offer(Ok(Sound { alignment: alignment.clone(), ..Sound::default() }))).count()
    }

    #[tokio::test]
    async fn messages_without_sound_take_room_too() {
        let (queue, mut items) = Queue::new(100 * MESSAGE);
        assert_eq!(offered(&queue, None), 100);
        for _ in 0..100 {
            assert!(items.recv().await.unwrap().0.is_ok());
        }
        assert!(matches!(items.recv().await.unwrap().0, Err(Failed::Nonsense(_))), "told behind what waited");
    }

    #[test]
    fn alignments_take_room_too() {
        let (queue, _items) = Queue::new(100 * MESSAGE);
        let alignment = Alignment { chars: vec!["a".into(); 100], start_ms: vec![0.0; 100], end_ms: vec![0.0; 100] };
        assert_eq!(offered(&queue, Some(alignment)), 5);
    }

    #[test]
    fn ten_minutes_of_every_format_fit() {
        for format in OutputFormat::all() {
            let size = size(&Ok(Sound { bytes: vec![0; second(format)], ..Sound::default() }));
            assert!((600..1_200).contains(&(room(format) / size as usize)), "{format}");
        }
    }

    /// Bytes of a second.
    fn second(format: OutputFormat) -> usize {
        match format.name() {
            "mp3_22050_32" | "mp3_44100_32" | "opus_48000_32" => 4_000,
            "mp3_24000_48" => 6_000,
            "mp3_44100_64" | "opus_48000_64" => 8_000,
            "mp3_44100_96" | "opus_48000_96" => 12_000,
            "mp3_44100_128" | "opus_48000_128" => 16_000,
            "mp3_44100_192" | "opus_48000_192" => 24_000,
            "ulaw_8000" | "alaw_8000" => 8_000,
            _ => 2 * format.sample_rate() as usize,
        }
    }
}
