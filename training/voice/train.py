"""Train encoder and decoder together, by regression onto the teacher's parameter tracks.

Training lasts a given number of minutes; the learning rate follows that clock. The checkpoint holds an exponential moving
average of the weights. The script may start while ``teacher.py`` is still writing shards: it picks new ones up.
"""

import argparse
import math
import os
import random
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import targets
from frames import POSITION_FEATURES, frame_index
from frontend import FEATURES, FIRST_PHONE_ID
from model import APERIODICITY, CEPSTRA, F0, HIDDEN, OUTPUTS, VOICING, Decoder, Encoder
from spectrum import MEL_BASIS

SEED = 1
WARM_UP_STEPS = 200
SMALLEST_RATE_SHARE = 0.02
AVERAGE_DECAY = 0.998
PAUSE_WEIGHT = 0.3  # of frames inside pauses
GRADIENT_LIMIT = 1.0
LOG_SECONDS = 30
CHECKPOINT_SECONDS = 150
VALIDATION_BATCH = 20
NORMALISATION_ITEMS = 500
LOSS_WEIGHTS = {
    "spectrum": 1.0,
    "spectral slope": 0.5,
    "cepstrum": 0.15,
    "f0": 0.5,
    "f0 unvoiced": 0.1,
    "voicing": 0.4,
    "noise": 0.02,
    "duration": 0.5,
}


class ShardFolder:
    """Training items of a folder that may still be growing. Shard 00 is for validation."""

    def __init__(self, folder):
        self.folder = folder
        self.seen = set()
        self.items = []
        self.validation = targets.load_shard(folder / "shard_00.npz")

    def poll(self, most=None):
        """Load up to ``most`` new shards."""
        for path in sorted(self.folder.glob("shard_*.npz")):
            if path.name == "shard_00.npz" or path in self.seen:
                continue
            if most is not None and most <= 0:
                return
            self.items.extend(targets.load_shard(path))
            self.seen.add(path)
            most = None if most is None else most - 1
            print("loaded", path.name, len(self.items), "sentences", flush=True)


def make_batch(items, look, window=None):
    """Tensors of one batch. ``window``: 10 ms frames cut out of every sentence at random; None takes all frames.

    Where a window cuts a sentence, the ``look`` frames at the cut get no weight: the decoder does not see beyond it.
    """
    batch, symbols = len(items), max(len(item.ids) for item in items)
    width = window or max(math.ceil(len(item.lf0) / 2) for item in items)
    ids = np.zeros((batch, symbols), np.int64)
    feats = np.zeros((batch, symbols, FEATURES), np.float32)
    log_duration = np.zeros((batch, symbols), np.float32)
    symbol_mask = np.zeros((batch, symbols), np.float32)
    index = np.zeros((batch, width), np.int64)
    position = np.zeros((batch, width, POSITION_FEATURES), np.float32)
    frame_mask = np.zeros((batch, width), np.float32)
    target = np.zeros((batch, 2 * width, OUTPUTS), np.float32)
    weight = np.zeros((batch, 2 * width), np.float32)
    for row, item in enumerate(items):
        count = len(item.ids)
        ids[row, :count] = item.ids
        feats[row, :count] = item.feats
        log_duration[row, :count] = np.log(np.maximum(item.dur, 1))
        symbol_mask[row, :count] = 1
        symbol_of_frame, position_of_frame = frame_index(item.dur)
        total = len(symbol_of_frame)
        first = 0 if total <= width else random.randint(0, total - width)
        used = min(width, total - first)
        index[row, :used] = symbol_of_frame[first : first + used]
        position[row, :used] = position_of_frame[first : first + used]
        frame_mask[row, :used] = 1
        half_frames = min(2 * used, len(item.lf0) - 2 * first)
        source = slice(2 * first, 2 * first + half_frames)
        target[row, :half_frames, :CEPSTRA] = item.mgc[source]
        target[row, :half_frames, F0] = item.lf0[source]
        target[row, :half_frames, VOICING] = item.voiced[source]
        target[row, :half_frames, APERIODICITY:] = item.noise[source]
        low = 0 if first == 0 else 2 * look
        high = half_frames if first + used >= total else half_frames - 2 * look
        frames = np.minimum(np.arange(low, high) // 2 + first, total - 1)
        in_pause = item.ids[symbol_of_frame[frames]] < FIRST_PHONE_ID
        weight[row, low:high] = np.where(in_pause, PAUSE_WEIGHT, 1.0)
    arrays = (ids, feats, symbol_mask, log_duration, index, position, frame_mask, target, weight)
    return [torch.from_numpy(array) for array in arrays]


class Losses:
    """All loss terms of a batch. Spectra are compared at 64 mel-spaced frequencies."""

    def __init__(self, encoder, decoder):
        self.encoder, self.decoder = encoder, decoder
        self.mel_basis = torch.tensor(MEL_BASIS)

    def __call__(self, batch):
        """Returns (total loss, {term: loss})."""
        ids, feats, symbol_mask, log_duration, index, position, frame_mask, target, weight = batch
        decoder = self.decoder
        hidden, duration = self.encoder(ids, feats, symbol_mask.unsqueeze(1))
        rows = torch.gather(hidden, 1, index.unsqueeze(-1).expand(-1, -1, HIDDEN))
        made = decoder(torch.cat([rows, position], -1) * frame_mask.unsqueeze(-1))
        normalised = (target[..., :VOICING] - decoder.mean[:VOICING]) / decoder.std[:VOICING]
        weight_sum = weight.sum() + 1e-6

        def mean(values, weights=weight):
            return (values * weights).sum() / weight_sum

        cepstra = made[..., :CEPSTRA] - normalised[..., :CEPSTRA]
        spectra = torch.matmul(cepstra * decoder.std[:CEPSTRA], self.mel_basis)
        slopes = spectra[:, 1:] - spectra[:, :-1]
        voiced = target[..., VOICING]
        pitch = (made[..., F0] - normalised[..., F0]).abs()
        voicing = F.binary_cross_entropy_with_logits(made[..., VOICING], voiced, reduction="none")
        noise = (made[..., APERIODICITY:] - target[..., APERIODICITY:]).pow(2).mean(-1)
        parts = {
            "spectrum": mean(spectra.abs().mean(-1)),
            "spectral slope": mean(slopes.abs().mean(-1), weight[:, 1:]),
            "cepstrum": mean(cepstra.abs().mean(-1)),
            "f0": (pitch * voiced * weight).sum() / ((voiced * weight).sum() + 1e-6),
            "f0 unvoiced": mean(pitch * (1 - voiced)),
            "voicing": mean(voicing),
            "noise": mean(noise),
            "duration": ((duration - log_duration).abs() * symbol_mask).sum() / symbol_mask.sum(),
        }
        return sum(LOSS_WEIGHTS[name] * value for name, value in parts.items()), parts


class MovingAverage:
    """Exponential moving average of both networks' weights."""

    def __init__(self, encoder, decoder):
        self.networks = {"enc": encoder, "dec": decoder}
        self.states = {
            name: {key: value.clone() for key, value in network.state_dict().items()}
            for name, network in self.networks.items()
        }

    @torch.no_grad()
    def update(self, step):
        # Early steps count for more: the average must not remember the random start.
        decay = min(AVERAGE_DECAY, (1 + step) / (10 + step))
        for name, network in self.networks.items():
            for key, value in network.state_dict().items():
                average = self.states[name][key]
                if average.dtype.is_floating_point:
                    average.mul_(decay).add_(value, alpha=1 - decay)

    def save(self, path, step):
        """Write the checkpoint; a reader never sees half of it."""
        unfinished = path.with_suffix(path.suffix + ".tmp")
        torch.save({**self.states, "step": step}, unfinished)
        os.replace(unfinished, path)

    def exchange(self):
        """Put the averaged weights into the networks, and the networks' weights here."""
        for name, network in self.networks.items():
            current = {key: value.clone() for key, value in network.state_dict().items()}
            network.load_state_dict(self.states[name])
            self.states[name] = current


def set_normalisation(decoder, items):
    """Mean and standard deviation of mel-cepstra and ln F0 of the first items."""
    tracks = [np.concatenate([item.mgc.astype("f4"), item.lf0[:, None]], 1) for item in items[:NORMALISATION_ITEMS]]
    frames = np.concatenate(tracks)
    decoder.mean[:VOICING] = torch.tensor(frames.mean(0))
    decoder.std[:VOICING] = torch.tensor(frames.std(0) + 1e-4)


def validate(average, losses, items, look):
    """Loss terms of the averaged networks on the held-out sentences."""
    sums = {}
    average.exchange()
    with torch.no_grad():
        for first in range(0, len(items), VALIDATION_BATCH):
            group = items[first : first + VALIDATION_BATCH]
            for name, value in losses(make_batch(group, look))[1].items():
                sums[name] = sums.get(name, 0) + float(value) * len(group) / len(items)
    average.exchange()
    return sums


def describe(values):
    return " ".join(f"{name} {value:.4f}" for name, value in values.items())


def pick_batch(items, size):
    """Sentences of similar length."""
    pool = sorted(random.sample(items, min(len(items), size * 4)), key=lambda item: len(item.ids))
    first = random.randrange(max(1, len(pool) // size)) * size
    return pool[first : first + size]


def train(args):
    encoder, decoder = Encoder(), Decoder()
    shards = ShardFolder(args.shards)
    shards.poll(most=1)
    if not shards.items:
        raise SystemExit(f"no training shards in {args.shards}: run teacher.py first")
    if args.resume:
        saved = torch.load(args.resume)
        encoder.load_state_dict(saved["enc"])
        decoder.load_state_dict(saved["dec"])
    else:
        set_normalisation(decoder, shards.items)
    average = MovingAverage(encoder, decoder)
    losses = Losses(encoder, decoder)
    parameters = list(encoder.parameters()) + list(decoder.parameters())
    optimizer = torch.optim.AdamW(parameters, lr=args.lr, betas=(0.9, 0.98), weight_decay=0.01)
    began = logged = saved_at = time.time()
    step, sums, count = 0, {}, 0
    while (progress := (time.time() - began) / 60 / args.minutes) <= 1:
        warm_up = min(1, (step + 1) / WARM_UP_STEPS)
        cosine = 0.5 * (1 + math.cos(math.pi * progress))
        rate = args.lr * warm_up * (SMALLEST_RATE_SHARE + (1 - SMALLEST_RATE_SHARE) * cosine)
        for settings in optimizer.param_groups:
            settings["lr"] = rate
        batch = make_batch(pick_batch(shards.items, args.batch), decoder.look, args.window)
        loss, parts = losses(batch)
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(parameters, GRADIENT_LIMIT)
        optimizer.step()
        step += 1
        average.update(step)
        for name, value in parts.items():
            sums[name] = sums.get(name, 0) + float(value.detach())
        count += 1
        if time.time() - logged > LOG_SECONDS:
            means = {name: value / count for name, value in sums.items()}
            print(f"{100 * progress:.0f} % step {step} lr {rate:.2e} {describe(means)}", flush=True)
            sums, count, logged = {}, 0, time.time()
            shards.poll()
        if time.time() - saved_at > CHECKPOINT_SECONDS:
            average.save(args.out, step)
            saved_at = time.time()
            print("held-out", describe(validate(average, losses, shards.validation, decoder.look)), flush=True)
    average.save(args.out, step)
    print("held-out", describe(validate(average, losses, shards.validation, decoder.look)), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, help="directory of shards written by teacher.py")
    parser.add_argument("out", type=Path, help="checkpoint to write")
    parser.add_argument("--minutes", type=float, default=62, help="how long to train (default 62)")
    parser.add_argument("--resume", type=Path, help="go on from this checkpoint")
    parser.add_argument("--lr", type=float, default=2e-3, help="highest learning rate (default 0.002)")
    parser.add_argument("--batch", type=int, default=16, help="sentences per step (default 16)")
    parser.add_argument("--window", type=int, default=128, help="10 ms frames per sentence and step (default 128)")
    parser.add_argument("--threads", type=int, default=2, help="torch threads (default 2)")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    random.seed(SEED)
    np.random.seed(SEED)
    torch.manual_seed(SEED)
    train(args)


if __name__ == "__main__":
    main()
