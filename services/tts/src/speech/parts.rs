//! What flows from the providers to an utterance.

use std::pin::Pin;

use evervoice_core::{audio::AudioChunk, tts::TtsError};
use futures_util::{Stream, StreamExt, stream};

/// A phrase of an utterance: what a provider is asked for at once.
///
/// `lead` and `text` of all phrases, one after the other, are the text of the utterance, but for what may follow the last one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Its number in the utterance, from 0.
    pub index: u64,
    /// What is skipped before it: white space, bars, marks that nobody says.
    pub lead: String,
    /// What is said.
    pub text: String,
    /// Why it ends where it does, for metrics: `sentence`, `bar`, `clause`, `word`, `flush`, `idle`, `end`.
    pub reason: &'static str,
}

impl Phrase {
    /// All of a text as one phrase.
    pub fn whole(text: &str) -> Self {
        let (lead, text) = (text[..text.len() - text.trim_start().len()].to_owned(), text.trim().to_owned());
        Self { index: 0, lead, text, reason: "end" }
    }
}

/// A part of the sound of an utterance, or something that happens between two of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// A phrase begins with the next sound. An utterance from a whole text has none.
    Phrase(Phrase),
    /// It is over: all its sound has come. Nobody knows when the next one begins.
    PhraseEnd,
    /// From the next sound on another provider speaks.
    Provider { from: &'static str, to: &'static str },
    /// Sound. Its `text_end` is a place in the text of the phrase.
    Audio(AudioChunk),
}

/// The parts of an utterance, or of a phrase, as they are made. It has begun: sound is there. Dropping it cancels the rest.
pub struct Speaking {
    /// Who speaks first.
    pub provider: &'static str,
    /// Samples per second of every chunk, in Hz.
    pub sample_rate: u32,
    /// It was made before: how fast it comes says nothing of how fast a provider is.
    pub at_hand: bool,
    /// The parts in order. They end without an error only when every word has been spoken.
    pub parts: Pin<Box<dyn Stream<Item = Result<Part, TtsError>> + Send>>,
}

impl Speaking {
    /// The same parts as the sound of a phrase.
    pub fn of(self, phrase: Phrase) -> Self {
        let begin = stream::iter([Ok(Part::Phrase(phrase))]);
        let end = stream::iter([Ok(Part::PhraseEnd)]);
        Self { parts: Box::pin(begin.chain(self.parts).chain(end)), ..self }
    }
}
