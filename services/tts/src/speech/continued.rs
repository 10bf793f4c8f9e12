//! An utterance that goes on when its provider fails in the middle: the next one speaks the rest.
//!
//! A cut is best between two words. Sound that ends inside a word is therefore held back while nobody needs it yet: the
//! service makes sound faster than it is heard. When the provider fails meanwhile, the next one begins with that word.

use std::{sync::Arc, time::Duration};

use evervoice_core::{
    audio::{AudioChunk, AudioStream},
    tts::{SpeechRequest, TtsError, speakable},
};
use futures_util::{StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::{
    chain::{Begun, Chain},
    parts::{Part, Speaking},
    rate::AtRate,
};

/// How long before a listener needs it, held sound leaves: enough for the network and a timer's grain.
const MARGIN: Duration = Duration::from_millis(40);

/// The longest sound that is held back is a second divided by this. Words are shorter.
const HELD_PER_SECOND: usize = 2;

/// Speaks a text, by whoever can, to its end.
///
/// # Errors
/// Those of [`Chain::begin`]; later ones are items of the stream.
pub async fn speak(chain: &Arc<Chain>, request: SpeechRequest) -> Result<Speaking, TtsError> {
    let (chain, mut asked) = (Arc::clone(chain), Vec::new());
    let Begun { link, stream } = chain.begin(&request, &mut asked).await?;
    let (provider, sample_rate) = (stream.provider, stream.sample_rate);
    let voice = Voice::new(stream, sample_rate);
    let clock = Clock::default();
    let (held, spoken, over) = (None, Some(0), false);
    let state = Continued { chain, request, link, asked, voice, sample_rate, held, spoken, clock, over };
    let parts = stream::try_unfold(state, |mut state| async move {
        Ok(state.next().await?.map(|chunk| (Part::Audio(chunk), state)))
    });
    Ok(Speaking { provider, sample_rate, parts: Box::pin(parts) })
}

struct Continued {
    chain: Arc<Chain>,
    /// What the provider of now was asked for.
    request: SpeechRequest,
    link: usize,
    /// The providers that have had their turn.
    asked: Vec<usize>,
    voice: Voice,
    /// Of the stream that leaves, in Hz.
    sample_rate: u32,
    /// Sound that ends inside a word.
    held: Option<AudioChunk>,
    /// Where in the text of `request` the sound that left ends; `None` when nobody can tell.
    spoken: Option<usize>,
    clock: Clock,
    /// Nothing comes any more, but for what is held.
    over: bool,
}

/// The clock of a listener who began to listen at the first sound.
#[derive(Default)]
struct Clock {
    began: Option<Instant>,
    sent: Duration,
}

impl Continued {
    async fn next(&mut self) -> Result<Option<AudioChunk>, TtsError> {
        while !self.over {
            let next = match &self.held {
                None => self.voice.next().await,
                Some(_) => match timeout_at(self.clock.due(), self.voice.next()).await {
                    Ok(next) => next,
                    // The listener needs it now, word or not.
                    Err(_) => return Ok(self.held.take().map(|chunk| self.leave(chunk))),
                },
            };
            match next {
                Ok(Some(chunk)) => {
                    let chunk = match self.held.take() {
                        Some(held) => join(held, chunk),
                        None => chunk,
                    };
                    let long = chunk.samples.len() > self.sample_rate as usize / HELD_PER_SECOND;
                    if long || !self.inside_word(chunk.text_end) {
                        return Ok(Some(self.leave(chunk)));
                    }
                    self.held = Some(chunk);
                }
                Ok(None) => {
                    self.chain.succeeded(self.link);
                    self.over = true;
                }
                Err(error) if self.all_said() => {
                    self.chain.failed_within(self.link, self.request.id(), &error);
                    self.over = true;
                }
                Err(error) => self.go_on_elsewhere(error).await?,
            }
        }
        Ok(self.held.take().map(|chunk| self.leave(chunk)))
    }

    /// Whether nothing is left to say: a provider that fails now has failed at its goodbye.
    fn all_said(&self) -> bool {
        let end = self.held.as_ref().map_or(self.spoken, |held| held.text_end);
        end.and_then(|end| self.request.text().get(end..)).is_some_and(|rest| !speakable(rest))
    }

    fn leave(&mut self, chunk: AudioChunk) -> AudioChunk {
        self.spoken = chunk.text_end;
        let sound = Duration::from_secs_f64(chunk.samples.len() as f64 / f64::from(self.sample_rate));
        self.clock.sent(sound);
        self.chain.events().audio(self.chain.name(self.link), sound);
        chunk
    }

    fn inside_word(&self, text_end: Option<usize>) -> bool {
        let Some((before, after)) = text_end.and_then(|end| self.request.text().split_at_checked(end)) else {
            return false;
        };
        before.chars().next_back().is_some_and(of_word) && after.chars().next().is_some_and(of_word)
    }

    /// Lets the next provider speak the rest.
    async fn go_on_elsewhere(&mut self, error: TtsError) -> Result<(), TtsError> {
        self.held = None;
        self.chain.failed_within(self.link, self.request.id(), &error);
        // Without knowing what was heard, every guess would lose or repeat something.
        let Some(rest) = self.spoken.and_then(|spoken| self.request.rest(spoken)) else { return Err(error) };
        let from = self.chain.name(self.link);
        let Ok(Begun { link, stream }) = self.chain.begin(&rest, &mut self.asked).await else { return Err(error) };
        self.chain.events().provider_switched(rest.id(), from, stream.provider, rest.text().chars().count());
        self.voice = Voice::new(stream, self.sample_rate);
        (self.request, self.link, self.spoken) = (rest, link, Some(0));
        Ok(())
    }
}

/// Whether a character is part of a word that white space ends. Scripts that write without spaces can be cut anywhere.
pub(super) fn of_word(character: char) -> bool {
    let unspaced = matches!(character, '\u{0E00}'..='\u{0EFF}' | '\u{1000}'..='\u{109F}' | '\u{2E80}'..='\u{A4CF}');
    !character.is_whitespace() && !unspaced
}

fn join(mut first: AudioChunk, second: AudioChunk) -> AudioChunk {
    first.samples.extend_from_slice(&second.samples);
    AudioChunk { samples: first.samples, text_end: second.text_end }
}

impl Clock {
    fn sent(&mut self, sound: Duration) {
        self.began.get_or_insert_with(Instant::now);
        self.sent += sound;
    }

    /// When the listener needs more. The first sound is never held back for long.
    fn due(&self) -> Instant {
        let heard = self.began.map_or_else(Instant::now, |began| began + self.sent);
        heard.checked_sub(MARGIN).unwrap_or(heard)
    }
}

/// A provider's stream at the rate of the utterance.
struct Voice {
    stream: AudioStream,
    rate: AtRate,
}

impl Voice {
    fn new(mut stream: AudioStream, sample_rate: u32) -> Self {
        let rate = AtRate::new(stream.sample_rate, sample_rate);
        // After its end comes the resampler's tail, and then it is asked once more.
        stream.chunks = Box::pin(stream.chunks.fuse());
        Self { stream, rate }
    }

    async fn next(&mut self) -> Result<Option<AudioChunk>, TtsError> {
        loop {
            let chunk = match self.stream.chunks.next().await.transpose()? {
                Some(chunk) => self.rate.push(chunk),
                None => return Ok(self.rate.finish()),
            };
            if chunk.is_some() {
                return Ok(chunk);
            }
        }
    }
}
