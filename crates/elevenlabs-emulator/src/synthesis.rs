//! Characters to sound and to the times of the characters.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::audio::{Encoder, Format};
use crate::state::State;
use crate::tones::Speaker;

/// The silence at the end of a stream that no character stands for.
const TAIL: Duration = Duration::from_millis(9);

/// Speaks the characters of one utterance.
pub(crate) struct Synthesis {
    speaker: Speaker,
    encoder: Encoder,
    format: Format,
}

/// Some sound, and the characters in it.
pub(crate) struct Piece {
    /// In the output format.
    pub(crate) audio: Vec<u8>,
    pub(crate) characters: Vec<char>,
    /// Where each character starts, and where the last one ends: microseconds from the start of the utterance.
    pub(crate) bounds_us: Vec<u64>,
}

impl Synthesis {
    /// `speed` is that of the voice settings; a speed outside of 0.7–1.2 counts as the nearest inside.
    pub(crate) fn new(state: &State, format: Format, speed: f64) -> Self {
        let speed = if speed.is_finite() { speed.clamp(0.7, 1.2) } else { 1.0 };
        let tone_us = (f64::from(state.config.tone_ms) * 1000.0 / speed) as u64;
        let speaker = state.tables.speaker(format.sample_rate, tone_us);
        Self { speaker, encoder: Encoder::new(format), format }
    }

    /// How many characters fit into so much time; at least one.
    pub(crate) fn characters_in(&self, time_ms: u32) -> usize {
        (u64::from(time_ms) * 1000 / self.speaker.tone_us()).max(1) as usize
    }

    /// How much sound there is so far.
    pub(crate) fn position(&self) -> Duration {
        Duration::from_micros(self.speaker.position_us())
    }

    /// Speaks the first so many of these characters, taking them out.
    pub(crate) fn speak(&mut self, characters: &mut VecDeque<char>, count: usize) -> Piece {
        let count = count.min(characters.len());
        let characters: Vec<char> = characters.drain(..count).collect();
        let (mut samples, mut bounds_us) = (Vec::new(), Vec::with_capacity(count + 1));
        for &character in &characters {
            bounds_us.push(self.speaker.position_us());
            self.speaker.speak(character, &mut samples);
        }
        bounds_us.push(self.speaker.position_us());
        Piece { audio: self.encoder.push(&samples), characters, bounds_us }
    }

    /// What the encoder still had.
    pub(crate) fn finish(&mut self) -> Vec<u8> {
        self.encoder.finish(&[])
    }

    /// The end of a stream on a WebSocket: some silence, and what the encoder still had.
    pub(crate) fn tail(&mut self) -> Vec<u8> {
        let samples = TAIL.as_millis() as usize * self.format.sample_rate as usize / 1000;
        self.encoder.finish(&vec![0; samples])
    }
}

impl Piece {
    /// The sound as it is in JSON.
    pub(crate) fn base64(&self) -> String {
        STANDARD.encode(&self.audio)
    }

    /// Where each character starts, and where the last ends, in ms from the start of the piece.
    pub(crate) fn bounds_ms(&self) -> Vec<u64> {
        let start = self.bounds_us.first().copied().unwrap_or_default();
        self.bounds_us.iter().map(|bound| (bound - start) / 1000).collect()
    }
}
