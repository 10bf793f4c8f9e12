//! Samples to characters.

use std::f32::consts::TAU;

use super::chord::character;
use super::{AT_ONCE, LOWEST, SPACING_HZ, TONES};

/// Everything of interest is below half of this.
const RATE: u32 = 8000;
/// The time looked at, in samples: one period of the spacing, over which all tones are orthogonal.
const WINDOW: usize = (RATE / SPACING_HZ) as usize;
/// From one look to the next, in samples.
const HOP: usize = 4;
const HOPS: usize = WINDOW / HOP;
/// A tone of an amplitude below this (of 32768) is no tone.
const FAINTEST: f32 = 60.0;

/// Seen less often in a row, it is chance.
const LEAST: usize = 3;

/// The text of the audible characters, in order. Silence is skipped, and so is what is not a character: noise, the torn end
/// of a cut one, two that sound at once.
///
/// Needs no marks and no alignment: it finds the characters in any part of any mixture of utterances and silence, at any
/// sample rate from 8 kHz (in Hz), quiet or loud, whatever the length of a character (12 ms or more).
pub fn decode(samples: &[i16], sample_rate: u32) -> String {
    let chords = chords(&at_8_khz(samples, sample_rate));
    let runs = mend(real(runs(&chords).into_iter().filter(|run| run.hops >= LEAST).collect()));
    let usual = usual_length(&runs);
    runs.iter().filter(|run| run.hops * 5 >= usual * 2).map(|run| run.character).collect()
}

/// Cubic interpolation: good enough where nothing sounds above half the new rate.
fn at_8_khz(samples: &[i16], sample_rate: u32) -> Vec<f32> {
    let at = |index: i64| f32::from(samples[index.clamp(0, samples.len() as i64 - 1) as usize]);
    let length = (samples.len() as u64 * u64::from(RATE)).checked_div(u64::from(sample_rate)).unwrap_or(0);
    let point = |n: u64| {
        let place = n * u64::from(sample_rate);
        let (whole, part) = ((place / u64::from(RATE)) as i64, (place % u64::from(RATE)) as f32 / RATE as f32);
        if part == 0.0 {
            return at(whole);
        }
        let [a, b, c, d] = [at(whole - 1), at(whole), at(whole + 1), at(whole + 2)];
        let (bend, slope) = (a - 2.5 * b + 2.0 * c - 0.5 * d, 0.5 * (c - a));
        b + part * (slope + part * (bend + part * (0.5 * (d - a) + 1.5 * (b - c))))
    };
    (0..length).map(point).collect()
}

/// What each look sees.
fn chords(samples: &[f32]) -> Vec<Option<(char, u8)>> {
    let angle = |tone: usize, n: usize| TAU * ((tone + LOWEST as usize) * n % WINDOW) as f32 / WINDOW as f32;
    let waves: Vec<[[f32; 2]; TONES]> =
        (0..WINDOW).map(|n| std::array::from_fn(|tone| [angle(tone, n).cos(), angle(tone, n).sin()])).collect();
    let mut parts = [[[0f32; 2]; TONES]; HOPS];
    let mut seen = Vec::with_capacity(samples.len() / HOP);
    let mut last = None;
    for (hop, block) in samples.chunks_exact(HOP).enumerate() {
        let part = &mut parts[hop % HOPS];
        *part = [[0.0; 2]; TONES];
        for (sample, wave) in block.iter().zip(&waves[hop % HOPS * HOP..]) {
            for (sum, wave) in part.iter_mut().zip(wave) {
                sum[0] += sample * wave[0];
                sum[1] += sample * wave[1];
            }
        }
        let bits = sounding(&parts);
        // Most looks see what the one before saw.
        last = match last {
            Some((before, character)) if before == bits => Some((before, character)),
            _ => Some((bits, character(bits))),
        };
        seen.push(last.and_then(|(_, character)| character));
    }
    seen
}

/// The tones that sound throughout the window, as bits; 0 when that is not clear.
fn sounding(parts: &[[[f32; 2]; TONES]; HOPS]) -> u32 {
    let mut sums = [[0f32; 2]; TONES];
    for part in parts {
        for (sum, part) in sums.iter_mut().zip(part) {
            sum[0] += part[0];
            sum[1] += part[1];
        }
    }
    let powers = sums.map(|[real, imaginary]| real * real + imaginary * imaginary);
    let usual = powers.iter().sum::<f32>() / AT_ONCE as f32;
    if usual < (FAINTEST * WINDOW as f32 / 2.0).powi(2) {
        return 0;
    }
    let mut bits = 0;
    for (tone, &power) in powers.iter().enumerate() {
        if power > 0.3 * usual {
            bits |= 1 << tone;
        } else if power > 0.2 * usual {
            return 0;
        }
    }
    bits
}

/// The same character seen again and again.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Run {
    character: char,
    place: u8,
    start: usize,
    hops: usize,
}

impl Run {
    /// Clearly shorter than a whole one.
    fn is_part(&self, usual: usize) -> bool {
        self.hops * 4 < usual * 3
    }

    fn is_same(&self, other: &Self) -> bool {
        (self.character, self.place) == (other.character, other.place)
    }
}

fn runs(seen: &[Option<(char, u8)>]) -> Vec<Run> {
    // Looks that see nothing within one character, because of noise.
    const BLINK: usize = 3;
    let mut runs: Vec<Run> = Vec::new();
    for (hop, &seen) in seen.iter().enumerate() {
        let Some((character, place)) = seen else { continue };
        match runs.last_mut() {
            Some(run) if (run.character, run.place) == (character, place) && hop - (run.start + run.hops) <= BLINK => {
                run.hops = hop + 1 - run.start;
            }
            _ => runs.push(Run { character, place, start: hop, hops: 1 }),
        }
    }
    runs
}

/// Leaves out what is seen for a moment while one character goes over into the one that follows it by its place.
fn real(mut runs: Vec<Run>) -> Vec<Run> {
    let follows = |one: &Run, other: &Run| (one.place + 1) % 4 == other.place;
    let mut index = 1;
    while index + 1 < runs.len() {
        let (before, run, after) = (&runs[index - 1], &runs[index], &runs[index + 1]);
        if run.hops <= LEAST + 1 && follows(before, after) {
            runs.remove(index);
        } else {
            index += 1;
        }
    }
    runs
}

/// Puts the two parts of a character together that silence was put between: both are shorter than whole ones.
fn mend(runs: Vec<Run>) -> Vec<Run> {
    let usual = usual_length(&runs);
    let mut mended: Vec<Run> = Vec::with_capacity(runs.len());
    for run in runs {
        match mended.last_mut() {
            Some(before) if before.is_same(&run) && before.is_part(usual) && run.is_part(usual) => {
                before.hops += run.hops
            }
            _ => mended.push(run),
        }
    }
    mended
}

/// The length of a whole character, in hops: that of most.
fn usual_length(runs: &[Run]) -> usize {
    let mut lengths: Vec<usize> = runs.iter().map(|run| run.hops).collect();
    lengths.sort_unstable();
    lengths.get(lengths.len() / 2).copied().unwrap_or(LEAST)
}
