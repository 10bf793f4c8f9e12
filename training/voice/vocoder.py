"""Reference of the streaming source-filter vocoder: spectra and pitch per 5 ms frame -> 16 kHz samples."""

import numpy as np

from spectrum import BINS, FFT_SIZE, HOP, NOISE_MODULATION, OUTPUT_GAIN, SAMPLE_RATE

NOISE_SEED = 22_222
LOWEST_PITCH = 50.0  # Hz
UNVOICED_SHARE = 1e-4  # of harmonic power, below which no pulses are made


class Vocoder:
    """State of one utterance. 80 samples per frame, no look-ahead.

    Harmonic part: for every glottal pulse one impulse response irfft(amp_h * exp(j phase)), scaled by the square root of
    the period, shifted by the fraction of a sample with linear phase, added at the pulse. Noise part: white noise
    (xorshift32), modulated in step with the pitch while voiced, in 160-sample Hann windows with hop 80, filtered with
    amp_n * exp(j phase) by a 512-point FFT and overlap-added.
    """

    def __init__(self):
        self.next_pulse = 0.0  # samples from the start of the current hop
        self.last_pulse = -1e3
        self.period = 80.0  # samples
        self.seed = NOISE_SEED
        self.tail = np.zeros(FFT_SIZE + HOP)
        self.previous_noise = np.zeros(HOP)
        self.window = 0.5 - 0.5 * np.cos(2 * np.pi * (np.arange(2 * HOP) + 0.5) / (2 * HOP))
        self.radians = 2 * np.pi * np.arange(BINS) / FFT_SIZE

    def _noise(self, count):
        """White noise of unit power."""
        values, state = np.empty(count), self.seed
        for index in range(count):
            state ^= (state << 13) & 0xFFFFFFFF
            state ^= state >> 17
            state ^= (state << 5) & 0xFFFFFFFF
            values[index] = state / 2147483648.0 - 1.0
        self.seed = state
        return values * 1.7320508

    def _frame(self, f0, amp_h, amp_n, phase):
        time = np.arange(HOP)
        period = SAMPLE_RATE / max(float(f0), LOWEST_PITCH)
        rotation = np.exp(1j * phase)
        harmonic_power = float((amp_h.astype(np.float64) ** 2).sum())
        noise_power = float((amp_n.astype(np.float64) ** 2).sum())
        voiced = harmonic_power / (harmonic_power + noise_power + 1e-9)
        pulse_before = np.full(HOP, self.last_pulse)
        period_before = np.full(HOP, self.period)
        while self.next_pulse < HOP:
            start = int(self.next_pulse)
            if voiced > UNVOICED_SHARE:
                fraction = np.exp(-1j * self.radians * (self.next_pulse - start))
                response = np.fft.irfft(amp_h * rotation * fraction)
                self.tail[start : start + FFT_SIZE] += response * np.sqrt(period)
            after = time >= self.next_pulse
            pulse_before[after] = self.next_pulse
            period_before[after] = period
            self.last_pulse, self.period = self.next_pulse, period
            self.next_pulse += period
        self.next_pulse -= HOP
        self.last_pulse -= HOP
        depth = NOISE_MODULATION * voiced
        modulation = 1 + depth * np.cos(2 * np.pi * (time - pulse_before) / period_before)
        noise = self._noise(HOP) * modulation / np.sqrt(1 + 0.5 * depth * depth)
        windowed = np.concatenate([self.previous_noise, noise]) * self.window
        self.previous_noise = noise
        self.tail[:FFT_SIZE] += np.fft.irfft(np.fft.rfft(windowed, FFT_SIZE) * amp_n * rotation)
        samples = self.tail[:HOP].copy()
        self.tail = np.concatenate([self.tail[HOP:], np.zeros(HOP)])
        return samples

    def feed(self, f0, amp_h, amp_n, phase):
        """f0 [n] in Hz; amp_h, amp_n, phase [n, 257] -> float samples [80 n], full scale 1, not clamped."""
        frames = [self._frame(*frame) for frame in zip(f0, amp_h, amp_n, phase)]
        return np.concatenate(frames) * OUTPUT_GAIN if frames else np.empty(0)
