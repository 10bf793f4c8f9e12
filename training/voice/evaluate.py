"""Distance of an exported voice to its teacher on the held-out sentences, chunked against whole synthesis, and speed.

Prints JSON. Distances use the teacher's durations, so that frames can be compared one by one; pauses do not count.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np

import targets
from frames import frame_index
from frontend import FIRST_PHONE_ID, features, text_to_segments
from spectrum import BIN_HZ, COSINE_BASIS, HIGH_PASS_GAIN, MEL_HZ, SAMPLE_RATE
from synth import SHIPPED_VOICE, Voice
from vocoder import Vocoder

NEPER_TO_DB = 8.686
LOWEST_BIN = 3  # the high-pass makes lower ones meaningless
VOICED_POWER_SHARE = 0.05  # harmonic over noise power, above which a frame counts as voiced
CHUNK_TEXT = "Your appointment is confirmed for Tuesday, March third, at ten thirty."
LATENCY_TEXT = "Your new appointment is on Tuesday at ten in the morning."
TIMING_RUNS = 15


def mel_cepstra(log_magnitude):
    """[n, 257] natural log magnitudes -> 24 cepstral coefficients of 64 mel-spaced points (orthonormal DCT-II)."""
    points = np.stack([np.interp(MEL_HZ, BIN_HZ, row) for row in log_magnitude])
    size = points.shape[1]
    order = np.arange(1, 25)[:, None]
    dct = np.sqrt(2 / size) * np.cos(np.pi / size * (np.arange(size)[None] + 0.5) * order)
    return points @ dct.T / np.sqrt(size)


def log_spectrum(amp_h, amp_n):
    """The filter's natural log magnitude, with the high-pass undone."""
    total = 0.5 * np.log(amp_h**2 + amp_n**2 + 1e-20) - np.log(HIGH_PASS_GAIN + 1e-10)
    total[:, 0] = total[:, 1]
    return total


def compare(voice, item):
    """Distances of one sentence to the teacher: dictionary of numbers."""
    hidden, log_duration = voice.encode(item.ids, item.feats)
    index, position = frame_index(item.dur.astype(np.float64))
    outputs = voice.decode(np.concatenate([hidden[index], position], 1))
    frames = len(item.lf0)
    f0, amp_h, amp_n, _ = [output[:frames] for output in outputs]
    made, wanted = log_spectrum(amp_h, amp_n), item.mgc.astype("f4") @ COSINE_BASIS
    symbol = np.searchsorted(np.cumsum(item.dur), np.arange(frames), side="right").clip(0, len(item.dur) - 1)
    speech = (item.ids >= FIRST_PHONE_ID)[symbol]
    difference = (made - wanted)[speech][:, LOWEST_BIN:] * NEPER_TO_DB
    cepstral = (mel_cepstra(made) - mel_cepstra(wanted))[speech]
    voiced = (amp_h**2).sum(1) > VOICED_POWER_SHARE * (amp_n**2).sum(1)
    both = speech & (item.voiced > 0) & voiced
    result = {
        "log_spectral_distance_db": np.sqrt((difference**2).mean(1)).mean(),
        "mel_cepstral_distance_db": (10 / np.log(10) * np.sqrt(4 * (cepstral**2).sum(1))).mean(),
        "voicing_errors": (voiced[speech] != (item.voiced[speech] > 0)).mean(),
        "duration_error_ms": 5 * np.abs(np.exp(log_duration) - item.dur)[1:-1].mean(),
    }
    if both.sum() > 5:
        ours, theirs = np.log(f0[both]), item.lf0[both]
        result["f0_rms_cents"] = np.sqrt(((1200 / np.log(2) * (ours - theirs)) ** 2).mean())
        result["f0_correlation"] = np.corrcoef(ours, theirs)[0, 1]
        result["f0_range_ratio"] = ours.std() / theirs.std()
    return result


def distances(voice, items):
    """Means over all sentences."""
    rows = [compare(voice, item) for item in items]
    names = {name for row in rows for name in row}
    return {name: float(np.nanmean([row[name] for row in rows if name in row])) for name in sorted(names)}


def chunk_difference(voice):
    """Largest difference between chunked and whole synthesis (full scale 1)."""
    whole, chunked = voice.speak(CHUNK_TEXT), np.concatenate(list(voice.chunks(CHUNK_TEXT)))
    return float(np.abs(whole - chunked).max())


def median_seconds(action, runs=TIMING_RUNS):
    """Median processor time of ``action``."""
    times = []
    for _ in range(runs):
        began = time.process_time()
        action()
        times.append(time.process_time() - began)
    return float(np.median(times))


def speed(voice):
    """Processor time of the parts, on one thread."""
    ids, feats = features(text_to_segments(CHUNK_TEXT))
    frames = voice.frames(CHUNK_TEXT)
    outputs = voice.decode(frames)
    seconds = len(voice.speak(CHUNK_TEXT)) / SAMPLE_RATE
    encoder = median_seconds(lambda: voice.encode(ids, feats))
    decoder = median_seconds(lambda: voice.decode(frames))
    vocoder = median_seconds(lambda: Vocoder().feed(*outputs), 3)
    return {
        "sentence_s": seconds,
        "networks_rtf": (encoder + decoder) / seconds,
        "numpy_vocoder_rtf": vocoder / seconds,
        "first_100_ms_audio_after_ms": 1000 * median_seconds(lambda: next(voice.chunks(LATENCY_TEXT, first=10))),
    }


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--voice", type=Path, default=SHIPPED_VOICE, help="voice directory (default: the shipped one)")
    parser.add_argument("--shards", type=Path, help="directory written by teacher.py; without it no distances")
    args = parser.parse_args()
    voice = Voice(args.voice)
    result = {"chunk_difference": chunk_difference(voice), "speed": speed(voice)}
    if args.shards:
        result["distances"] = distances(voice, targets.load_shard(args.shards / "shard_00.npz"))
    print(json.dumps(result, indent=1))


if __name__ == "__main__":
    main()
