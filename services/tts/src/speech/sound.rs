//! Whole sounds that are kept: made once, played again at once.

use std::sync::Arc;

use evervoice_core::{
    audio::AudioChunk,
    tts::{SpeechRequest, TtsError},
};
use futures_util::{StreamExt, stream};

use super::{
    chain::Chain,
    listener::Listener,
    parts::{Part, Speaking},
    rate::AtRate,
};

/// Kept sound is played in pieces of at most a second divided by this: whoever interrupts is heard soon.
const PIECES_PER_SECOND: usize = 10;

/// The whole sound of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Sound {
    /// Who spoke it.
    pub provider: &'static str,
    /// Hz.
    pub sample_rate: u32,
    /// In order, each at most 100 ms. A cache shares them with all who hear them.
    pub chunks: Vec<AudioChunk>,
}

impl Sound {
    /// A sound of nothing yet.
    pub fn new(provider: &'static str, sample_rate: u32) -> Self {
        Self { provider, sample_rate, chunks: Vec::new() }
    }

    /// Adds what comes next.
    pub fn push(&mut self, chunk: &AudioChunk) {
        let longest = (self.sample_rate as usize / PIECES_PER_SECOND).max(1);
        let mut pieces = chunk.samples.chunks(longest).peekable();
        while let Some(piece) = pieces.next() {
            // Where the text is in the middle of a chunk, nobody knows.
            let text_end = chunk.text_end.filter(|_| pieces.peek().is_none());
            self.chunks.push(AudioChunk { samples: piece.to_vec(), text_end });
        }
    }

    /// The same sound at another rate, in Hz.
    pub fn at_rate(self, sample_rate: u32) -> Self {
        let mut rate = AtRate::new(self.sample_rate, sample_rate);
        let mut sound = Self::new(self.provider, sample_rate);
        for chunk in self.chunks {
            rate.push(chunk).iter().for_each(|chunk| sound.push(chunk));
        }
        rate.finish().iter().for_each(|chunk| sound.push(chunk));
        sound
    }

    /// Memory that it takes, in bytes.
    pub fn bytes(&self) -> usize {
        let chunk = |chunk: &AudioChunk| size_of_val(&chunk.samples[..]) + size_of::<AudioChunk>();
        self.chunks.iter().map(chunk).sum()
    }

    /// Plays it, as if it were being made.
    pub fn play(self: Arc<Self>) -> Speaking {
        let (provider, sample_rate) = (self.provider, self.sample_rate);
        let parts = (0..self.chunks.len()).map(move |at| Ok(Part::Audio(self.chunks[at].clone())));
        Speaking { provider, sample_rate, at_hand: true, parts: Box::pin(stream::iter(parts)) }
    }
}

impl Chain {
    /// The whole sound of a request by the provider at one place of the chain, and by nobody else.
    ///
    /// # Errors
    /// Those of that provider, also in the middle.
    pub(crate) async fn render(&self, link: usize, request: &SpeechRequest) -> Result<Sound, TtsError> {
        let mut asked: Vec<usize> = (0..self.names().len()).filter(|at| *at != link).collect();
        let mut stream = self.begin(request, &Listener::default(), &mut asked).await?.stream;
        let mut sound = Sound::new(stream.provider, stream.sample_rate);
        while let Some(chunk) = stream.chunks.next().await {
            let chunk = chunk.inspect_err(|error| self.failed_within(link, request.id(), error))?;
            sound.push(&chunk);
        }
        self.succeeded(link);
        Ok(sound)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_sound_is_played_whole_in_short_pieces() {
        let mut sound = Sound::new("local", 8_000);
        let samples: Vec<i16> = (0..2_000).collect();
        sound.push(&AudioChunk { samples: samples[..1_700].to_vec(), text_end: Some(5) });
        sound.push(&AudioChunk { samples: samples[1_700..].to_vec(), text_end: None });
        assert!(sound.bytes() >= 4_000);
        let parts: Vec<_> = Arc::new(sound).play().parts.map(|part| part.unwrap()).collect().await;
        let chunks = parts.into_iter().map(|part| match part {
            Part::Audio(chunk) => chunk,
            other => panic!("{other:?}"),
        });
        let chunks: Vec<AudioChunk> = chunks.collect();
        assert_eq!(chunks.iter().map(|chunk| chunk.samples.len()).collect::<Vec<_>>(), [800, 800, 100, 300]);
        assert_eq!(chunks.iter().map(|chunk| chunk.text_end).collect::<Vec<_>>(), [None, None, Some(5), None]);
        assert_eq!(chunks.into_iter().flat_map(|chunk| chunk.samples).collect::<Vec<_>>(), samples);
    }
}
