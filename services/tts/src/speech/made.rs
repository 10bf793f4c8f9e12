//! Phrases that are being made, and the ear that hears them in order.

use std::{collections::VecDeque, sync::Arc, time::Duration};

use evervoice_core::{
    audio::AudioChunk,
    tts::{SpeechRequest, TtsError, has_words},
};
use futures_util::StreamExt;
use tokio::{
    sync::{mpsc, oneshot},
    time::Instant,
};
use tokio_util::task::AbortOnDropHandle;

use super::{
    Speaker,
    join::Joiner,
    level::Level,
    listener::Listener,
    parts::{Part, Phrase, Speaking},
    progress::Progress,
    rate::AtRate,
};
use crate::events::Events;

/// Parts of a phrase that are made before anybody hears them. Further ones wait at the provider.
const AHEAD: usize = 32;

/// What comes next.
pub(super) enum Made {
    Phrase(Making),
    Failed(TtsError),
    /// The text is whole, and this was all of it.
    End,
}

/// A phrase that is being made. Dropping it stops that.
pub(super) struct Making {
    phrase: Phrase,
    /// With the first sound.
    head: oneshot::Receiver<Result<Head, TtsError>>,
    parts: mpsc::Receiver<Option<Result<Part, TtsError>>>,
    _task: AbortOnDropHandle<()>,
}

/// What is known of a phrase with its first sound.
struct Head {
    /// Who speaks.
    provider: &'static str,
    /// At this rate, in Hz.
    sample_rate: u32,
    /// How loud, where that is known.
    level: Option<Level>,
}

impl Made {
    /// Starts to make the phrase that was planned last.
    pub fn start(phrase: Phrase, request: SpeechRequest, speaker: Speaker, progress: Arc<Progress>) -> Self {
        let (head, head_receiver) = oneshot::channel();
        let (sender, parts) = mpsc::channel(AHEAD);
        let listener = Listener::to_last_planned(Arc::clone(&progress), phrase.text.chars().count());
        let task = tokio::spawn(make(request, speaker, progress, listener, head, sender));
        Self::Phrase(Making { phrase, head: head_receiver, parts, _task: AbortOnDropHandle::new(task) })
    }
}

async fn make(
    request: SpeechRequest,
    speaker: Speaker,
    progress: Arc<Progress>,
    listener: Listener,
    head: oneshot::Sender<Result<Head, TtsError>>,
    sender: mpsc::Sender<Option<Result<Part, TtsError>>>,
) {
    // Signs alone: who cannot say them is not broken.
    if !has_words(request.text()) {
        let _ = head.send(Err(TtsError::NothingToSpeak));
        return;
    }
    let began = Instant::now();
    let Speaking { provider, sample_rate, at_hand, mut parts } = match speaker.speak(request.clone(), listener).await {
        Ok(speaking) => speaking,
        Err(error) => {
            let _ = head.send(Err(error));
            return;
        }
    };
    if !at_hand {
        progress.began(began.elapsed());
    }
    let level = speaker.level(provider, &request);
    if head.send(Ok(Head { provider, sample_rate, level })).is_err() {
        return;
    }
    let (mut took, mut samples) = (Duration::ZERO, 0);
    loop {
        let asked = Instant::now();
        let next = parts.next().await;
        took += asked.elapsed();
        if let Some(Ok(Part::Audio(chunk))) = &next {
            samples += chunk.samples.len();
        }
        let last = !matches!(next, Some(Ok(_)));
        if sender.send(next).await.is_err() {
            return;
        }
        if last && !at_hand {
            progress.made(took, sound(samples, sample_rate));
        }
        if last {
            return;
        }
    }
}

fn sound(samples: usize, sample_rate: u32) -> Duration {
    Duration::from_secs_f64(samples as f64 / f64::from(sample_rate))
}

fn append(mut first: AudioChunk, second: AudioChunk) -> AudioChunk {
    first.samples.extend(second.samples);
    AudioChunk { text_end: second.text_end.or(first.text_end), ..first }
}

/// Hears the phrases in order.
pub(super) struct Heard {
    made: mpsc::Receiver<Made>,
    progress: Arc<Progress>,
    events: Events,
    request_id: String,
    /// Of all sound that leaves, in Hz.
    sample_rate: u32,
    /// Who speaks.
    voice: Option<&'static str>,
    /// Makes the phrases of all voices as loud as the first one.
    joiner: Joiner,
    /// Another provider went on within the present phrase, or the one before.
    switched: bool,
    /// The next phrase, until its first sound.
    coming: Option<Making>,
    present: Option<Present>,
    /// What leaves before anything else.
    first: VecDeque<Result<Part, TtsError>>,
    /// Since when the listener wants more sound.
    wanted: Option<Instant>,
}

struct Present {
    making: Making,
    rate: AtRate,
    /// Nothing of it has been heard yet.
    fresh: bool,
}

impl Heard {
    /// All that leaves has this rate, in Hz.
    pub fn new(
        made: mpsc::Receiver<Made>,
        progress: Arc<Progress>,
        events: Events,
        request_id: String,
        sample_rate: u32,
    ) -> Self {
        Self {
            made,
            progress,
            events,
            request_id,
            sample_rate,
            voice: None,
            joiner: Joiner::new(sample_rate),
            switched: false,
            coming: None,
            present: None,
            first: VecDeque::new(),
            wanted: None,
        }
    }

    /// Waits for the first sound. Tells who speaks.
    ///
    /// # Errors
    /// Those of the first phrase that can be said; [`TtsError::NothingToSpeak`] when none can.
    pub async fn begin(&mut self) -> Result<&'static str, TtsError> {
        loop {
            let more = self.next_phrase().await?;
            match self.voice {
                Some(voice) => return Ok(voice),
                None if more => {}
                None => return Err(TtsError::NothingToSpeak),
            }
        }
    }

    /// Comes to the next phrase; `false` when there is none.
    async fn next_phrase(&mut self) -> Result<bool, TtsError> {
        if self.coming.is_none() {
            self.coming = match self.made.recv().await {
                Some(Made::Phrase(making)) => Some(making),
                Some(Made::Failed(error)) => return Err(error),
                Some(Made::End) => return Ok(false),
                None => return Err(lost()),
            };
        }
        let Some(making) = &mut self.coming else { return Err(lost()) };
        let Head { provider, sample_rate, level } = match (&mut making.head).await.map_err(|_| lost())? {
            Ok(head) => head,
            // Marks alone, such as a line drawn with them: what comes behind is said.
            Err(TtsError::NothingToSpeak) => {
                self.progress.skipped(making.phrase.text.chars().count());
                self.first.extend([Ok(Part::Phrase(making.phrase.clone())), Ok(Part::PhraseEnd)]);
                self.coming = None;
                return Ok(true);
            }
            Err(error) => return Err(error),
        };
        let before = self.voice.unwrap_or(provider);
        // What goes on within a phrase is as loud as its beginning; what begins one is as loud as what was heard before.
        let switched = std::mem::take(&mut self.switched);
        if switched || before != provider {
            self.joiner.switch(level);
        }
        self.first.push_back(Ok(Part::Phrase(making.phrase.clone())));
        if before != provider {
            self.first.push_back(Ok(Part::Provider { from: before, to: provider }));
        }
        self.voice = Some(provider);
        let rate = AtRate::new(sample_rate, self.sample_rate);
        self.present = self.coming.take().map(|making| Present { making, rate, fresh: true });
        Ok(true)
    }

    /// The next part. Can be dropped and called again without losing sound.
    pub async fn next(&mut self) -> Result<Option<Part>, TtsError> {
        let wanted = *self.wanted.get_or_insert_with(Instant::now);
        let part = self.part(wanted).await;
        // Who gets only these still waits for sound.
        if !matches!(part, Ok(Some(Part::Phrase(_) | Part::Provider { .. }))) {
            self.wanted = None;
        }
        part
    }

    async fn part(&mut self, wanted: Instant) -> Result<Option<Part>, TtsError> {
        loop {
            if let Some(part) = self.first.pop_front() {
                return part.map(Some);
            }
            let Some(present) = &mut self.present else {
                match self.next_phrase().await? {
                    true => continue,
                    false => return Ok(None),
                }
            };
            let chunk = match present.making.parts.recv().await {
                Some(Some(Ok(Part::Audio(chunk)))) => {
                    present.rate.push(chunk).and_then(|chunk| self.joiner.push(chunk))
                }
                Some(Some(Ok(part))) => {
                    if let Part::Provider { to, .. } = part {
                        (self.voice, self.switched) = (Some(to), true);
                    }
                    self.first.push_back(Ok(part));
                    self.joiner.finish()
                }
                Some(Some(Err(error))) => self.last(Err(error)),
                Some(None) => self.last(Ok(Part::PhraseEnd)),
                None => self.last(Err(lost())),
            };
            let part = chunk.map(|chunk| self.hear(chunk, wanted));
            if matches!(self.first.front(), Some(Ok(Part::PhraseEnd))) {
                self.present = None;
                self.progress.phrase_over();
            }
            if part.is_some() {
                return Ok(part);
            }
        }
    }

    /// The very last samples of the present phrase, before `end`: nobody knows when the next phrase comes.
    fn last(&mut self, end: Result<Part, TtsError>) -> Option<AudioChunk> {
        self.first.push_back(end);
        let tail = self.present.as_mut().and_then(|present| present.rate.finish());
        let tail = tail.and_then(|chunk| self.joiner.push(chunk));
        match (tail, self.joiner.finish()) {
            (Some(tail), Some(rest)) => Some(append(tail, rest)),
            (tail, rest) => tail.or(rest),
        }
    }

    /// Sound of the present phrase leaves.
    fn hear(&mut self, chunk: AudioChunk, wanted: Instant) -> Part {
        let present = self.present.as_mut().filter(|present| present.fresh);
        let phrase = present.map(|present| {
            present.fresh = false;
            &present.making.phrase
        });
        if let Some(phrase) = phrase {
            self.progress.phrase(phrase.text.chars().count());
        }
        let gap = self.progress.heard(sound(chunk.samples.len(), self.sample_rate), wanted);
        if let Some(phrase) = phrase.filter(|phrase| phrase.index > 0) {
            self.events.gap(&self.request_id, phrase.index, gap.as_secs_f64() * 1000.0);
        }
        Part::Audio(chunk)
    }
}

/// A task that ends without saying so broke.
fn lost() -> TtsError {
    TtsError::Engine("a task that speaks a phrase is gone".into())
}
