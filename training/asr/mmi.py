"""Lattice-free MMI fine-tuning in plain PyTorch: Kaldi's "chain" objective with a phone-bigram denominator.

Povey et al., "Purely sequence-trained neural networks for ASR based on lattice-free MMI", Interspeech 2016. Two outputs
per phone (its first 30 ms frame, its later frames) and an HMM with one emitting state per phone.
"""

import argparse
import time
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F

import dataset
from lexicon import ACOUSTIC
from model import Tdnn
from train import voice_list

PHONES = len(ACOUSTIC)
START = PHONES  # row of the bigram for the beginning of an utterance
IMPOSSIBLE = -1e30
BIGRAM_FLOOR = 0.05
CROSS_ENTROPY_WEIGHT = 0.2
SCORE_PENALTY = 2e-4


def phone_sequence(labels):
    """Frame labels with repetitions removed, int64."""
    return labels[np.r_[True, labels[1:] != labels[:-1]]].astype("i8")


def phone_bigram(items):
    """Probabilities [PHONES + 1, PHONES] of the next phone given the previous one (last row: utterance start)."""
    counts = np.full((PHONES + 1, PHONES), BIGRAM_FLOOR)
    for _, labels in items:
        sequence = phone_sequence(labels)
        counts[START, sequence[0]] += 1
        np.add.at(counts, (sequence[:-1], sequence[1:]), 1)
    return torch.from_numpy(counts / counts.sum(1, keepdims=True)).float()


def denominator(scores, lengths, bigram):
    """Log score of all phone sequences, [B], for network outputs ``scores`` [B, T, 2 PHONES].

    Forward algorithm in the probability domain, rescaled at every frame.
    """
    peak = scores.detach().amax(-1, keepdim=True)
    likelihood = (scores - peak).exp()
    alpha = bigram[START] * likelihood[:, 0, :PHONES]
    total = alpha.sum(1)
    log_total = total.log() + peak[:, 0, 0]
    alpha = alpha / total[:, None]
    for time_step in range(1, scores.shape[1]):
        enter = (alpha @ bigram[:PHONES]) * likelihood[:, time_step, :PHONES]
        following = enter + alpha * likelihood[:, time_step, PHONES:]
        total = following.sum(1)
        live = time_step < lengths
        log_total = log_total + torch.where(live, total.log() + peak[:, time_step, 0], torch.zeros_like(total))
        alpha = torch.where(live[:, None], following / total[:, None], alpha)
    return log_total


def numerator(scores, lengths, sequences, bigram):
    """Log score of each utterance's own phone sequence, over all its time alignments, [B]."""
    batch, longest = len(sequences), max(map(len, sequences))
    phones = torch.zeros(batch, longest, dtype=torch.long)
    language = torch.zeros(batch, longest)
    last = torch.tensor([len(sequence) - 1 for sequence in sequences])
    log_bigram = bigram.log()
    for row, sequence in enumerate(sequences):
        sequence = torch.from_numpy(sequence)
        phones[row, : len(sequence)] = sequence
        language[row, 0] = log_bigram[START, sequence[0]]
        language[row, 1 : len(sequence)] = log_bigram[sequence[:-1], sequence[1:]]
    index = phones[:, None].expand(-1, scores.shape[1], -1)
    first = torch.gather(scores, 2, index) + language[:, None]
    later = torch.gather(scores, 2, index + PHONES)
    alpha = torch.full((batch, longest), IMPOSSIBLE)
    alpha = torch.cat([first[:, 0, :1], alpha[:, 1:]], 1)
    none = torch.full((batch, 1), IMPOSSIBLE)
    for time_step in range(1, scores.shape[1]):
        enter = torch.cat([none, alpha[:, :-1]], 1) + first[:, time_step]
        following = torch.logaddexp(alpha + later[:, time_step], enter)
        alpha = torch.where((time_step < lengths)[:, None], following, alpha)
    return alpha.gather(1, last[:, None])[:, 0]


def start_network(checkpoint):
    """The network with two outputs per phone, from a cross-entropy checkpoint or from an earlier MMI checkpoint."""
    saved = torch.load(checkpoint)
    net = Tdnn(**dict(saved["cfg"], npdf=2 * PHONES))
    state = dict(saved["state"])
    if saved["pdfs_per_phone"] == 1:
        weight = state["out.weight"]
        bias = state["out.bias"] - saved["priors"].log()
        state["out.weight"], state["out.bias"] = torch.cat([weight, weight]), torch.cat([bias, bias])
    net.load_state_dict(state)
    return net


def fine_tune(net, items, epochs, learning_rate, frames_per_batch):
    """Maximise numerator minus denominator, with a cross-entropy output beside it that is thrown away afterwards."""
    bigram = phone_bigram(items)
    side = torch.nn.Linear(net.out.in_features, PHONES)
    with torch.no_grad():
        side.weight.copy_(net.out.weight[:PHONES])
        side.bias.copy_(net.out.bias[:PHONES])
    hidden = {}
    net.out.register_forward_pre_hook(lambda _module, inputs: hidden.update(x=inputs[0]))
    parameters = list(net.parameters()) + list(side.parameters())
    rng = np.random.default_rng(3)
    optimizer = torch.optim.AdamW(parameters, lr=learning_rate, weight_decay=1e-4)
    total = int(len(dataset.batches(items, frames_per_batch, np.random.default_rng(1))) * epochs)
    step, began, sums, count = 0, time.time(), np.zeros(2), 0
    net.train()
    print(len(items), "utterances,", total, "steps", flush=True)
    while step < total:
        for group in dataset.batches(items, frames_per_batch, rng):
            for settings in optimizer.param_groups:
                settings["lr"] = learning_rate * min(1, (step + 1) / 50) * max(0.03, 1 - step / total)
            x, labels = dataset.collate(items, group, net.context, rng)
            scores = net(x)[:, : labels.shape[1]]
            lengths = (labels >= 0).sum(1)
            sequences = [phone_sequence(items[index][1]) for index in group]
            # More phones than outputs: no alignment exists.
            fits = torch.tensor([len(phones) <= int(length) for phones, length in zip(sequences, lengths)])
            frames = lengths[fits].sum()
            gain = numerator(scores, lengths, sequences, bigram) - denominator(scores, lengths, bigram)
            mmi = gain[fits].sum() / frames
            side_scores = side(hidden["x"])[:, : labels.shape[1]]
            cross_entropy = F.cross_entropy(side_scores.flatten(0, 1), labels.flatten(), ignore_index=dataset.NO_LABEL)
            size = (scores * (labels >= 0)[..., None]).pow(2).sum() / frames
            loss = -mmi + CROSS_ENTROPY_WEIGHT * cross_entropy + SCORE_PENALTY * size
            optimizer.zero_grad()
            loss.backward()
            torch.nn.utils.clip_grad_norm_(parameters, 2.0)
            optimizer.step()
            sums += [float(mmi.detach()), float(cross_entropy.detach())]
            count += 1
            step += 1
            if step % 50 == 0 or step == total:
                mmi_mean, ce_mean = sums / count
                seconds = time.time() - began
                print(f"step {step}/{total} mmi {mmi_mean:.4f} xent {ce_mean:.3f} {seconds:.0f}s", flush=True)
                sums[:], count = 0, 0
            if step >= total:
                break
    net.eval()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("work_dir", type=Path, help="has the features that 'train.py features' wrote")
    parser.add_argument("init", type=Path, help="checkpoint of train.py or of an earlier run of mmi.py")
    parser.add_argument("out", type=Path, help="checkpoint to write")
    parser.add_argument("--epochs", type=float, default=1.5, help="passes over the data (default 1.5)")
    parser.add_argument("--lr", type=float, default=5e-4, help="highest learning rate (default 0.0005)")
    parser.add_argument("--frames", type=int, default=9000, help="padded 10 ms frames per batch (default 9000)")
    parser.add_argument("--hold-out", type=voice_list, default=[], help="voices to leave out, separated by commas")
    parser.add_argument("--threads", type=int, default=1, help="torch threads; one is fastest on a shared machine")
    args = parser.parse_args()
    torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    items = dataset.load_copies(args.work_dir, args.hold_out)
    items = [item for item in items if len(phone_sequence(item[1])) < len(item[0]) // 3 - 2]
    net = start_network(args.init)
    fine_tune(net, items, args.epochs, args.lr, args.frames)
    checkpoint = dict(cfg=net.cfg, state=net.state_dict(), priors=None, logsoftmax=False, pdfs_per_phone=2)
    torch.save(checkpoint, args.out)


if __name__ == "__main__":
    main()
