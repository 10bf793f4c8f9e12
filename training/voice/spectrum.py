"""Constants of the voice's spectral representation, shared by the networks, the vocoder and the evaluation.

The teacher describes a spectrum by 45 mel-cepstral coefficients c of 32 kHz speech on a warped frequency axis
(Tokuda et al., "Mel-generalized cepstral analysis", ICSLP 1994; all-pass constant 0.45):
log H(w) = sum over m of c[m] exp(-j m beta(w)). Log magnitude and minimum phase are therefore two constant matrices.
"""

import numpy as np

SAMPLE_RATE = 16_000  # Hz
HOP = 80  # samples per frame: 5 ms
FFT_SIZE = 512
BINS = FFT_SIZE // 2 + 1
CEPSTRA = 45
TEACHER_RATE = 32_000  # Hz
ALL_PASS = 0.45
APERIODICITY_KNOTS = np.array([500.0, 1500.0, 3000.0, 5000.0, 7000.0])  # Hz
HIGH_PASS = 35.0  # Hz; removes the teacher's direct current
PULSE_DELAY = 16  # samples: keeps the ringing before a pulse from wrapping round in the inverse FFT
DISPERSION_MS = 0.4  # largest group delay of the fixed dispersion, which makes the voice less buzzy
DISPERSION_START = 1500.0  # Hz
DISPERSION_PERIOD = 2600.0  # Hz
EXCITATION_GAIN = np.float32(1 / np.sqrt(2))  # the 16 kHz pulse train has half the power of the 32 kHz one
LOUDNESS = 1.8  # +5 dB over the teacher
NOISE_MODULATION = 0.6  # depth of the noise's modulation by the pitch

BIN_HZ = np.arange(BINS) * SAMPLE_RATE / FFT_SIZE


def warp(hertz):
    """Frequency in Hz (at most 8000) -> radians on the teacher's warped axis."""
    radians = 2 * np.pi * np.asarray(hertz, np.float64) / TEACHER_RATE
    return radians + 2 * np.arctan(ALL_PASS * np.sin(radians) / (1 - ALL_PASS * np.cos(radians)))


def cepstral_basis(hertz):
    """Matrices [45, len(hertz)] from mel-cepstra to (log magnitude, phase) at the given frequencies."""
    angles = np.outer(np.arange(CEPSTRA), warp(hertz))
    return np.cos(angles).astype(np.float32), (-np.sin(angles)).astype(np.float32)


def _hz_to_mel(hertz):
    return 1127 * np.log1p(np.asarray(hertz) / 700.0)


def _mel_to_hz(mel):
    return 700 * np.expm1(np.asarray(mel) / 1127.0)


def _knot_interpolation():
    """[5, 257]: linear interpolation over frequency between the aperiodicity knots, constant outside them."""
    matrix = np.zeros((len(APERIODICITY_KNOTS), BINS), np.float32)
    for column, hertz in enumerate(BIN_HZ):
        left = int(np.clip(np.searchsorted(APERIODICITY_KNOTS, hertz) - 1, 0, len(APERIODICITY_KNOTS) - 2))
        low, high = APERIODICITY_KNOTS[left], APERIODICITY_KNOTS[left + 1]
        share = float(np.clip((hertz - low) / (high - low), 0, 1))
        matrix[left, column] += 1 - share
        matrix[left + 1, column] += share
    return matrix


def _dispersion():
    """Phase whose group delay swings slowly over frequency, rising smoothly from 0 at DISPERSION_START."""
    above = np.clip(BIN_HZ - DISPERSION_START, 0, None)
    swing = np.sin(2 * np.pi * above / DISPERSION_PERIOD) * np.minimum(above / 1500.0, 1)
    delay = DISPERSION_MS * 1e-3 * SAMPLE_RATE * swing
    return (-np.cumsum(delay) * (2 * np.pi / FFT_SIZE)).astype(np.float32)


COSINE_BASIS, SINE_BASIS = cepstral_basis(BIN_HZ)  # [45, 257] each
MEL_HZ = _mel_to_hz(np.linspace(_hz_to_mel(60), _hz_to_mel(7900), 64))
MEL_BASIS, _ = cepstral_basis(MEL_HZ)  # [45, 64], for the training loss
APERIODICITY_BASIS = _knot_interpolation()
# Second-order causal high-pass: its magnitude, and its phase as part of PHASE_OFFSET.
HIGH_PASS_GAIN = (BIN_HZ**2 / (BIN_HZ**2 + HIGH_PASS**2)).astype(np.float32)
PHASE_OFFSET = (
    _dispersion()
    - 2 * np.pi * np.arange(BINS) / FFT_SIZE * PULSE_DELAY
    + 2 * (np.pi / 2 - np.arctan(BIN_HZ / HIGH_PASS))
).astype(np.float32)
OUTPUT_GAIN = float(EXCITATION_GAIN) / 32768.0 * LOUDNESS
