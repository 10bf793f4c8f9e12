"""Teacher tracks -> training items. Where the voice differs from its teacher on purpose, this is the place.

* noise shares (aperiodicity) that rise with frequency, by class of phone, instead of pure pulses;
* a rising end of yes/no questions (the teacher falls);
* outer pauses of 50 and 120 ms.
"""

from typing import NamedTuple

import numpy as np

from frontend import PAUSES, SYMBOL_ID, Segment, features
from pronunciation import VOWELS

# The teacher's phone names that are not ARPAbet.
TEACHER_PHONES = {"ax": "AH", "axr": "ER"}
# Share of noise in the power at 0.5, 1.5, 3, 5 and 7 kHz.
NOISE_SHARES = {
    "vowel": (0.01, 0.02, 0.06, 0.25, 0.45),
    "nasal": (0.01, 0.03, 0.12, 0.35, 0.5),
    "liquid": (0.01, 0.03, 0.10, 0.3, 0.5),
    "voiced fricative": (0.03, 0.15, 0.5, 0.85, 0.95),
    "voiced stop": (0.03, 0.1, 0.3, 0.6, 0.7),
    "other": (0.1, 0.3, 0.6, 0.8, 0.9),
}
PHONE_CLASSES = {
    "nasal": {"M", "N", "NG"},
    "liquid": {"L", "R", "W", "Y"},
    "voiced fricative": {"Z", "ZH", "V", "DH", "JH"},
    "voiced stop": {"B", "D", "G"},
}
LEAD_FRAMES, TRAIL_FRAMES = 10, 24  # what is kept of the outer pauses, in frames of 5 ms
FEWEST_VOICED_FRAMES = 5
SMOOTHING_FRAMES = 9  # of the noise shares over phone boundaries
SEMITONE = np.log(2) / 12
RISE_SEMITONES = 8.0
DIP_SEMITONES = 1.0
NUCLEAR_REGION = 11  # column of the features


class Item(NamedTuple):
    """One sentence. Arrays over symbols: ids, feats, dur (frames). Over 5 ms frames: the others."""

    id: str
    ids: np.ndarray  # int64 [T]
    feats: np.ndarray  # float32 [T, 16]
    dur: np.ndarray  # int64 [T]
    mgc: np.ndarray  # float16 [n, 45]
    lf0: np.ndarray  # float32 [n], interpolated where unvoiced
    voiced: np.ndarray  # float32 [n], 0 or 1
    noise: np.ndarray  # float32 [n, 5], logits


def symbol(phone, stress):
    """The teacher's phone and stress as one of ``frontend.SYMBOLS``."""
    if phone in SYMBOL_ID:
        return phone
    name = TEACHER_PHONES.get(phone, phone.upper())
    stress = "0" if phone == "ax" else stress
    return name + stress if name in VOWELS else name


def phone_class(name):
    if name[:2] in VOWELS:
        return "vowel"
    return next((kind for kind, phones in PHONE_CLASSES.items() if name in phones), "other")


def raise_questions(lf0, segments, feats, starts, ends):
    """Add a rise to ln F0 over the nuclear region before every ``?``, in place."""
    time = np.arange(len(lf0))
    for index, segment in enumerate(segments):
        if segment.symbol != "?":
            continue
        nucleus = index
        while nucleus > 0 and feats[nucleus - 1, NUCLEAR_REGION] and segments[nucleus - 1].symbol not in PAUSES:
            nucleus -= 1
        first, last = starts[nucleus], starts[index]
        if last <= first:
            continue
        progress = np.clip((time - first) / (last - first), 0, 1)
        dip = np.sin(np.pi * np.clip((time - first + 40) / 60, 0, 1))
        rise = SEMITONE * (RISE_SEMITONES * progress**1.3 - DIP_SEMITONES * dip)
        lf0[: ends[index]] += rise[: ends[index]].astype(np.float32)


def noise_logits(segments, starts, ends, frames):
    """[frames, 5], smoothed over time."""
    shares = np.zeros((frames, 5), np.float32)
    for segment, start, end in zip(segments, starts, ends):
        shares[start:end] = NOISE_SHARES[phone_class(segment.symbol)]
    kernel = np.hanning(SMOOTHING_FRAMES)
    kernel /= kernel.sum()
    reach = SMOOTHING_FRAMES // 2
    padded = np.pad(np.log(shares / (1 - shares)), ((reach, reach), (0, 0)), mode="edge")
    return np.stack([np.convolve(padded[:, knot], kernel, "valid") for knot in range(5)], 1).astype(np.float32)


def build(shard, sentence_id):
    """The training item of one sentence of a shard (a mapping of arrays), or None if it has next to no voiced frames."""
    fields = [text.split("|") for text in shard[sentence_id + ".seg"]]
    segments = [
        Segment(symbol(phone, stress), int(word_start), int(word_end), int(content))
        for phone, stress, word_start, word_end, content in fields
    ]
    durations = shard[sentence_id + ".dur"].astype(np.int64)
    cut_start = max(0, durations[0] - LEAD_FRAMES)
    cut_end = max(0, durations[-1] - TRAIL_FRAMES)
    durations[0] -= cut_start
    durations[-1] -= cut_end
    kept = slice(cut_start, len(shard[sentence_id + ".lf0"]) - cut_end)
    mgc, lf0 = shard[sentence_id + ".mgc"][kept], shard[sentence_id + ".lf0"][kept]
    frames = len(lf0)
    voiced = (lf0 > 0).astype(np.float32)
    if voiced.sum() < FEWEST_VOICED_FRAMES:
        return None
    ids, feats = features(segments)
    ends = np.cumsum(durations)
    starts = ends - durations
    where = np.where(voiced > 0)[0]
    pitch = np.interp(np.arange(frames), where, lf0[where]).astype(np.float32)
    raise_questions(pitch, segments, feats, starts, ends)
    noise = noise_logits(segments, starts, ends, frames)
    return Item(sentence_id, ids, feats, durations, mgc, pitch, voiced, noise)


def load_shard(path):
    """All training items of a shard file."""
    shard = dict(np.load(path))
    sentence_ids = [name.removesuffix(".mgc") for name in shard if name.endswith(".mgc")]
    items = [build(shard, sentence_id) for sentence_id in sentence_ids]
    return [item for item in items if item is not None]
