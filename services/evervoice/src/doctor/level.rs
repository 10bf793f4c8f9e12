//! How loud sound is.

/// Below this peak nobody hears anything, in dBFS.
const SILENCE: f64 = -50.0;
/// Speech below this root mean square is hard to hear on a telephone, in dBFS. Usual are −30 to −15.
const QUIET: f64 = -40.0;
/// Share of samples at full scale beyond which sound is distorted. A loud vowel touches it with a few.
const CLIPPED: f64 = 0.001;
/// What is shown for no sound at all, whose logarithm is minus infinity; 16 bit end at −90.
const FLOOR: f64 = -120.0;

/// The level of some sound.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Level {
    /// Root mean square, in dBFS: 20·log10(√(Σx²/n) / 32768).
    pub rms: f64,
    /// Loudest sample, in dBFS.
    pub peak: f64,
    /// Share of samples at full scale.
    clipped: f64,
}

impl Level {
    /// Of these samples.
    pub fn of(samples: &[i16]) -> Self {
        let count = samples.len().max(1) as f64;
        let squares: f64 = samples.iter().map(|sample| f64::from(*sample).powi(2)).sum();
        let peak = samples.iter().map(|sample| sample.unsigned_abs()).max().unwrap_or_default();
        let clipped = samples.iter().filter(|sample| matches!(**sample, i16::MIN | i16::MAX)).count();
        let decibels = |amplitude: f64| (20.0 * (amplitude / 32_768.0).log10()).max(FLOOR);
        Self {
            rms: decibels((squares / count).sqrt()),
            peak: decibels(f64::from(peak)),
            clipped: clipped as f64 / count,
        }
    }

    /// Whether nothing can be heard.
    pub fn is_silent(&self) -> bool {
        self.peak < SILENCE
    }

    /// Whether it is hard to hear.
    pub fn is_quiet(&self) -> bool {
        self.rms < QUIET
    }

    /// Whether it is distorted by being too loud.
    pub fn is_clipped(&self) -> bool {
        self.clipped > CLIPPED
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sine(amplitude: f64) -> Vec<i16> {
        let wave = |i: u32| (f64::from(i) / 16_000.0 * 440.0 * std::f64::consts::TAU).sin();
        (0..16_000).map(|i| (wave(i) * amplitude).clamp(-32_768.0, 32_767.0).round() as i16).collect()
    }

    #[test]
    fn a_sine_is_three_decibels_below_its_peak() {
        let level = Level::of(&sine(16_384.0));
        assert!((level.peak + 6.02).abs() < 0.01, "{level:?}");
        assert!((level.rms + 9.03).abs() < 0.01, "{level:?}");
        assert!(!level.is_silent() && !level.is_quiet() && !level.is_clipped());
    }

    #[test]
    fn silence_whispers_and_distortion_are_told_apart() {
        for samples in [vec![], vec![0; 100], sine(50.0)] {
            assert!(Level::of(&samples).is_silent());
        }
        let whisper = Level::of(&sine(200.0));
        assert!(whisper.is_quiet() && !whisper.is_silent());
        assert!(Level::of(&sine(40_000.0)).is_clipped());
        assert!(!Level::of(&sine(32_767.0)).is_quiet());
    }
}
