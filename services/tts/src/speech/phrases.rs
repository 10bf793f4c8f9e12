//! A text that is still being written, spoken phrase by phrase: phrases are made ahead, in parallel, and heard in order.
//!
//! - [`TextWriter`] takes the text, as it comes
//! - `Phrases::stream`: a task cuts it ([`Planner`]) and starts a task for each phrase, as many ahead as allowed
//! - each of those makes the sound of its phrase; who listens gets the sounds one after the other

use std::{sync::Arc, time::Duration};

use evervoice_core::tts::{SpeechRequest, TtsError};
use futures_util::stream;
use tokio::{
    sync::mpsc::{self, error::TrySendError},
    time::{Instant, sleep_until},
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Speaker,
    made::{self, Made},
    parts::{Part, Phrase, Speaking},
    planner::{Planner, PlannerSettings},
    progress::Progress,
};

/// Pieces of text that may wait for the task that cuts them, which does nothing else.
const WAITING: usize = 1_024;

/// How phrases are made.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PhraseSettings {
    /// How a text is cut.
    pub planner: PlannerSettings,
    /// Phrases made ahead of the one that is heard.
    pub ahead: usize,
    /// How long a text may pause.
    pub text_timeout: Duration,
}

/// Takes a text.
pub struct TextWriter {
    pieces: mpsc::Sender<Piece>,
    chars: usize,
    max_chars: usize,
}

enum Piece {
    Text(String),
    Flush,
    End,
}

/// Why a piece was not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TextError {
    /// All pieces together are too long.
    TooLong {
        /// Characters so far.
        chars: usize,
        /// Characters that are allowed.
        limit: usize,
    },
    /// Too many pieces at once.
    Full,
    /// The utterance is over.
    Over,
}

impl TextWriter {
    /// Adds a piece.
    pub fn push(&mut self, text: &str) -> Result<(), TextError> {
        self.chars += text.chars().count();
        if self.chars > self.max_chars {
            return Err(TextError::TooLong { chars: self.chars, limit: self.max_chars });
        }
        self.send(Piece::Text(text.to_owned()))
    }

    /// Speaks what there is, sentence or not.
    pub fn flush(&mut self) -> Result<(), TextError> {
        self.send(Piece::Flush)
    }

    /// Nothing more comes. A writer that is dropped without this has lost its text: the utterance fails.
    pub fn end(self) -> Result<(), TextError> {
        self.send(Piece::End)
    }

    fn send(&self, piece: Piece) -> Result<(), TextError> {
        self.pieces.try_send(piece).map_err(|error| match error {
            TrySendError::Full(_) => TextError::Full,
            TrySendError::Closed(_) => TextError::Over,
        })
    }
}

/// The phrases of a text that is still being written, for [`Speech::speak_phrases`](super::Speech::speak_phrases).
pub struct Phrases {
    /// How to speak; its text does not matter.
    template: SpeechRequest,
    settings: PhraseSettings,
    pieces: mpsc::Receiver<Piece>,
    planner: Planner,
    /// When the last piece came.
    alive: Instant,
    ended: bool,
    /// One that has been taken out already.
    first: Option<Phrase>,
    /// All of the text, when the stock has its sound by another voice than the one in front: better than silence.
    pub(super) kept: Option<SpeechRequest>,
    progress: Arc<Progress>,
}

impl Phrases {
    /// A text spoken as `template` is, and where to write it.
    pub fn new(template: SpeechRequest, settings: PhraseSettings, max_chars: usize) -> (TextWriter, Self) {
        let (sender, pieces) = mpsc::channel(WAITING);
        let planner = Planner::new(settings.planner, template.language());
        let writer = TextWriter { pieces: sender, chars: 0, max_chars };
        let (alive, progress) = (Instant::now(), Arc::default());
        (writer, Self { template, settings, pieces, planner, alive, ended: false, first: None, kept: None, progress })
    }

    /// A whole text that is spoken as one phrase, as its sound is at hand.
    pub(super) fn of_one(request: &SpeechRequest, settings: PhraseSettings) -> Self {
        let (_, mut phrases) = Self::new(request.clone(), settings, 0);
        phrases.planner.end();
        phrases.ended = true;
        phrases.first = Some(Phrase::whole(request.text()));
        phrases
    }

    /// A whole text that is cut as any other; when nobody can begin, its sound by another voice is at hand.
    ///
    /// # Errors
    /// None in practice: a new writer takes two pieces.
    pub(super) fn of_kept(request: &SpeechRequest, settings: PhraseSettings) -> Result<Self, TextError> {
        let (mut writer, phrases) = Self::new(request.clone(), settings, usize::MAX);
        writer.push(request.text())?;
        writer.end()?;
        Ok(Self { kept: Some(request.clone()), ..phrases })
    }

    /// How they are spoken; its text does not matter.
    pub(super) fn template(&self) -> &SpeechRequest {
        &self.template
    }

    /// Waits until there is something to say. Tells when its first word came.
    ///
    /// # Errors
    /// [`TtsError::EmptyText`] when the text ends without a word, and those of [`step`](Self::step).
    pub(super) async fn begun(&mut self) -> Result<Instant, TtsError> {
        let mut since = None;
        while self.first.is_none() {
            since = since.or(self.planner.since());
            self.first = self.planner.next(Instant::now(), self.progress.playback());
            if self.first.is_none() {
                if self.ended && self.planner.is_done() {
                    return Err(TtsError::EmptyText);
                }
                self.step(true).await?;
            }
        }
        Ok(since.unwrap_or_else(Instant::now))
    }

    /// Takes the next piece of text, or waits until the planner may think otherwise, when it is `planning`; a text may pause as
    /// long as it is not.
    ///
    /// # Errors
    /// [`TtsError::TextTimeout`] when the text pauses for too long, [`TtsError::Engine`] when its writer is gone.
    async fn step(&mut self, planning: bool) -> Result<(), TtsError> {
        let given_up = self.alive + self.settings.text_timeout;
        let wake = self.planner.wake(self.progress.playback()).filter(|_| planning);
        tokio::select! {
            biased;
            piece = self.pieces.recv(), if !self.ended => {
                self.alive = Instant::now();
                match piece {
                    Some(Piece::Text(text)) => self.planner.push(&text, self.alive),
                    Some(Piece::Flush) => self.planner.flush(),
                    Some(Piece::End) => {
                        self.planner.end();
                        self.ended = true;
                    }
                    None => return Err(TtsError::Engine("the text broke off".into())),
                }
            }
            () = self.progress.changed() => {}
            () = sleep_until(wake.unwrap_or(given_up)), if wake.is_some() => {}
            () = sleep_until(given_up), if planning && !self.ended => {
                return Err(TtsError::TextTimeout { ms: self.settings.text_timeout.as_millis() as u64 });
            }
        }
        Ok(())
    }

    /// The sound of all phrases, in order, at this rate, in Hz.
    ///
    /// # Errors
    /// Those of the first phrase before its first sound; later ones are items of the stream.
    pub(super) async fn stream(
        self,
        speaker: Speaker,
        request_id: String,
        sample_rate: u32,
    ) -> Result<Speaking, TtsError> {
        // The phrase that is heard has been taken out.
        let (ahead, made) = mpsc::channel(self.settings.ahead);
        let progress = Arc::clone(&self.progress);
        let maker = AbortOnDropHandle::new(tokio::spawn(self.make(speaker.clone(), request_id.clone(), ahead)));
        let mut heard = made::Heard::new(made, progress, speaker.events().clone(), request_id, sample_rate);
        let provider = heard.begin().await?;
        let parts = stream::try_unfold((heard, maker), |(mut heard, maker)| async move {
            Ok::<_, TtsError>(heard.next().await?.map(|part: Part| (part, (heard, maker))))
        });
        Ok(Speaking { provider, sample_rate, at_hand: false, parts: Box::pin(parts) })
    }

    /// Cuts the text and starts to make each phrase, as long as there is room ahead.
    async fn make(mut self, speaker: Speaker, request_id: String, ahead: mpsc::Sender<Made>) {
        let mut spoken = String::new();
        let mut given_up = None;
        loop {
            if let Ok(room) = ahead.try_reserve() {
                let phrase = self.first.take();
                let phrase = phrase.or_else(|| self.planner.next(Instant::now(), self.progress.playback()));
                if let Some(phrase) = phrase {
                    let chars = phrase.text.chars().count();
                    speaker.events().phrase(&request_id, phrase.index, chars, phrase.reason);
                    self.progress.planned(chars);
                    let request = self.template.with_text(&phrase.text).after(&spoken).with_id(&request_id);
                    spoken.clone_from(&phrase.text);
                    room.send(Made::start(phrase, request, speaker.clone(), Arc::clone(&self.progress)));
                    continue;
                }
                if self.ended && self.planner.is_done() {
                    room.send(given_up.map_or(Made::End, Made::Failed));
                    return;
                }
            }
            let full = ahead.capacity() == 0;
            let step = tokio::select! {
                step = self.step(!full), if !full || !self.ended => step,
                room = ahead.reserve(), if full => match room {
                    Ok(_) => Ok(()),
                    Err(_) => return,
                },
                () = ahead.closed() => return,
            };
            if full {
                // The listener has enough to hear: nobody waits for the text.
                self.alive = Instant::now();
            }
            match step {
                Ok(()) => {}
                // What has come is said first.
                Err(error @ TtsError::TextTimeout { .. }) => {
                    self.planner.end();
                    (self.ended, given_up) = (true, Some(error));
                }
                Err(error) => {
                    let _ = ahead.send(Made::Failed(error)).await;
                    return;
                }
            }
        }
    }
}
