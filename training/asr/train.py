"""Train the acoustic model with cross-entropy, in three steps.

* ``bootstrap``: a small network from flite's own phone times, then forced alignment of every utterance with it;
* ``features``: augmented copies of the features with labels from the alignment;
* ``main``: the real network. ``mmi.py`` then improves it.

``align`` repeats the alignment with any trained network.
"""

import argparse
import json
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import align
import dataset
import features
from lexicon import ACOUSTIC, ACOUSTIC_ID
from model import Tdnn

# flite's phone names that are not ours.
FLITE_PHONES = {
    "PAU": ["SIL"],
    "AXR": ["ER"],
    "EL": ["AX", "L"],
    "EM": ["AX", "M"],
    "EN": ["AX", "N"],
    "NX": ["N"],
    "DX": ["T"],
    "HV": ["HH"],
}
# Its phone times are too far off to start from.
BOOTSTRAP_EXCLUDED = "flite:awb"
BOOTSTRAP_NET = dict(dim=160, bot=48, fast=1, slow=4)
BOOTSTRAP_FIT = dict(epochs=2.5, learning_rate=3e-3, frames_per_batch=5000)
MAIN_FRAMES_PER_BATCH = 9000
WORST_ALIGNED_PERCENT = 4  # of each voice, left out of training
FRAMES_PER_HOUR = 360_000
PRIOR_FLOOR = 20  # frames added to every phone's count


def flite_segments(segments, seconds):
    """flite's [(phone, end)] as (acoustic phone, start, end) in seconds, stretched to the audio's real length."""
    result, previous = [], 0.0
    scale = seconds / segments[-1][1]
    for phone, end in segments:
        phones = FLITE_PHONES.get(phone.upper(), [phone.upper()])
        step = (end - previous) / len(phones)
        for index, name in enumerate(phones):
            start, stop = previous + index * step, previous + (index + 1) * step
            result.append((ACOUSTIC_ID[name], start * scale, stop * scale))
        previous = end
    return result


def set_normalisation(net, items):
    """Mean and inverse standard deviation of about 500 items."""
    sample = [items[index][0].astype("f4") for index in range(0, len(items), max(1, len(items) // 500))]
    frames = np.concatenate(sample)
    net.mean.copy_(torch.from_numpy(frames.mean(0)))
    net.istd.copy_(torch.from_numpy(1 / (frames.std(0) + 1e-3)))


def learning_rate_at(progress, step, peak):
    """Linear rise over 100 steps, flat for 30 % of the training, then linear fall to 2 %."""
    fall = 1.0 if progress < 0.3 else max(0.02, (1 - progress) / 0.7)
    return peak * min(1.0, (step + 1) / 100) * fall


def fit(net, items, epochs, learning_rate, frames_per_batch=MAIN_FRAMES_PER_BATCH):
    """Train ``net`` with AdamW for ``epochs`` passes (may be a fraction); prints loss and frame accuracy."""
    rng = np.random.default_rng(0)
    optimizer = torch.optim.AdamW(net.parameters(), lr=learning_rate, weight_decay=1e-4)
    total = int(len(dataset.batches(items, frames_per_batch, np.random.default_rng(1))) * epochs)
    step, began = 0, time.time()
    loss_sum = hits = frames = 0
    net.train()
    while step < total:
        for group in dataset.batches(items, frames_per_batch, rng):
            for settings in optimizer.param_groups:
                settings["lr"] = learning_rate_at(step / total, step, learning_rate)
            x, y = dataset.collate(items, group, net.context, rng)
            scores = net(x)[:, : y.shape[1]]
            loss = F.cross_entropy(
                scores.flatten(0, 1), y.flatten(), ignore_index=dataset.NO_LABEL, label_smoothing=0.02
            )
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(net.parameters(), 5.0)
            optimizer.step()
            labelled = y >= 0
            loss_sum += float(loss.detach()) * int(labelled.sum())
            hits += int(((scores.argmax(-1) == y) & labelled).sum())
            frames += int(labelled.sum())
            step += 1
            if step % 100 == 0 or step == total:
                seconds = time.time() - began
                print(
                    f"step {step}/{total} loss {loss_sum / frames:.3f} acc {hits / frames:.3f} {seconds:.0f}s",
                    flush=True,
                )
                loss_sum = hits = frames = 0
            if step >= total:
                break
    net.eval()


def save(net, path, items):
    """Write a checkpoint: network settings and weights, and the phones' shares of the frames (priors)."""
    counts = np.ones(len(ACOUSTIC)) * PRIOR_FLOOR
    for _, labels in items:
        counts += np.bincount(labels, minlength=len(ACOUSTIC))[: len(ACOUSTIC)]
    priors = torch.from_numpy((counts / counts.sum()).astype("f4"))
    checkpoint = dict(cfg=net.cfg, state=net.state_dict(), priors=priors, logsoftmax=True, pdfs_per_phone=1)
    torch.save(checkpoint, path)


def load(path):
    """(network, checkpoint dictionary) of a cross-entropy checkpoint."""
    saved = torch.load(path)
    net = Tdnn(**saved["cfg"])
    net.load_state_dict(saved["state"])
    return net.eval(), saved


def bootstrap(args):
    corpus = dataset.Corpus(args.data_dir)
    taken, jobs = {}, []
    for index, (voice, _, _, length, segments) in enumerate(corpus.utterances):
        if segments and voice != BOOTSTRAP_EXCLUDED:
            taken[voice] = taken.get(voice, 0) + 1
            if taken[voice] <= args.per_voice:
                jobs.append((index, flite_segments(segments, length / features.SAMPLE_RATE), index))
    items = dataset.augmented_features(args.data_dir, jobs)
    print(len(items), "utterances with flite's phone times", flush=True)
    net = Tdnn(len(ACOUSTIC), **BOOTSTRAP_NET)
    set_normalisation(net, items)
    fit(net, items, **BOOTSTRAP_FIT)
    checkpoint = args.work_dir / "boot.pt"
    save(net, checkpoint, items)
    align.align_all(net, load(checkpoint)[1]["priors"], args.data_dir, args.work_dir / "align.json")


def realign(args):
    net, saved = load(args.checkpoint)
    align.align_all(net, saved["priors"], args.data_dir, args.work_dir / "align.json")


def well_aligned(corpus, alignments):
    """(index, segments) of the utterances to train on: aligned, and not among the worst of their voice."""
    scores = {}
    for utterance, (segments, score) in zip(corpus.utterances, alignments):
        if segments is not None:
            scores.setdefault(utterance[0], []).append(score)
    worst = {voice: np.percentile(those, WORST_ALIGNED_PERCENT) for voice, those in scores.items()}
    return [
        (index, segments)
        for index, (segments, score) in enumerate(alignments)
        if segments is not None and score >= worst[corpus.utterances[index][0]]
    ]


def make_features(args):
    corpus = dataset.Corpus(args.data_dir)
    alignments = json.loads((args.work_dir / "align.json").read_text())
    kept = well_aligned(corpus, alignments)
    voices = [corpus.utterances[index][0] for index, _ in kept]
    for copy in range(args.copies):
        began = time.time()
        jobs = [(index, segments, 1_000_003 * (copy + 1) + index) for index, segments in kept]
        items = dataset.augmented_features(args.data_dir, jobs)
        dataset.save_copy(args.work_dir, copy, items, voices)
        hours = sum(len(frames) for frames, _ in items) / FRAMES_PER_HOUR
        print(f"copy {copy}: {hours:.2f} h, {time.time() - began:.0f} s", flush=True)


def train_main(args):
    items = dataset.load_copies(args.work_dir, args.hold_out)
    print(len(items), "utterances,", sum(len(frames) for frames, _ in items) / FRAMES_PER_HOUR, "h", flush=True)
    if args.init:
        net, _ = load(args.init)
    else:
        net = Tdnn(len(ACOUSTIC))
        set_normalisation(net, items)
    fit(net, items, args.epochs, args.lr)
    save(net, args.out, items)


def voice_list(text):
    return [voice for voice in text.split(",") if voice]


def parse_arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="torch threads; one is fastest on a shared machine")
    steps = parser.add_subparsers(required=True)
    step = steps.add_parser("bootstrap", help="first network and alignment")
    step.add_argument("data_dir", type=Path, help="speech written by synth.py")
    step.add_argument("work_dir", type=Path, help="gets boot.pt and align.json")
    step.add_argument("--per-voice", type=int, default=700, help="utterances per flite voice (default 700)")
    step.set_defaults(run=bootstrap)
    step = steps.add_parser("align", help="align again with a trained network")
    step.add_argument("data_dir", type=Path)
    step.add_argument("work_dir", type=Path, help="gets align.json")
    step.add_argument("checkpoint", type=Path, help="cross-entropy checkpoint")
    step.set_defaults(run=realign)
    step = steps.add_parser("features", help="augmented features with labels")
    step.add_argument("data_dir", type=Path)
    step.add_argument("work_dir", type=Path, help="has align.json, gets feat*.npy, lab*.npy, feat*.json")
    step.add_argument("--copies", type=int, default=2, help="augmented copies of every utterance (default 2)")
    step.set_defaults(run=make_features)
    step = steps.add_parser("main", help="train the network")
    step.add_argument("work_dir", type=Path, help="has the features")
    step.add_argument("out", type=Path, help="checkpoint to write")
    step.add_argument("--init", type=Path, help="go on from this checkpoint")
    step.add_argument("--epochs", type=float, default=6, help="passes over the data (default 6)")
    step.add_argument("--lr", type=float, default=2e-3, help="highest learning rate (default 0.002)")
    step.add_argument("--hold-out", type=voice_list, default=[], help="voices to leave out, separated by commas")
    step.set_defaults(run=train_main)
    return parser.parse_args()


def main():
    args = parse_arguments()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    args.run(args)


if __name__ == "__main__":
    main()
