//! Phrases that are being made, and the ear that hears them in order.

use std::{sync::Arc, time::Duration};

use evervoice_core::{
    audio::AudioChunk,
    tts::{SpeechRequest, TtsError},
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
    /// Who speaks, and the rate of all sound that leaves.
    voice: Option<(&'static str, u32)>,
    /// Makes the phrases of all voices as loud as the first one.
    joiner: Option<Joiner>,
    /// Another provider went on within the present phrase, or the one before.
    switched: bool,
    /// The next phrase, until its first sound.
    coming: Option<Making>,
    present: Option<Present>,
    /// Parts that leave before anything else, the last one first.
    first: Vec<Part>,
    /// Since when the listener wants more.
    wanted: Option<Instant>,
}

struct Present {
    making: Making,
    rate: AtRate,
    /// Nothing of it has been heard yet.
    fresh: bool,
}

impl Heard {
    pub fn new(made: mpsc::Receiver<Made>, progress: Arc<Progress>, events: Events, request_id: String) -> Self {
        Self {
            made,
            progress,
            events,
            request_id,
            voice: None,
            joiner: None,
            switched: false,
            coming: None,
            present: None,
            first: Vec::new(),
            wanted: None,
        }
    }

    /// Waits for the first sound. Tells who speaks, and the rate of all that leaves.
    ///
    /// # Errors
    /// Those of the first phrase.
    pub async fn begin(&mut self) -> Result<(&'static str, u32), TtsError> {
        self.next_phrase().await?;
        self.voice.ok_or(TtsError::EmptyText)
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
        let Head { provider, sample_rate, level } = (&mut making.head).await.map_err(|_| lost())??;
        let (before, rate) = self.voice.unwrap_or((provider, sample_rate));
        let joiner = self.joiner.get_or_insert_with(|| Joiner::new(rate));
        // What goes on within a phrase is as loud as its beginning; what begins one is as loud as what was heard before.
        let switched = std::mem::take(&mut self.switched);
        if switched || before != provider {
            joiner.switch(level);
        }
        if before != provider {
            self.first.push(Part::Provider { from: before, to: provider });
        }
        self.first.push(Part::Phrase(making.phrase.clone()));
        self.voice = Some((provider, rate));
        let rate = AtRate::new(sample_rate, rate);
        self.present = self.coming.take().map(|making| Present { making, rate, fresh: true });
        Ok(true)
    }

    /// The next part. Can be dropped and called again without losing sound.
    pub async fn next(&mut self) -> Result<Option<Part>, TtsError> {
        let wanted = *self.wanted.get_or_insert_with(Instant::now);
        let part = self.part(wanted).await;
        self.wanted = None;
        part
    }

    async fn part(&mut self, wanted: Instant) -> Result<Option<Part>, TtsError> {
        loop {
            if let Some(part) = self.first.pop() {
                return Ok(Some(part));
            }
            let Some(present) = &mut self.present else {
                match self.next_phrase().await? {
                    true => continue,
                    false => return Ok(None),
                }
            };
            let Some(joiner) = &mut self.joiner else { return Err(lost()) };
            let (chunk, over) = match present.making.parts.recv().await.ok_or_else(lost)?.transpose()? {
                Some(Part::Audio(chunk)) => (present.rate.push(chunk).and_then(|chunk| joiner.push(chunk)), false),
                Some(Part::Provider { from, to }) => {
                    self.voice = self.voice.map(|(_, rate)| (to, rate));
                    self.switched = true;
                    return Ok(Some(Part::Provider { from, to }));
                }
                Some(part) => return Ok(Some(part)),
                // Its very last samples: nobody knows when the next phrase comes.
                None => {
                    let mut tail = present.rate.finish().and_then(|chunk| joiner.push(chunk));
                    if let Some(rest) = joiner.finish() {
                        tail = Some(match tail {
                            Some(tail) => append(tail, rest),
                            None => rest,
                        });
                    }
                    (tail, true)
                }
            };
            let phrase = (chunk.is_some() && std::mem::take(&mut present.fresh)).then(|| present.making.phrase.clone());
            let part = chunk.map(|chunk| self.hear(chunk, phrase, wanted));
            if over {
                self.present = None;
                self.progress.phrase_over();
            }
            if part.is_some() {
                return Ok(part);
            }
        }
    }

    /// Sound leaves, the first one of `phrase` if there is one.
    fn hear(&self, chunk: AudioChunk, phrase: Option<Phrase>, wanted: Instant) -> Part {
        if let Some(phrase) = &phrase {
            self.progress.phrase(phrase.text.chars().count());
        }
        let rate = self.voice.map_or(1, |(_, rate)| rate);
        let gap = self.progress.heard(sound(chunk.samples.len(), rate), wanted);
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
