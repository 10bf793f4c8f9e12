//! Two voices one after the other, as if it were one sound: the second as loud as the first, and no click between them.

use std::time::Duration;

use evervoice_core::audio::AudioChunk;

use super::level::{Level, LevelMeter};

/// Sound that is held back for a join, in µs.
const HELD_US: usize = 8_000;

/// The same, as a time.
pub const HELD: Duration = Duration::from_micros(HELD_US as u64);

/// How far from its end the first voice may be cut, to end where its wave passes zero, in µs.
const TAIL_US: usize = 3_000;

/// How much of the second voice may be left out, to begin where its wave passes zero, in µs.
const HEAD_US: usize = 2_000;

/// Lengths of a cross-fade, in µs: the longest one that does not click is taken.
const FADES_US: [usize; 6] = [5_000, 4_000, 3_000, 2_000, 1_000, 0];

/// The most that a voice is amplified, and by its inverse weakened: 12 dB.
const MAX_GAIN: f64 = 3.981;

/// Joins the sounds of several voices to one. All are mono, at one rate.
///
/// It holds back the last 8 ms, so `text_end` of a chunk that leaves is up to 8 ms early.
pub struct Joiner {
    sample_rate: u32,
    /// The end of what has come, amplified, not sent.
    tail: Vec<i16>,
    /// What the tail says up to its end, when no chunk has told so yet.
    text_end: Option<usize>,
    /// What is heard.
    heard: LevelMeter,
    /// The present voice as it is made.
    voice: LevelMeter,
    gain: f64,
    /// The level that a new voice has to meet, until its gain is set.
    target: Option<Level>,
    /// What is known of the new voice.
    known: Option<Level>,
    /// The next sound is the first one of a new voice.
    switched: bool,
}

impl Joiner {
    /// For sound at this rate, in Hz.
    pub fn new(sample_rate: u32) -> Self {
        let meter = LevelMeter::new(sample_rate);
        let (heard, voice, gain) = (meter.clone(), meter, 1.0);
        let (tail, text_end, target, known, switched) = (Vec::new(), None, None, None, false);
        Self { sample_rate, tail, text_end, heard, voice, gain, target, known, switched }
    }

    /// From the next sound on another voice speaks. `known` is its level, as [`level`](Self::level) told it before; else it
    /// is measured by the first chunk that is no pause.
    pub fn switch(&mut self, known: Option<Level>) {
        self.voice = LevelMeter::new(self.sample_rate);
        (self.gain, self.known, self.target) = (1.0, known, self.heard.level());
        self.switched = true;
    }

    /// The level of the present voice as it is made, before its gain; `None` while nothing but pauses has come.
    pub fn level(&self) -> Option<Level> {
        self.voice.level()
    }

    /// Takes sound; returns what is ready, never empty.
    pub fn push(&mut self, chunk: AudioChunk) -> Option<AudioChunk> {
        let AudioChunk { mut samples, text_end } = chunk;
        self.voice.push(&samples);
        self.set_gain();
        self.amplify(&mut samples);
        self.heard.push(&samples);
        if std::mem::take(&mut self.switched) && !self.tail.is_empty() {
            samples = join(&self.tail, &samples, self.sample_rate);
        } else {
            samples.splice(..0, self.tail.drain(..));
        }
        let ready = samples.len().saturating_sub(samples_in(HELD_US, self.sample_rate));
        self.tail = samples.split_off(ready);
        if samples.is_empty() {
            self.text_end = text_end;
            return None;
        }
        self.text_end = None;
        Some(AudioChunk { samples, text_end })
    }

    /// What was held back, once nothing more comes.
    pub fn finish(&mut self) -> Option<AudioChunk> {
        let (samples, text_end) = (std::mem::take(&mut self.tail), self.text_end.take());
        (!samples.is_empty()).then_some(AudioChunk { samples, text_end })
    }

    /// Sets the gain of a new voice, once it can be told. It stays until the next switch.
    fn set_gain(&mut self) {
        let (Some(target), Some(level)) = (self.target, self.known.or(self.voice.level())) else { return };
        self.gain = (target.rms / level.rms).clamp(1.0 / MAX_GAIN, MAX_GAIN);
        // A peak of the voice that is known must not clip; being quieter is the lesser evil.
        self.gain = self.gain.min(LOUDEST / f64::from(level.peak.max(1)));
        self.target = None;
    }

    /// Should a peak clip that was not known, the gain falls for good, from where the wave passes zero before it.
    fn amplify(&mut self, samples: &mut [i16]) {
        let mut from = 0;
        if self.gain > 1.0
            && let Some(clips) =
                samples.iter().position(|sample| f64::from(sample.unsigned_abs()) * self.gain > LOUDEST)
        {
            let zero = (1..=clips).rev().find(|at| crosses(samples, *at)).unwrap_or(0);
            scale(&mut samples[..zero], self.gain);
            let peak = samples[zero..].iter().map(|sample| sample.unsigned_abs()).max().unwrap_or(1);
            (self.gain, from) = (LOUDEST / f64::from(peak), zero);
        }
        scale(&mut samples[from..], self.gain);
    }
}

const LOUDEST: f64 = i16::MAX as f64;

fn scale(samples: &mut [i16], gain: f64) {
    if gain != 1.0 {
        // The cast saturates.
        samples.iter_mut().for_each(|sample| *sample = (f64::from(*sample) * gain).round() as i16);
    }
}

fn samples_in(us: usize, sample_rate: u32) -> usize {
    us * sample_rate as usize / 1_000_000
}

/// Whether the wave passes zero between the sample before `at` and that one.
fn crosses(samples: &[i16], at: usize) -> bool {
    at < samples.len() && (samples[at - 1] >= 0) != (samples[at] >= 0)
}

/// The end of one voice and the begin of another, cross-faded where neither is cut audibly: at places where their waves pass
/// zero, the next best ones should it click there.
fn join(old: &[i16], new: &[i16], sample_rate: u32) -> Vec<i16> {
    let us = |us| samples_in(us, sample_rate);
    let furthest = old.len().saturating_sub(us(TAIL_US)).max(1);
    let ends: Vec<usize> = (furthest..old.len()).rev().filter(|at| crosses(old, *at)).chain([old.len()]).collect();
    let begins: Vec<usize> = (1..us(HEAD_US).min(new.len())).filter(|at| crosses(new, *at)).chain([0]).collect();
    let head = &new[..us(HELD_US).min(new.len())];
    let allowed = steepest(old).max(steepest(head));
    let mut best = (i32::MAX, 0, 0, 0, 0.0);
    // At equal power; then at equal amplitude, which is gentler where the steepest places of both meet.
    'search: for least_alike in [0.0, 1.0] {
        for &end in &ends {
            for &begin in &begins {
                for fade in FADES_US.map(|fade| us(fade).min(end).min(head.len() - begin)) {
                    let jump = steepest(&cross_fade(&old[..end], &head[begin..], fade, least_alike));
                    if jump < best.0 {
                        best = (jump, end, begin, fade, least_alike);
                    }
                    if jump <= allowed {
                        break 'search;
                    }
                }
            }
        }
    }
    let (_, end, begin, fade, least_alike) = best;
    cross_fade(&old[..end], &new[begin..], fade, least_alike)
}

/// The largest step from one sample to the next.
fn steepest(samples: &[i16]) -> i32 {
    samples.windows(2).map(|pair| (i32::from(pair[1]) - i32::from(pair[0])).abs()).max().unwrap_or(0)
}

/// Lets the last `fade` samples of one sound go over into the first ones of the other, at equal power.
///
/// The gains are `cos(πt/2)` and `sin(πt/2)`, whose squares (raised cosines) add up to 1: the power of two sounds that have
/// nothing to do with each other stays. Where they are alike, with the correlation `r`, it would be `1 + 2·cos·sin·r`, and is
/// divided by that. The correlation counts as at least `least_alike`; at 1 the gains themselves add up to 1.
fn cross_fade(old: &[i16], new: &[i16], fade: usize, least_alike: f64) -> Vec<i16> {
    let (kept, fading) = old.split_at(old.len() - fade);
    let product = |a: &[i16], b: &[i16]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum::<f64>();
    let coming = &new[..fade];
    let power = (product(fading, fading) * product(coming, coming)).sqrt();
    let alike = if power > 0.0 { (product(fading, coming) / power).max(least_alike) } else { least_alike };
    let mut joined = kept.to_vec();
    joined.extend(fading.iter().zip(coming).enumerate().map(|(n, (out, into))| {
        let (rising, falling) = (std::f64::consts::FRAC_PI_2 * (n as f64 + 0.5) / fade as f64).sin_cos();
        let mixed = f64::from(*out) * falling + f64::from(*into) * rising;
        (mixed / (1.0 + 2.0 * falling * rising * alike).sqrt()).round() as i16
    }));
    joined.extend_from_slice(&new[fade..]);
    joined
}

#[cfg(test)]
mod tests {
    use std::f64::consts::TAU;

    use elevenlabs_emulator::{decode, encode};
    use proptest::prelude::*;

    use super::*;

    const RATE: u32 = 16_000;

    fn tone(hz: f64, amplitude: f64, phase: f64, ms: usize) -> Vec<i16> {
        let wave = |n| amplitude * (TAU * (hz * f64::from(n) / f64::from(RATE) + phase)).sin();
        (0..16 * ms as u32).map(|n| wave(n).round() as i16).collect()
    }

    fn push(joiner: &mut Joiner, samples: &[i16]) -> Vec<i16> {
        let chunk = AudioChunk { samples: samples.to_vec(), text_end: None };
        joiner.push(chunk).map_or_else(Vec::new, |chunk| chunk.samples)
    }

    /// One voice after the other, in chunks of so many samples.
    fn joined(old: &[i16], new: &[i16], known: Option<Level>, chunk: usize) -> Vec<i16> {
        let (mut joiner, mut out) = (Joiner::new(RATE), Vec::new());
        old.chunks(chunk).for_each(|samples| out.extend(push(&mut joiner, samples)));
        joiner.switch(known);
        new.chunks(chunk).for_each(|samples| out.extend(push(&mut joiner, samples)));
        out.extend(joiner.finish().map_or_else(Vec::new, |chunk| chunk.samples));
        out
    }

    fn level(samples: &[i16]) -> Level {
        let mut meter = LevelMeter::new(RATE);
        meter.push(samples);
        meter.level().unwrap()
    }

    #[test]
    fn one_voice_passes_unchanged() {
        let samples = tone(300.0, 20_000.0, 0.1, 500);
        let (mut joiner, mut out) = (Joiner::new(RATE), Vec::new());
        for (at, part) in samples.chunks(77).enumerate() {
            let text_end = Some(at);
            match joiner.push(AudioChunk { samples: part.to_vec(), text_end }) {
                Some(chunk) => {
                    assert_eq!(chunk.text_end, text_end);
                    out.extend(chunk.samples);
                }
                None => assert!(at < 2, "8 ms are 128 samples"),
            }
            assert_eq!(out.len(), ((at + 1) * 77).min(samples.len()).saturating_sub(128));
        }
        out.extend(joiner.finish().unwrap().samples);
        assert_eq!(out, samples);
        assert_eq!(joiner.finish(), None);
        let mut short = Joiner::new(RATE);
        assert_eq!(short.push(AudioChunk { samples: vec![5; 3], text_end: Some(1) }), None);
        assert_eq!(short.finish(), Some(AudioChunk { samples: vec![5; 3], text_end: Some(1) }));
    }

    #[test]
    fn a_new_voice_is_as_loud_as_the_old_one() {
        let (old, quiet) = (tone(200.0, 8_000.0, 0.0, 1_000), tone(310.0, 3_000.0, 0.0, 1_000));
        let gained = |new: &[i16], known| {
            let out = joined(&old, new, known, 3_200);
            level(&out[out.len() - 8_000..]).rms / level(&old).rms
        };
        assert!((gained(&quiet, None) - 1.0).abs() < 0.02, "measured");
        assert!((gained(&quiet, Some(level(&quiet))) - 1.0).abs() < 0.02, "known");
        let twice = Level { rms: level(&quiet).rms * 2.0, ..level(&quiet) };
        assert!((gained(&quiet, Some(twice)) - 0.5).abs() < 0.02, "what is known counts");
        let whisper = tone(310.0, 500.0, 0.0, 1_000);
        assert!((gained(&whisper, None) - MAX_GAIN / 16.0).abs() < 0.02, "12 dB and no more");
        let shout = tone(310.0, 32_000.0, 0.0, 1_000);
        let out = joined(&tone(200.0, 1_000.0, 0.0, 1_000), &shout, None, 3_200);
        assert!((level(&out[out.len() - 8_000..]).rms / level(&shout).rms - 1.0 / MAX_GAIN).abs() < 0.02);
    }

    #[test]
    fn a_pause_says_nothing_of_a_voice() {
        let (old, new) = (tone(200.0, 8_000.0, 0.0, 1_000), tone(310.0, 4_000.0, 0.0, 1_000));
        let out = joined(&old, &[vec![0; 6_400], new].concat(), None, 3_200);
        assert!((level(&out[out.len() - 8_000..]).rms / level(&old).rms - 1.0).abs() < 0.02);
        let silent_before = joined(&vec![0; 8_000], &tone(310.0, 4_000.0, 0.0, 500), None, 3_200);
        assert_eq!(silent_before.iter().max(), Some(&4_000), "nothing to be as loud as");
    }

    #[test]
    fn a_peak_does_not_clip() {
        let old = tone(200.0, 20_000.0, 0.0, 1_000);
        // Known: no louder than it may be from the start.
        let mut new = tone(310.0, 8_000.0, 0.0, 500);
        let known = Level { peak: 25_000, ..level(&new) };
        let out = joined(&old, &new, Some(known), 1_600);
        let peak = out[out.len() - 4_000..].iter().max().copied().unwrap();
        assert!((i32::from(peak) - (8_000.0 * LOUDEST / 25_000.0) as i32).abs() < 100, "{peak}");
        // Not known: lower from where the wave passes zero before it, and for good.
        new.extend(tone(310.0, 25_000.0, 0.0, 100));
        new.extend(tone(310.0, 8_000.0, 0.0, 500));
        let out = joined(&old, &new, None, 1_600);
        let loud = &out[old.len() + 8_000..];
        assert!(steepest(loud) <= 4_100, "no step at the change: {}", steepest(loud));
        assert!(loud.windows(2).all(|pair| pair != [i16::MAX; 2]), "a clipped wave is flat");
        let after = out[out.len() - 4_000..].iter().max().copied().unwrap();
        assert!((10_000..10_600).contains(&after), "{after}");
    }

    #[test]
    fn equal_sounds_cross_over_without_a_bump() {
        let one = tone(250.0, 10_000.0, 0.0, 20);
        let both = cross_fade(&one, &one, 64, 0.0);
        assert_eq!(both.len(), 640 - 64);
        let wave = |n: usize| one[n % 64];
        assert!(both.iter().enumerate().all(|(n, sample)| (sample - wave(n)).abs() <= 1), "the wave goes on");
        let (left, right) = (tone(250.0, 10_000.0, 0.0, 8), tone(1_250.0, 10_000.0, 0.0, 8));
        let middle = cross_fade(&left, &right, 128, 0.0);
        let power = middle.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / middle.len() as f64;
        assert!((power / 5e7 - 1.0).abs() < 0.02, "sounds with nothing in common: equal power");
    }

    /// What a vocal cord makes: a tone and its harmonics.
    fn voiced(hz: f64, amplitude: f64, phase: f64) -> Vec<i16> {
        let wave = |n: u32| {
            let at = TAU * (hz * f64::from(n) / f64::from(RATE) + phase);
            let harmonics = (1..=8).map(|k| (f64::from(k) * at + f64::from(k * k)).sin() / f64::from(k));
            (amplitude * harmonics.sum::<f64>() / 2.0).round() as i16
        };
        (0..16 * 300).map(wave).collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn no_click_and_nothing_of_length_is_lost(
            hz in (80.0..400.0, 80.0..400.0), phases in (0.0..1.0, 0.0..1.0), loud in (500.0..30_000.0, 500.0..30_000.0),
            chunk in 100usize..4_000,
        ) {
            let (old, new) = (voiced(hz.0, loud.0, phases.0), voiced(hz.1, loud.1, phases.1));
            let out = joined(&old, &new, None, chunk);
            let lost = old.len() + new.len() - out.len();
            prop_assert!(lost <= samples_in(TAIL_US + HEAD_US + FADES_US[0], RATE), "{} samples", lost);
            // At its end the new voice is itself, by its gain; which is rounded, for each sample.
            let gain = level(&out[out.len() - 1_600..]).rms / level(&new[new.len() - 1_600..]).rms;
            let allowed = steepest(&old).max((f64::from(steepest(&new)) * gain) as i32 + 2);
            let join = &out[old.len() - 300..old.len() + 300];
            prop_assert!(steepest(join) <= allowed, "{} > {}", steepest(join), allowed);
        }

        #[test]
        fn every_character_is_heard_once(
            texts in ("[a-m ]{0,20}[a-m]", "[n-z][n-z ]{0,20}"), quieter in 1i16..4, chunk in 100usize..4_000,
        ) {
            let new: Vec<i16> = encode(&texts.1, RATE, 20).iter().map(|sample| sample / quieter).collect();
            let out = joined(&encode(&texts.0, RATE, 20), &new, None, chunk);
            prop_assert_eq!(decode(&out, RATE), format!("{}{}", texts.0, texts.1));
        }
    }
}
