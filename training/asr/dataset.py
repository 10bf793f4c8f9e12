"""Training data: synthesised speech, features computed from it, and batches for the network.

A training item is a pair (MFCCs float16 [frames, 40], acoustic phone of every frame uint8 [frames]).
"""

import json
from multiprocessing import Pool
from pathlib import Path

import numpy as np
import torch

import augment
import features
from lexicon import ACOUSTIC_ID, SILENCE, SPOKEN_NOISE

WORKERS = 2
NO_LABEL = -100  # the index that torch's cross-entropy ignores
PERTURB_SHARE = 0.85
GARBAGE_SHARE = 0.08  # utterances in which a stretch of phones is relabelled as garbage, to train "[unk]"


class Corpus:
    """Speech written by ``synth.py``: ``utterances[i]`` = (voice, text, first sample, samples, flite segments or None)."""

    def __init__(self, data_dir, name="train"):
        self.audio = np.memmap(Path(data_dir, f"{name}.i16"), "<i2", "r")
        self.utterances = []
        for line in Path(data_dir, f"{name}.tsv").read_text().splitlines():
            voice, text, offset, length, segments = line.split("\t")
            self.utterances.append((voice, text, int(offset), int(length), json.loads(segments)))

    def wave(self, index):
        """Samples of one utterance as float32 in int16 range."""
        _, _, offset, length, _ = self.utterances[index]
        return self.audio[offset : offset + length].astype("f4")


# Each worker process opens the corpus once; the pool's job function needs to find it again.
_worker_corpus = None


def _start_worker(data_dir):
    global _worker_corpus
    _worker_corpus = Corpus(data_dir)
    torch.set_num_threads(1)


def _clean_job(index):
    return features.mfcc(_worker_corpus.wave(index)).astype("f2")


def _relabel_as_garbage(segments, rng):
    """Now and then call a stretch of 4 to 8 phones spoken noise."""
    if rng.random() >= GARBAGE_SHARE or len(segments) <= 12:
        return segments
    first = int(rng.integers(1, len(segments) - 9))
    last = first + int(rng.integers(4, 9))
    relabelled = list(segments)
    for index in range(first, last):
        label, start, end = segments[index]
        if label != ACOUSTIC_ID[SILENCE]:
            relabelled[index] = (ACOUSTIC_ID[SPOKEN_NOISE], start, end)
    return relabelled


def _augmented_job(job):
    index, segments, seed = job
    rng = np.random.default_rng(seed)
    segments = _relabel_as_garbage(segments, rng)
    other = int(rng.integers(len(_worker_corpus.utterances)))
    wave = _worker_corpus.wave(index)
    # Played backwards, another utterance is babble without words in it.
    distorted, speed, offset = augment.distort(wave, rng, _worker_corpus.wave(other)[::-1])
    frames = features.mfcc(distorted)
    return frames.astype("f2"), features.label_frames(segments, len(frames), speed, offset)


def clean_features(data_dir, count):
    """MFCCs of utterances 0 to ``count`` as they are."""
    with Pool(WORKERS, _start_worker, (data_dir,)) as pool:
        return list(pool.imap(_clean_job, range(count), 64))


def augmented_features(data_dir, jobs):
    """Training items for ``jobs``, a list of (utterance index, segments, seed)."""
    with Pool(WORKERS, _start_worker, (data_dir,)) as pool:
        return list(pool.imap(_augmented_job, jobs, 64))


def save_copy(work_dir, copy, items, voices):
    """Store one augmented copy: ``feat<N>.npy``, ``lab<N>.npy`` (all items end to end) and ``feat<N>.json`` (index)."""
    bounds = np.cumsum([0] + [len(frames) for frames, _ in items])
    np.save(Path(work_dir, f"feat{copy}.npy"), np.concatenate([frames for frames, _ in items]))
    np.save(Path(work_dir, f"lab{copy}.npy"), np.concatenate([labels for _, labels in items]))
    Path(work_dir, f"feat{copy}.json").write_text(json.dumps({"voices": voices, "bounds": bounds.tolist()}))


def load_copies(work_dir, held_out=()):
    """Training items of all stored copies, without the voices in ``held_out``."""
    items, copy = [], 0
    while Path(work_dir, f"feat{copy}.npy").exists():
        frames = np.load(Path(work_dir, f"feat{copy}.npy"))
        labels = np.load(Path(work_dir, f"lab{copy}.npy"))
        index = json.loads(Path(work_dir, f"feat{copy}.json").read_text())
        bounds = index["bounds"]
        for voice, first, last in zip(index["voices"], bounds, bounds[1:]):
            if voice not in held_out:
                items.append((frames[first:last], labels[first:last]))
        copy += 1
    if not items:
        raise SystemExit(f"no features in {work_dir}: run 'train.py features' first")
    return items


def batches(items, frames_per_batch, rng):
    """Lists of item indices in random order: similar lengths together, about ``frames_per_batch`` padded frames each."""
    order = sorted(range(len(items)), key=lambda index: len(items[index][0]) + rng.integers(0, 20))
    groups, group, longest = [], [], 0
    for index in order:
        longest = max(longest, len(items[index][0]))
        if group and longest * (len(group) + 1) > frames_per_batch:
            groups.append(group)
            group, longest = [], len(items[index][0])
        group.append(index)
    groups.append(group)
    rng.shuffle(groups)
    return groups


def collate(items, group, context, rng=None):
    """One batch: (MFCCs [B, T + 2 context, 40], labels int64 [B, T / 3] with NO_LABEL as padding).

    With ``rng`` the features are perturbed and the phase of the 30 ms grid is drawn at random, as for training.
    """
    step = features.OUTPUT_STEP
    longest = max(len(items[index][0]) for index in group)
    longest = (longest + step - 1) // step * step
    x = np.empty((len(group), longest + 2 * context, features.COEFFICIENTS), "f4")
    y = np.full((len(group), longest // step), NO_LABEL, "i8")
    for row, index in enumerate(group):
        frames, labels = items[index]
        if rng is not None and rng.random() < PERTURB_SHARE:
            frames = augment.perturb(frames.astype("f4"), rng)
        phase = int(rng.integers(step)) if rng is not None else 0
        frames = frames[phase:]
        x[row, context : context + len(frames)] = frames
        x[row, :context] = frames[0]
        x[row, context + len(frames) :] = frames[-1]
        if labels is not None:
            kept = labels[phase::step]
            y[row, : len(kept)] = kept
    return torch.from_numpy(x), torch.from_numpy(y)
