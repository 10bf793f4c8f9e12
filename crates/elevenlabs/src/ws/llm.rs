//! Speech of a text that is still being written: text queue in, audio queue out.

use std::{sync::Arc, time::Duration};

use evervoice_core::{
    audio::{AudioChunk, AudioStream},
    tts::TtsError,
};
use futures_util::stream;
use tokio::{
    sync::mpsc,
    time::{Instant, sleep_until},
};

use super::{
    WebSocketProvider,
    phrases::Phrases,
    place::{Line, Order},
    utterance::Utterance,
};
use crate::error::ElevenLabsError;

/// Pieces of text that may wait.
const TEXTS: usize = 256;
/// Chunks of sound that may wait here; more wait at the socket.
const CHUNKS: usize = 8;

/// A text that is spoken while it is written.
pub struct LlmStream {
    /// Where the text goes.
    pub text: TextSender,
    /// Where the sound comes from. `text_end` counts the bytes of all text sent, in order. Dropping it cancels the utterance.
    pub audio: AudioStream,
}

enum Text {
    Piece(String),
    Flush,
}

/// The text queue of an [`LlmStream`]. Dropping it means the same as [`TextSender::finish`].
pub struct TextSender {
    texts: mpsc::Sender<Text>,
}

/// Nobody takes the text any more: the utterance failed or was cancelled. The audio stream says why.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the utterance is over")]
pub struct Over;

impl TextSender {
    /// Adds a piece of text, cut anywhere. What can be spoken well by itself is sent on: a sentence or a long clause with
    /// `ws_auto_mode`, words without. Waits while many pieces wait.
    ///
    /// # Errors
    /// [`Over`]
    pub async fn send(&self, piece: impl Into<String>) -> Result<(), Over> {
        self.texts.send(Text::Piece(piece.into())).await.map_err(|_| Over)
    }

    /// Asks for the sound of all text so far, as at the end of an answer's part.
    ///
    /// # Errors
    /// [`Over`]
    pub async fn flush(&self) -> Result<(), Over> {
        self.texts.send(Text::Flush).await.map_err(|_| Over)
    }

    /// No more text will come. The audio stream ends when all has been spoken.
    pub fn finish(self) {}
}

/// Starts the task between the two queues.
pub(super) fn start(line: Arc<Line>, order: Order) -> LlmStream {
    let (texts, text) = mpsc::channel(TEXTS);
    let (audio, chunks) = mpsc::channel(CHUNKS);
    let sample_rate = order.key.format.sample_rate();
    let pump = Pump {
        phrases: Phrases::new(line.settings.ws_auto_mode),
        flush: false,
        keep_alive: Duration::from_secs_f64(line.settings.ws_keep_alive_sec),
        said: Instant::now(),
        text: Some(text),
        audio: audio.clone(),
        line,
        order,
    };
    tokio::spawn(async move {
        let listener = audio.clone();
        tokio::select! {
            // Whoever listened has gone: dropping the utterance cancels it.
            () = listener.closed() => {}
            ended = pump.run() => if let Err(error) = ended {
                let _ = audio.send(Err(error.into_tts(WebSocketProvider::NAME))).await;
            },
        }
    });
    let chunks = stream::unfold(chunks, |mut chunks| async { Some((chunks.recv().await?, chunks)) });
    let audio = AudioStream { provider: WebSocketProvider::NAME, sample_rate, chunks: Box::pin(chunks) };
    LlmStream { text: TextSender { texts }, audio }
}

struct Pump {
    line: Arc<Line>,
    order: Order,
    /// `None` when the text is finished.
    text: Option<mpsc::Receiver<Text>>,
    audio: mpsc::Sender<Result<AudioChunk, TtsError>>,
    phrases: Phrases,
    /// Whether the sound of all text so far is asked for.
    flush: bool,
    keep_alive: Duration,
    /// When something was last said to the service.
    said: Instant,
}

impl Pump {
    async fn run(mut self) -> Result<(), ElevenLabsError> {
        // A socket is taken when there is something to say: until then it would only grow old.
        let Some(first) = self.first().await else { return Ok(()) };
        let mut utterance = Utterance::begin(Arc::clone(&self.line), self.order.clone(), &first, false).await?;
        self.said = Instant::now();
        let audio = self.audio.clone();
        let mut ready: Option<AudioChunk> = None;
        loop {
            self.catch_up(&mut utterance).await;
            tokio::select! {
                place = audio.reserve(), if ready.is_some() => {
                    if let (Ok(place), Some(chunk)) = (place, ready.take()) {
                        place.send(Ok(chunk));
                    }
                }
                chunk = utterance.next(), if ready.is_none() => match chunk {
                    Some(Ok(chunk)) => ready = Some(chunk),
                    Some(Err(error)) => {
                        utterance.recover(error).await?;
                        self.said = Instant::now();
                    }
                    None => return Ok(()),
                },
                text = next(&mut self.text) => self.take(text),
                () = sleep_until(self.said + self.keep_alive), if self.text.is_some() => {
                    self.said = Instant::now();
                    utterance.keep_alive().await;
                }
            }
        }
    }

    /// The first phrase; `None` when there is nothing to say.
    async fn first(&mut self) -> Option<String> {
        loop {
            if let Some(phrase) = self.phrases.next() {
                return Some(phrase);
            }
            if self.text.is_none() {
                return self.phrases.rest();
            }
            if self.flush
                && let Some(rest) = self.phrases.rest()
            {
                return Some(rest);
            }
            self.flush = false;
            let text = next(&mut self.text).await;
            self.take(text);
        }
    }

    fn take(&mut self, text: Option<Text>) {
        match text {
            Some(Text::Piece(piece)) => self.phrases.push(&piece),
            Some(Text::Flush) => self.flush = true,
            None => self.text = None,
        }
    }

    /// Passes on to the service what has come.
    async fn catch_up(&mut self, utterance: &mut Utterance) {
        while let Some(phrase) = self.phrases.next() {
            self.said = Instant::now();
            utterance.push_text(&phrase, false).await;
        }
        let finished = self.text.is_none() && !utterance.finished();
        if !self.flush && !finished {
            return;
        }
        self.said = Instant::now();
        match self.phrases.rest() {
            Some(rest) => utterance.push_text(&rest, true).await,
            None if self.flush => utterance.flush().await,
            None => {}
        }
        self.flush = false;
        if finished {
            utterance.finish().await;
        }
    }
}

/// The next text; never, when it is finished.
async fn next(text: &mut Option<mpsc::Receiver<Text>>) -> Option<Text> {
    match text {
        Some(text) => text.recv().await,
        None => std::future::pending().await,
    }
}
