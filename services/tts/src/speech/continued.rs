//! An utterance that goes on when its provider fails in the middle: the next one speaks the rest.
//!
//! A cut is best between two words. Sound that ends inside a word is therefore held back while nobody needs it yet: the
//! service makes sound faster than it is heard. When the provider fails meanwhile, the next one begins with that word.

use std::{sync::Arc, time::Duration};

use evervoice_core::{
    audio::{AudioChunk, AudioStream, StreamResampler, chunk::to_i16},
    tts::{SpeechRequest, TtsError},
};
use futures_util::{Stream, StreamExt, stream};
use tokio::time::{Instant, timeout_at};

use super::chain::{Begun, Chain};

/// How long before a listener needs it, held sound leaves: enough for the network and a timer's grain.
const MARGIN: Duration = Duration::from_millis(40);

/// The sound of an utterance that `begun` has begun, at the rate of that stream.
pub(super) fn chunks(
    chain: Arc<Chain>,
    request: SpeechRequest,
    begun: Begun,
) -> impl Stream<Item = Result<AudioChunk, TtsError>> + Send {
    let Begun { link, stream } = begun;
    let sample_rate = stream.sample_rate;
    let voice = Voice::new(stream, sample_rate);
    let clock = Clock::default();
    let state = Continued { chain, request, link, voice, sample_rate, held: None, spoken: Some(0), clock, over: false };
    stream::try_unfold(Some(state), |state| async move {
        let Some(mut state) = state else { return Ok(None) };
        Ok(state.next().await?.map(|chunk| (chunk, Some(state))))
    })
}

struct Continued {
    chain: Arc<Chain>,
    /// What the provider of now was asked for.
    request: SpeechRequest,
    link: usize,
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
                    if !self.inside_word(chunk.text_end) {
                        return Ok(Some(self.leave(chunk)));
                    }
                    self.held = Some(chunk);
                }
                Ok(None) => self.over = true,
                Err(error) if self.all_said() => {
                    self.chain.failed(self.link, self.request.id(), &error, "within");
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
        end.is_some_and(|end| self.request.rest(end).is_none())
    }

    fn leave(&mut self, chunk: AudioChunk) -> AudioChunk {
        self.spoken = chunk.text_end;
        self.clock.sent(Duration::from_secs_f64(chunk.samples.len() as f64 / f64::from(self.sample_rate)));
        chunk
    }

    fn inside_word(&self, text_end: Option<usize>) -> bool {
        let Some((before, after)) = text_end.and_then(|end| self.request.text().split_at_checked(end)) else {
            return false;
        };
        let of_word = |character: Option<char>| character.is_some_and(|character| !character.is_whitespace());
        of_word(before.chars().next_back()) && of_word(after.chars().next())
    }

    /// Lets the next provider speak the rest.
    async fn go_on_elsewhere(&mut self, error: TtsError) -> Result<(), TtsError> {
        self.held = None;
        self.chain.failed(self.link, self.request.id(), &error, "within");
        // Without knowing what was heard, every guess would lose or repeat something.
        let Some(rest) = self.spoken.and_then(|spoken| self.request.rest(spoken)) else { return Err(error) };
        let from = self.chain.names()[self.link];
        let Ok(Begun { link, stream }) = self.chain.begin(&rest, self.link + 1).await else { return Err(error) };
        self.chain.events().provider_switched(rest.id(), from, stream.provider, rest.text().chars().count());
        self.voice = Voice::new(stream, self.sample_rate);
        (self.request, self.link, self.spoken) = (rest, link, Some(0));
        Ok(())
    }
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
    /// For a provider whose rate is another one than that of the utterance's first.
    resampler: Option<StreamResampler>,
}

/// The chunks of a stream at another rate, in Hz.
pub(super) fn at_rate(
    stream: AudioStream,
    sample_rate: u32,
) -> impl Stream<Item = Result<AudioChunk, TtsError>> + Send {
    stream::try_unfold(Voice::new(stream, sample_rate), |mut voice| async move {
        Ok(voice.next().await?.map(|chunk| (chunk, voice)))
    })
}

impl Voice {
    fn new(stream: AudioStream, sample_rate: u32) -> Self {
        let differs = stream.sample_rate != sample_rate;
        let resampler = differs.then(|| StreamResampler::new(stream.sample_rate, sample_rate));
        Self { stream, resampler }
    }

    async fn next(&mut self) -> Result<Option<AudioChunk>, TtsError> {
        loop {
            let chunk = self.stream.chunks.next().await.transpose()?;
            let Some(resampler) = &mut self.resampler else { return Ok(chunk) };
            let mut samples = Vec::new();
            let text_end = match &chunk {
                Some(chunk) => {
                    let floats: Vec<f32> = chunk.samples.iter().map(|sample| f32::from(*sample) / 32_768.0).collect();
                    resampler.push(&floats, &mut samples);
                    chunk.text_end
                }
                None => {
                    resampler.finish(&mut samples);
                    self.resampler = None;
                    None
                }
            };
            if samples.is_empty() && chunk.is_some() {
                continue;
            }
            let samples: Vec<i16> = samples.into_iter().map(to_i16).collect();
            return Ok((!samples.is_empty()).then_some(AudioChunk { samples, text_end }));
        }
    }
}
