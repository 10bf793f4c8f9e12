//! Hears in the caller's sound when the caller interrupts.

use evervoice_core::api::BargeIn;

/// Length of a block whose level is measured, in ms.
const BLOCK_MS: u64 = 20;

/// After an interruption the caller must have been silent for so long before another one counts, in ms.
const SILENCE_MS: u64 = 300;

/// Measures the caller's sound: s16le mono, in messages of any length.
#[derive(Debug)]
pub struct Guard {
    settings: BargeIn,
    /// The first half of a sample whose second half is in the next message.
    torn: Option<u8>,
    /// Samples of the present block, and the sum of their squares.
    block: (u64, f64),
    /// Speech so far, and the pause after it, in ms.
    speech_ms: u64,
    pause_ms: u64,
    /// An interruption counts.
    armed: bool,
}

impl Guard {
    /// Nothing heard so far.
    pub fn new(settings: BargeIn) -> Self {
        Self { settings, torn: None, block: (0, 0.0), speech_ms: 0, pause_ms: 0, armed: true }
    }

    /// What counts as an interruption.
    pub fn settings(&self) -> &BargeIn {
        &self.settings
    }

    /// More of the caller's sound. Tells whether the caller interrupts; only where something `can` be interrupted.
    pub fn hear(&mut self, sound: &[u8], can: bool) -> bool {
        let mut interrupts = false;
        for &byte in sound {
            let Some(low) = self.torn.take() else {
                self.torn = Some(byte);
                continue;
            };
            let sample = f64::from(i16::from_le_bytes([low, byte]));
            self.block = (self.block.0 + 1, self.block.1 + sample * sample);
            if self.block.0 * 1000 >= u64::from(self.settings.sample_rate) * BLOCK_MS {
                let (samples, squares) = std::mem::take(&mut self.block);
                // Root of the mean square, in dB of full scale; silence is −∞.
                let level = 10.0 * (squares / samples as f64 / (32_768.0 * 32_768.0)).log10();
                let speech = level >= f64::from(self.settings.min_level_dbfs);
                self.block_heard(speech);
                // Only who still speaks interrupts: a word that ended before it could is over.
                interrupts |= can && speech && self.interrupted();
            }
        }
        interrupts
    }

    fn block_heard(&mut self, speech: bool) {
        if speech {
            self.speech_ms = self.speech_ms.saturating_add(BLOCK_MS);
            self.pause_ms = 0;
            return;
        }
        self.pause_ms = self.pause_ms.saturating_add(BLOCK_MS);
        if self.pause_ms > self.settings.max_pause_ms {
            self.speech_ms = 0;
        }
        self.armed |= self.pause_ms >= SILENCE_MS;
    }

    fn interrupted(&mut self) -> bool {
        let interrupts = self.armed && self.speech_ms >= self.settings.min_speech_ms;
        if interrupts {
            (self.armed, self.speech_ms) = (false, 0);
        }
        interrupts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SPEECH: f32 = -20.0;
    const NOISE: f32 = -50.0;

    fn guard() -> Guard {
        Guard::new(BargeIn::default())
    }

    /// A tone of 200 Hz at 16 kHz whose RMS is so many dB of full scale.
    fn tone(dbfs: f32, ms: usize) -> Vec<u8> {
        let peak = 32_768.0 * 10f32.powf(dbfs / 20.0) * 2f32.sqrt();
        let sample = |at: usize| (peak * (at as f32 * std::f32::consts::TAU * 200.0 / 16_000.0).sin()) as i16;
        (0..ms * 16).flat_map(|at| sample(at).to_le_bytes()).collect()
    }

    #[test]
    fn speech_interrupts_and_short_or_quiet_sound_does_not() {
        assert!(guard().hear(&tone(SPEECH, 200), true));
        assert!(!guard().hear(&tone(SPEECH, 180), true), "too short");
        assert!(!guard().hear(&tone(NOISE, 5_000), true), "too quiet");
        assert!(!guard().hear(&vec![0; 32_000], true), "digital silence");
        assert!(guard().hear(&tone(-34.9, 200), true) && !guard().hear(&tone(-35.1, 200), true), "the level is RMS");
    }

    #[test]
    fn pauses_between_syllables_do_not_start_the_count_anew() {
        let syllables = |pause| [tone(SPEECH, 100), tone(NOISE, pause), tone(SPEECH, 100)].concat();
        assert!(guard().hear(&syllables(80), true));
        assert!(!guard().hear(&syllables(100), true));
    }

    #[test]
    fn who_interrupted_must_be_silent_before_it_counts_again() {
        let mut guard = guard();
        assert!(guard.hear(&tone(SPEECH, 300), true));
        assert!(!guard.hear(&tone(SPEECH, 5_000), true), "still the same interruption");
        assert!(!guard.hear(&[tone(NOISE, 280), tone(SPEECH, 1_000)].concat(), true), "a breath");
        assert!(guard.hear(&[tone(NOISE, 300), tone(SPEECH, 200)].concat(), true));
    }

    #[test]
    fn who_speaks_on_interrupts_as_soon_as_it_can() {
        let mut guard = guard();
        assert!(!guard.hear(&tone(SPEECH, 1_000), false));
        assert!(guard.hear(&tone(SPEECH, 20), true));
    }

    #[test]
    fn silence_after_a_word_that_could_not_interrupt_does_not_either() {
        let mut guard = guard();
        assert!(!guard.hear(&tone(SPEECH, 280), false));
        assert!(!guard.hear(&[0; 6_400], true));
    }

    #[test]
    fn messages_may_tear_samples_and_blocks() {
        let sound = tone(SPEECH, 200);
        for length in [1, 3, 7, 639, 641] {
            let mut guard = guard();
            let heard: Vec<bool> = sound.chunks(length).map(|piece| guard.hear(piece, true)).collect();
            assert_eq!(heard.iter().filter(|interrupts| **interrupts).count(), 1, "{length}");
            assert!(heard[heard.len() - 1], "{length}: with the last block");
        }
    }
}
