//! How loud a voice speaks.

use std::collections::VecDeque;

/// Length of a block whose level is measured, in ms: a few periods of a low voice.
const BLOCK_MS: usize = 20;

/// A quieter block is a pause: −50 dBFS, as the mean of the squared samples, `32768² · 10^(−50/10)`.
const ACTIVE: f64 = 32_768.0 * 32_768.0 * 1e-5;

/// Blocks that count: 3 s of speech.
const BLOCKS: usize = 3_000 / BLOCK_MS;

/// The level of a voice.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Root mean square of what is no pause, in steps of 16 bit.
    pub rms: f64,
    /// The largest sample, without its sign.
    pub peak: u16,
}

/// Measures the level of speech, pauses left out, over its last 3 s.
#[derive(Debug, Clone)]
pub struct LevelMeter {
    /// Samples of a block.
    block: usize,
    sum: f64,
    count: usize,
    /// Mean squares of the last blocks that are no pause.
    powers: VecDeque<f64>,
    peak: u16,
}

impl LevelMeter {
    /// For sound at this rate, in Hz.
    pub fn new(sample_rate: u32) -> Self {
        let block = (sample_rate as usize * BLOCK_MS / 1_000).max(1);
        Self { block, sum: 0.0, count: 0, powers: VecDeque::with_capacity(BLOCKS), peak: 0 }
    }

    /// Takes more sound.
    pub fn push(&mut self, samples: &[i16]) {
        for sample in samples {
            self.peak = self.peak.max(sample.unsigned_abs());
            self.sum += f64::from(*sample).powi(2);
            self.count += 1;
            if self.count == self.block {
                self.block_over();
            }
        }
    }

    fn block_over(&mut self) {
        let power = std::mem::take(&mut self.sum) / std::mem::take(&mut self.count) as f64;
        if power > ACTIVE {
            if self.powers.len() == BLOCKS {
                self.powers.pop_front();
            }
            self.powers.push_back(power);
        }
    }

    /// The level; `None` as long as nothing but pauses has come. Of less than a block it is a guess.
    pub fn level(&self) -> Option<Level> {
        let mean = match self.powers.len() {
            0 => self.sum / self.count.max(1) as f64,
            blocks => self.powers.iter().sum::<f64>() / blocks as f64,
        };
        (mean > ACTIVE).then(|| Level { rms: mean.sqrt(), peak: self.peak })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A tone of 200 Hz at 16 kHz.
    fn tone(amplitude: f64, ms: usize) -> Vec<i16> {
        (0..16 * ms).map(|n| (amplitude * (std::f64::consts::TAU * n as f64 / 80.0).sin()) as i16).collect()
    }

    #[test]
    fn pauses_do_not_count_and_the_past_is_forgotten() {
        let mut meter = LevelMeter::new(16_000);
        meter.push(&tone(50.0, 500));
        assert_eq!(meter.level(), None, "a tone below -50 dBFS is a pause");
        meter.push(&tone(10_000.0, 500));
        meter.push(&[0; 16_000]);
        let level = meter.level().unwrap();
        assert!((level.rms - 10_000.0 / 2f64.sqrt()).abs() < 10.0, "{level:?}");
        assert!((9_990..=10_000).contains(&level.peak));
        meter.push(&tone(1_000.0, 3_000));
        assert!((meter.level().unwrap().rms - 1_000.0 / 2f64.sqrt()).abs() < 2.0);
    }
}
