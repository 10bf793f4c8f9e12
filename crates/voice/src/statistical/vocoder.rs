//! A streaming source-filter vocoder: 5 ms of sound from each frame of the decoder, no look-ahead.
//!
//! Voiced sound is one impulse response per glottal pulse; noise is white noise, modulated with the pitch while voiced;
//! both are shaped by the frame's spectrum. Equations: `training/voice/dsp.py`, class `Vocoder`.

use std::{f32::consts::TAU, sync::Arc};

use realfft::{ComplexToReal, RealFftPlanner, RealToComplex, num_complex::Complex32};

/// Samples of a frame.
pub const HOP: usize = 80;
/// Length of the Fourier transform, in samples.
pub const FFT: usize = 512;
/// Values of a half spectrum.
pub const BINS: usize = FFT / 2 + 1;

const SAMPLE_RATE: f64 = 16_000.0;
/// Lowest pitch, in Hz. Guards against a period without end.
const LOWEST_PITCH: f64 = 50.0;
/// Share of the energy that must be voiced for a pulse to be worth its transform.
const VOICED_ENOUGH: f32 = 1e-4;

/// One frame of the decoder: pitch in Hz, amplitudes of harmonics and noise, and phase in radians, each `BINS` long.
pub struct Frame<'a> {
    pub pitch: f32,
    pub harmonic: &'a [f32],
    pub noise: &'a [f32],
    pub phase: &'a [f32],
}

/// The state that flows from frame to frame.
pub struct Vocoder {
    forward: Arc<dyn RealToComplex<f32>>,
    inverse: Arc<dyn ComplexToReal<f32>>,
    gain: f32,
    noise_modulation: f32,
    noise_state: u32,
    /// Time of the next pulse, and of the last one, in samples from the start of the frame.
    next_pulse: f64,
    last_pulse: f64,
    period: f64,
    /// Sound that reaches beyond the frame.
    tail: Vec<f32>,
    previous_noise: [f32; HOP],
    window: [f32; 2 * HOP],
    time: Vec<f32>,
    spectrum: Vec<Complex32>,
    filter: Vec<Complex32>,
}

impl Vocoder {
    /// A silent vocoder. `gain` brings its scale to ±1; the noise of a seed is always the same.
    pub fn new(gain: f64, noise_modulation: f64, noise_seed: u32) -> Self {
        let mut planner = RealFftPlanner::<f32>::new();
        let window = std::array::from_fn(|n| 0.5 - 0.5 * (TAU * (n as f32 + 0.5) / (2 * HOP) as f32).cos());
        Self {
            forward: planner.plan_fft_forward(FFT),
            inverse: planner.plan_fft_inverse(FFT),
            gain: gain as f32,
            noise_modulation: noise_modulation as f32,
            // Zero would stay zero for ever.
            noise_state: noise_seed.max(1),
            next_pulse: 0.0,
            last_pulse: -1e3,
            period: HOP as f64,
            tail: vec![0.0; FFT + HOP],
            previous_noise: [0.0; HOP],
            window,
            time: vec![0.0; FFT],
            spectrum: vec![Complex32::ZERO; BINS],
            filter: vec![Complex32::ZERO; BINS],
        }
    }

    /// Appends the `HOP` samples of a frame to `out`.
    pub fn frame(&mut self, frame: &Frame, out: &mut Vec<f32>) {
        let energy = |amplitudes: &[f32]| amplitudes.iter().map(|a| a * a).sum::<f32>();
        let (harmonic, noise) = (energy(frame.harmonic), energy(frame.noise));
        let voiced = harmonic / (harmonic + noise + 1e-9);
        for (bin, &phase) in self.filter.iter_mut().zip(frame.phase) {
            *bin = Complex32::from_polar(1.0, phase);
        }
        let modulation = self.pulses(frame, voiced);
        self.noise(frame, voiced, &modulation);
        self.emit(out);
    }

    /// Appends `frames` frames of silence, in which what is still sounding dies away.
    pub fn silence(&mut self, frames: usize, out: &mut Vec<f32>) {
        // The last noise has already been added under the falling half of its window, so it fades without a click.
        self.previous_noise = [0.0; HOP];
        (0..frames).for_each(|_| self.emit(out));
        self.next_pulse = 0.0;
        self.last_pulse = -1e3;
    }

    fn emit(&mut self, out: &mut Vec<f32>) {
        out.extend(self.tail[..HOP].iter().map(|sample| (sample * self.gain).clamp(-1.0, 1.0)));
        self.tail.copy_within(HOP.., 0);
        self.tail[FFT..].fill(0.0);
    }

    /// Adds the pulses that begin in this frame; gives the phase of the pitch period at each sample, in turns.
    fn pulses(&mut self, frame: &Frame, voiced: f32) -> [f32; HOP] {
        let period = SAMPLE_RATE / f64::from(frame.pitch).max(LOWEST_PITCH);
        let mut turns: [f32; HOP] = std::array::from_fn(|n| ((n as f64 - self.last_pulse) / self.period) as f32);
        while self.next_pulse < HOP as f64 {
            let start = self.next_pulse as usize;
            if voiced > VOICED_ENOUGH {
                let fraction = self.next_pulse - start as f64;
                self.impulse(frame.harmonic, fraction);
                let scale = period.sqrt() as f32 / FFT as f32;
                for (sum, sample) in self.tail[start..].iter_mut().zip(&self.time) {
                    *sum += sample * scale;
                }
            }
            for (n, turn) in turns.iter_mut().enumerate().filter(|(n, _)| *n as f64 >= self.next_pulse) {
                *turn = ((n as f64 - self.next_pulse) / period) as f32;
            }
            self.last_pulse = self.next_pulse;
            self.period = period;
            self.next_pulse += period;
        }
        self.next_pulse -= HOP as f64;
        self.last_pulse -= HOP as f64;
        turns
    }

    /// The impulse response of `amplitudes`, `fraction` of a sample late, into `self.time`.
    fn impulse(&mut self, amplitudes: &[f32], fraction: f64) {
        // A delay is a phase that grows with frequency: one rotation, applied again and again.
        let step = rotation(-(std::f64::consts::TAU) / FFT as f64 * fraction);
        let mut turn = (1.0f64, 0.0f64);
        for ((bin, filter), amplitude) in self.spectrum.iter_mut().zip(&self.filter).zip(amplitudes) {
            *bin = *filter * Complex32::new(turn.0 as f32, turn.1 as f32) * *amplitude;
            turn = (turn.0 * step.0 - turn.1 * step.1, turn.0 * step.1 + turn.1 * step.0);
        }
        self.inverse();
    }

    /// Adds a frame of shaped noise: windowed with half of the frame before, filtered, overlap-added.
    fn noise(&mut self, frame: &Frame, voiced: f32, turns: &[f32; HOP]) {
        let depth = self.noise_modulation * voiced;
        let level = 1.0 / (1.0 + 0.5 * depth * depth).sqrt();
        let current: [f32; HOP] =
            std::array::from_fn(|n| self.white() * (1.0 + depth * (TAU * turns[n]).cos()) * level);
        self.time.fill(0.0);
        let both = self.previous_noise.iter().chain(&current).zip(&self.window);
        for (sample, (noise, window)) in self.time.iter_mut().zip(both) {
            *sample = noise * window;
        }
        self.previous_noise = current;
        // The lengths are those of the plan, the only thing that can be wrong here.
        let _ = self.forward.process(&mut self.time, &mut self.spectrum);
        for ((bin, filter), amplitude) in self.spectrum.iter_mut().zip(&self.filter).zip(frame.noise) {
            *bin *= *filter * *amplitude;
        }
        self.inverse();
        for (sum, sample) in self.tail.iter_mut().zip(&self.time) {
            *sum += sample / FFT as f32;
        }
    }

    /// `self.spectrum` to `self.time`, not scaled.
    fn inverse(&mut self) {
        // A real signal has real values at 0 Hz and at half the sample rate.
        self.spectrum[0].im = 0.0;
        self.spectrum[BINS - 1].im = 0.0;
        let _ = self.inverse.process(&mut self.spectrum, &mut self.time);
    }

    /// White noise of variance 1: xorshift32 (Marsaglia, "Xorshift RNGs", 2003), uniform in ±√3.
    fn white(&mut self) -> f32 {
        let mut state = self.noise_state;
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        self.noise_state = state;
        ((f64::from(state) / 2_147_483_648.0 - 1.0) * 3f64.sqrt()) as f32
    }

    #[cfg(test)]
    fn still_sounding(&self) -> f32 {
        self.tail.iter().fold(0.0, |peak: f32, sample| peak.max((sample * self.gain).abs()))
    }
}

/// Cosine and sine.
fn rotation(angle: f64) -> (f64, f64) {
    (angle.cos(), angle.sin())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn speak(vocoder: &mut Vocoder, pitch: f32, harmonic: f32, noise: f32, frames: usize) -> Vec<f32> {
        let (harmonic, noise, phase) = ([harmonic; BINS], [noise; BINS], [0.0; BINS]);
        let mut out = vec![];
        for _ in 0..frames {
            vocoder.frame(&Frame { pitch, harmonic: &harmonic, noise: &noise, phase: &phase }, &mut out);
        }
        out
    }

    #[test]
    fn pulses_come_at_the_pitch() {
        let out = speak(&mut Vocoder::new(0.01, 0.6, 1), 200.0, 1.0, 0.0, 40);
        let pulses: Vec<usize> = (0..out.len()).filter(|&n| out[n] > 0.05).collect();
        let gaps: Vec<usize> = pulses.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(gaps.iter().all(|gap| (79..=81).contains(gap)), "{gaps:?}");
        assert_eq!(pulses.len(), 40);
    }

    #[test]
    fn noise_has_the_level_of_its_spectrum() {
        let out = speak(&mut Vocoder::new(1e-2, 0.6, 22_222), 100.0, 0.0, 1.0, 400);
        let power = out.iter().map(|s| f64::from(*s).powi(2)).sum::<f64>() / out.len() as f64;
        // Each noise sample comes twice, under the falling and the rising half of the window, which add up to 1.
        assert!((power / 1e-4 - 1.0).abs() < 0.05, "{power}");
    }

    #[test]
    fn silence_ends_what_is_sounding() {
        let mut vocoder = Vocoder::new(1e-2, 0.6, 1);
        speak(&mut vocoder, 120.0, 1.0, 1.0, 20);
        assert!(vocoder.still_sounding() > 0.0);
        vocoder.silence(FFT.div_ceil(HOP) + 1, &mut vec![]);
        assert!(vocoder.still_sounding() == 0.0);
    }
}
