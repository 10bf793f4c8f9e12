//! A stream: sound that arrives in pieces of any size, words that come out as they are known.

use std::{collections::VecDeque, time::Duration};

use evervoice_core::{
    asr::{AsrError, RECOGNIZER_SAMPLE_RATE, Utterance},
    audio::AudioFormat,
};
use evervoice_recognizer::Session;

use super::sound::SoundDecoder;

/// Samples that go to the engine at once: 100 ms. The same whatever pieces the client sends, so that the words do not
/// depend on them.
const STEP: usize = RECOGNIZER_SAMPLE_RATE as usize / 10;

/// What is new after a step.
#[derive(Debug, Clone, PartialEq)]
pub enum News {
    /// The words so far of the utterance that is going on, when they have changed.
    Partial(String),
    /// An utterance with words has ended.
    Final(Utterance),
}

/// One stream.
pub struct Live {
    session: Session,
    decoder: SoundDecoder,
    pending: VecDeque<i16>,
    partial: String,
    max_seconds: f64,
}

impl Live {
    /// A stream of sound in `format`, at most `max_seconds` long.
    ///
    /// # Errors
    /// [`AsrError::Audio`] when the format is outside what is read.
    pub fn new(session: Session, format: AudioFormat, max_seconds: f64) -> Result<Self, AsrError> {
        let decoder = SoundDecoder::new(format)?;
        Ok(Self { session, decoder, pending: VecDeque::new(), partial: String::new(), max_seconds })
    }

    /// Takes a piece of sound; [`Self::step`] recognises it.
    ///
    /// # Errors
    /// [`AsrError::Audio`] for a bad sample, [`AsrError::TooLong`]. What came before it is still recognised.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<(), AsrError> {
        self.decoder.push(bytes, &mut self.pending)?;
        if self.decoder.seconds() > self.max_seconds {
            return Err(AsrError::TooLong { limit_seconds: self.max_seconds });
        }
        Ok(())
    }

    /// Recognises the next 100 ms. `None` when less than that is there.
    ///
    /// # Errors
    /// Those of the engine; the stream is over then.
    pub async fn step(&mut self) -> Option<Result<Vec<News>, AsrError>> {
        if self.pending.len() < STEP {
            return None;
        }
        let step = self.pending.drain(..STEP).collect();
        Some(self.recognize(step).await)
    }

    /// Whether the speaker is in the middle of an utterance, as far as is known.
    pub fn is_speaking(&self) -> bool {
        !self.partial.is_empty()
    }

    /// Length of the sound so far, in seconds.
    pub fn seconds(&self) -> f64 {
        self.decoder.seconds()
    }

    /// Recognises everything that is left. The second value is what was wrong with the end of the sound.
    ///
    /// # Errors
    /// Those of the engine.
    pub async fn finish(mut self) -> Result<(Vec<News>, Option<AsrError>), AsrError> {
        let torn = self.decoder.finish(&mut self.pending).err().map(AsrError::from);
        let mut news = Vec::new();
        while let Some(step) = self.step().await {
            news.extend(step?);
        }
        if !self.pending.is_empty() {
            let rest = self.pending.drain(..).collect();
            news.extend(self.recognize(rest).await?);
        }
        let last = self.session.finish().await?;
        if !last.text.is_empty() {
            news.push(News::Final(last));
        }
        Ok((news, torn))
    }

    async fn recognize(&mut self, samples: Vec<i16>) -> Result<Vec<News>, AsrError> {
        // Work may take as long as the sound does, beyond the budget that the stream began with.
        let length = samples.len() as f64 / f64::from(RECOGNIZER_SAMPLE_RATE);
        self.session.extend_budget(Duration::from_secs_f64(length));
        let heard = self.session.accept(samples).await?;
        if !heard.utterances.is_empty() {
            self.partial.clear();
        }
        let mut news: Vec<News> =
            heard.utterances.into_iter().filter(|said| !said.text.is_empty()).map(News::Final).collect();
        if heard.partial != self.partial {
            self.partial.clone_from(&heard.partial);
            news.push(News::Partial(heard.partial));
        }
        Ok(news)
    }
}
