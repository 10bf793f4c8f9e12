//! Cuts a text that is still being written into phrases: what is spoken at once, and when.

use std::time::Duration;

use evervoice_core::tts::speakable;
use tokio::time::Instant;

use super::parts::Phrase;

/// How a text is cut.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct PlannerSettings {
    /// Longest time from the first word to the first phrase.
    pub first_phrase: Duration,
    /// Longest phrase, in characters.
    pub max_chars: usize,
    /// After how long without more text what has come is spoken.
    pub idle: Duration,
}

/// What is known of the sound of the phrases so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Playback {
    /// When the listener will have heard all phrases so far; `None` before the first.
    pub dry: Option<Instant>,
    /// How long a phrase usually takes to its first sound.
    pub latency: Duration,
    /// Time to make sound, per time to hear it.
    pub real_time_factor: f64,
}

/// A text on its way, and where it is cut.
pub struct Planner {
    unspoken: String,
    index: u64,
    flushed: bool,
    ended: bool,
}

impl Planner {
    /// Nothing yet, in a language (a BCP 47 tag) where it is known.
    pub fn new(_settings: PlannerSettings, _language: Option<&str>) -> Self {
        Self { unspoken: String::new(), index: 0, flushed: false, ended: false }
    }

    /// More text has come.
    pub fn push(&mut self, text: &str, _now: Instant) {
        self.unspoken.push_str(text);
    }

    /// What has come is spoken, sentence or not.
    pub fn flush(&mut self) {
        self.flushed = true;
    }

    /// Nothing more comes.
    pub fn end(&mut self) {
        (self.flushed, self.ended) = (true, true);
    }

    /// Whether all of a whole text has been cut.
    pub fn is_done(&self) -> bool {
        self.ended && self.unspoken.is_empty()
    }

    /// The phrase that is to be spoken now, if there is one.
    pub fn next(&mut self, _now: Instant, _playback: Playback) -> Option<Phrase> {
        let text = std::mem::take(&mut self.unspoken);
        if !self.flushed || !speakable(&text) {
            self.unspoken = if self.ended { String::new() } else { text };
            return None;
        }
        self.flushed = self.ended;
        self.index += 1;
        Some(Phrase { index: self.index - 1, lead: String::new(), text, reason: "flush" })
    }

    /// When [`next`](Self::next) may have a phrase though no text comes.
    pub fn wake(&self, _playback: Playback) -> Option<Instant> {
        None
    }
}
