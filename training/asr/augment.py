"""Augmentation: what a microphone, a room and a telephone do to clean synthetic speech, and vocal tract variation.

``distort`` works on the waveform before the features are computed, ``perturb`` on finished MFCCs in every batch.
"""

from functools import lru_cache

import numpy as np

from features import COEFFICIENTS, SAMPLE_RATE

REVERB_SAMPLES = 8000  # longest room response: 0.5 s
COLOUR_NODES = np.array([0, 150, 400, 1000, 2200, 4000, 6000, 8000])  # Hz
NOISE_LOOPS = 24
NOISE_LOOP_SAMPLES = 1 << 17
CEPSTRAL_LIFTER = 22  # Kaldi's default


def _fast_length(length):
    """A length >= ``length`` that is quick to transform."""
    return -(-length // 2048) * 2048


@lru_cache(maxsize=1)
def _noise_loops():
    """White to brown noise of unit power: one loop per spectral slope."""
    rng = np.random.default_rng(99)
    loops = []
    for slope in np.linspace(0, 1.0, NOISE_LOOPS):
        spectrum = np.fft.rfft(rng.standard_normal(NOISE_LOOP_SAMPLES))
        loop = np.fft.irfft(spectrum * np.arange(1, len(spectrum) + 1) ** -slope).astype("f4")
        loops.append(loop / np.sqrt((loop**2).mean()))
    return loops


def _coloured_noise(length, rng):
    """A random stretch of a random noise loop."""
    loops = _noise_loops()
    loop = loops[int(rng.integers(len(loops)))]
    return np.resize(np.roll(loop, int(rng.integers(len(loop)))), length)


def _channel_colour(spectrum, rng):
    """Colour a spectrum (0 to 8 kHz) in place: random equaliser, sometimes a telephone band or a dull codec."""
    hertz = np.linspace(0, 8000, len(spectrum))
    decibel = np.interp(hertz, COLOUR_NODES, rng.normal(0, 4.5, len(COLOUR_NODES)))
    if rng.random() < 0.12:
        decibel = decibel - 40 * ((hertz < 250) | (hertz > 3500))
    elif rng.random() < 0.15:
        decibel = decibel - 30 * (hertz > rng.uniform(4000, 7000))
    spectrum *= 10 ** (decibel / 20)


def _room_response(rng):
    """A random room impulse response: the direct sound and exponentially decaying noise."""
    decay_time = rng.uniform(0.08, 0.5)  # seconds to -60 dB
    time = np.arange(REVERB_SAMPLES)
    response = rng.standard_normal(REVERB_SAMPLES) * 10 ** (-3 * time / (decay_time * SAMPLE_RATE))
    response *= 10 ** (rng.uniform(-14, 0) / 20) / np.sqrt((response**2).sum())
    response[:16] = 0
    response[0] = 1
    return response


def distort(samples, rng, babble=None):
    """Distort speech. ``samples`` and ``babble`` (other speech, or None): float arrays in int16 range.

    Returns (whole-numbered samples in int16 range, speed, offset in seconds): a point at time t of the input lies at
    t / speed + offset of the output.
    """
    speed = float(rng.uniform(0.82, 1.22)) if rng.random() < 0.75 else 1.0
    if speed != 1.0:
        positions = np.arange(0, len(samples) - 1, speed)
        samples = np.interp(positions, np.arange(len(samples)), samples).astype("f4")
    lead, tail = rng.integers(0, 9600, 2)
    if rng.random() < 0.3:
        lead = 0
    samples = np.concatenate([np.zeros(lead, "f4"), samples, np.zeros(tail, "f4")])
    length = len(samples)
    fft_length = _fast_length(length + REVERB_SAMPLES)
    spectrum = None
    if rng.random() < 0.8:
        spectrum = np.fft.rfft(samples, fft_length)
        _channel_colour(spectrum, rng)
    if rng.random() < 0.4:
        if spectrum is None:
            spectrum = np.fft.rfft(samples, fft_length)
        spectrum = spectrum * np.fft.rfft(_room_response(rng), fft_length)
    if spectrum is not None:
        samples = np.fft.irfft(spectrum, fft_length)[:length].astype("f4")
    rms = np.sqrt((samples**2).mean()) + 1e-6
    if rng.random() < 0.75:
        snr = rng.uniform(5, 40)  # dB
        noise = _coloured_noise(length, rng)
        if babble is not None and rng.random() < 0.25:
            other = np.resize(babble, length) * 1.0
            noise = other / (np.sqrt((other**2).mean()) + 1e-6)
        samples = samples + noise * rms * 10 ** (-snr / 20)
    peak = np.abs(samples).max() + 1e-6
    samples = samples * (32767 * 10 ** (rng.uniform(-34, 1) / 20) / peak)
    return np.clip(np.round(samples), -32768, 32767), speed, lead / SAMPLE_RATE


def _liftered_dct():
    """The matrix that turns 40 log mel energies into 40 MFCCs, with Kaldi's cepstral lifter."""
    size = COEFFICIENTS
    row, column = np.arange(size)[:, None], np.arange(size)[None]
    cosines = np.sqrt(2 / size) * np.cos(np.pi / size * (column + 0.5) * row)
    dct = np.where(row == 0, np.sqrt(1 / size), cosines)
    return (1 + 0.5 * CEPSTRAL_LIFTER * np.sin(np.pi * row / CEPSTRAL_LIFTER)) * dct


DCT = _liftered_dct()
INVERSE_DCT = np.linalg.inv(DCT)


def perturb(frames, rng):
    """A perturbed copy of MFCCs [T, 40]: warped mel axis, channel colour, sometimes a masked band or a drop-out.

    Warp, colour and band mask act on log mel energies, so that they come down to one 40 x 40 matrix and a bias.
    """
    size = COEFFICIENTS
    mel = np.arange(size, dtype="f8")
    stretch = rng.normal(0, 0.06)
    bend = rng.normal(0, 1.0)
    source = np.clip(mel * (1 + stretch) + bend * np.sin(np.pi * mel / (size - 1)), 0, size - 1)
    low = np.floor(source).astype(int)
    high = np.minimum(low + 1, size - 1)
    warp = np.zeros((size, size))
    warp[np.arange(size), low] += 1 - (source - low)
    warp[np.arange(size), high] += source - low
    colour = np.interp(mel, np.linspace(0, size - 1, 6), rng.normal(0, 0.6, 6))
    if rng.random() < 0.4:  # masked band: its lower neighbour's energy is carried over
        width = int(rng.integers(2, 7))
        first = int(rng.integers(0, size - width))
        warp[first : first + width] = warp[first]
    frames = frames @ (DCT @ warp @ INVERSE_DCT).T.astype("f4") + (DCT @ colour).astype("f4")
    if rng.random() < 0.4:  # drop-out: some frames replaced by the mean
        width = int(rng.integers(2, 12))
        first = int(rng.integers(0, max(1, len(frames) - width)))
        frames[first : first + width] = frames.mean(0)
    return frames
