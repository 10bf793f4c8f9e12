//! Characters to samples, by adding up rows of a table.

use std::collections::HashMap;
use std::f64::consts::TAU;
use std::sync::Arc;

use super::chord::chord;
use super::{LOWEST, SHORTEST_MS, SPACING_HZ, TONES};

/// Loud enough for 8 bits, quiet enough that twelve at their peaks do not clip.
const AMPLITUDE: f64 = 2000.0;

/// One whole number of periods of every tone, at one sample rate.
#[derive(Debug)]
struct Table {
    rows: Vec<Vec<i16>>,
}

impl Table {
    fn new(sample_rate: u32) -> Self {
        let samples = (1..).map(|periods| periods * sample_rate).find(|samples| samples % SPACING_HZ == 0);
        let length = samples.map_or(1, |samples| samples / SPACING_HZ);
        let row = |tone: usize| {
            let hertz = f64::from((tone as u32 + LOWEST) * SPACING_HZ);
            // Spread phases keep the peaks of the tones apart.
            let phase = TAU * (tone * tone) as f64 / (2 * TONES) as f64;
            (0..length)
                .map(|n| (AMPLITUDE * (TAU * hertz * f64::from(n) / f64::from(sample_rate) + phase).sin()) as i16)
                .collect()
        };
        Self { rows: (0..TONES).map(row).collect() }
    }
}

/// The tables of every sample rate asked for beforehand.
#[derive(Clone, Debug)]
pub(crate) struct Tables(HashMap<u32, Arc<Table>>);

impl Tables {
    pub(crate) fn new(sample_rates: &[u32]) -> Self {
        Self(sample_rates.iter().map(|&rate| (rate, Arc::new(Table::new(rate)))).collect())
    }

    /// A speaker at the start of an utterance.
    pub(crate) fn speaker(&self, sample_rate: u32, tone_us: u64) -> Speaker {
        let table = self.0.get(&sample_rate).cloned().unwrap_or_else(|| Arc::new(Table::new(sample_rate)));
        Speaker { table, sample_rate, tone_us: tone_us.max(u64::from(SHORTEST_MS) * 1000), spoken: 0 }
    }
}

/// Speaks the characters of one utterance one after the other.
#[derive(Debug)]
pub(crate) struct Speaker {
    table: Arc<Table>,
    sample_rate: u32,
    tone_us: u64,
    spoken: u64,
}

impl Speaker {
    /// Where the next character starts, in microseconds from the start of the utterance.
    pub(crate) fn position_us(&self) -> u64 {
        self.spoken * self.tone_us
    }

    /// How long each character is, in microseconds.
    pub(crate) fn tone_us(&self) -> u64 {
        self.tone_us
    }

    fn sample_of(&self, character: u64) -> u64 {
        character * self.tone_us * u64::from(self.sample_rate) / 1_000_000
    }

    /// Appends the sound of one character.
    pub(crate) fn speak(&mut self, character: char, samples: &mut Vec<i16>) {
        let (start, end) = (self.sample_of(self.spoken), self.sample_of(self.spoken + 1));
        let bits = chord(character, self.spoken);
        self.spoken += 1;
        let at = samples.len();
        samples.resize(at + (end - start) as usize, 0);
        for row in (0..TONES).filter(|tone| bits & (1 << tone) != 0).map(|tone| &self.table.rows[tone]) {
            let mut offset = (start % row.len() as u64) as usize;
            let mut out = &mut samples[at..];
            while !out.is_empty() {
                let run = out.len().min(row.len() - offset);
                let (now, later) = out.split_at_mut(run);
                now.iter_mut().zip(&row[offset..]).for_each(|(sum, tone)| *sum += tone);
                out = later;
                offset = 0;
            }
        }
    }
}

/// The sound of a text: `tone_ms` (at least 12) for each character.
///
/// ```
/// let samples = elevenlabs_emulator::encode("Grüße!", 16_000, 20);
/// assert_eq!(samples.len(), 6 * 320);
/// assert_eq!(elevenlabs_emulator::decode(&samples, 16_000), "Grüße!");
/// ```
pub fn encode(text: &str, sample_rate: u32, tone_ms: u32) -> Vec<i16> {
    let mut speaker = Tables::new(&[sample_rate]).speaker(sample_rate, u64::from(tone_ms) * 1000);
    let mut samples = Vec::new();
    text.chars().for_each(|character| speaker.speak(character, &mut samples));
    samples
}
