"""Small factorised TDNN: one 40-dimensional MFCC frame every 10 ms in, one output vector every 30 ms.

Eight layers of 256 units with bottlenecks of 64 (Povey et al., "Semi-orthogonal low-rank matrix factorization for deep
neural networks", Interspeech 2018, without the orthogonality constraint) and skip connections. ``Tdnn.nnet3`` translates
the trained network into Kaldi nnet3 components, the form that libvosk runs.
"""

import torch
import torch.nn.functional as F
from torch import nn

from features import COEFFICIENTS, OUTPUT_STEP

FIRST_CONTEXT = 2  # frames left and right that the first layer sees
SKIP_SCALE = 0.66


def splice(x, offsets, first, last):
    """``x`` [B, T, D] shifted by each offset, joined on the last axis, for times ``first`` to ``last`` (exclusive)."""
    return torch.cat([x[:, first + offset : last + offset] for offset in offsets], -1)


class Block(nn.Module):
    """Linear bottleneck over times (-k, 0), affine map over (0, +k), batch norm, ReLU, plus a scaled skip connection."""

    def __init__(self, dim, bottleneck, k):
        super().__init__()
        self.k = k
        self.lin = nn.Linear(2 * dim, bottleneck, bias=False)
        self.aff = nn.Linear(2 * bottleneck, dim)
        self.bn = nn.BatchNorm1d(dim)

    def forward(self, x):
        """[B, T, dim] -> [B, T - 2k, dim]."""
        k, time = self.k, x.shape[1]
        y = self.lin(splice(x, (-k, 0), k, time))
        z = self.aff(splice(y, (0, k), 0, y.shape[1] - k))
        z = F.relu(self.bn(z.flatten(0, 1)).view(z.shape))
        return z + SKIP_SCALE * x[:, k : time - k]


class Tdnn(nn.Module):
    """The acoustic model. ``npdf`` outputs; ``fast`` blocks at 10 ms, then ``slow`` blocks at 30 ms."""

    def __init__(self, npdf, dim=256, bot=64, fast=1, slow=6, final=128):
        super().__init__()
        # Stored in checkpoints, so the names are part of their format.
        self.cfg = dict(npdf=npdf, dim=dim, bot=bot, fast=fast, slow=slow, final=final)
        self.register_buffer("mean", torch.zeros(COEFFICIENTS))
        self.register_buffer("istd", torch.ones(COEFFICIENTS))
        self.first = nn.Linear((2 * FIRST_CONTEXT + 1) * COEFFICIENTS, dim)
        self.bn0 = nn.BatchNorm1d(dim)
        self.fast = nn.ModuleList(Block(dim, bot, 1) for _ in range(fast))
        self.slow = nn.ModuleList(Block(dim, bot, 1) for _ in range(slow))
        self.pre = nn.Linear(dim, final)
        self.bn1 = nn.BatchNorm1d(final)
        self.out = nn.Linear(final, npdf)
        self.context = FIRST_CONTEXT + fast + OUTPUT_STEP * slow  # frames of context on each side

    def forward(self, x):
        """Raw MFCCs [B, T, 40], padded by ``context`` frames on both sides -> scores [B, ceil((T - 2 context) / 3), npdf]."""
        x = (x - self.mean) * self.istd
        x = splice(x, range(-FIRST_CONTEXT, FIRST_CONTEXT + 1), FIRST_CONTEXT, x.shape[1] - FIRST_CONTEXT)
        x = self.first(x)
        x = F.relu(self.bn0(x.flatten(0, 1)).view(x.shape))
        for block in self.fast:
            x = block(x)
        x = x[:, ::OUTPUT_STEP]
        for block in self.slow:
            x = block(x)
        x = self.pre(x)
        x = F.relu(self.bn1(x.flatten(0, 1)).view(x.shape))
        return self.out(x)

    def nnet3(self, log_softmax):
        """(config lines, components) for ``kaldi_io.write_nnet3``, batch norms and input normalisation folded in."""
        return _Nnet3Builder().build(self, log_softmax)


def _array(tensor):
    return tensor.detach().double().numpy()


def _fold_batch_norm(linear, norm):
    """Weights [out, in] and bias [out] of one affine map that equals ``linear`` followed by ``norm`` in evaluation mode."""
    scale = _array(norm.weight) / (_array(norm.running_var) + norm.eps) ** 0.5
    bias = (_array(linear.bias) - _array(norm.running_mean)) * scale + _array(norm.bias)
    return _array(linear.weight) * scale[:, None], bias


class _Nnet3Builder:
    """Collects nnet3 config lines and components while walking through a network."""

    def __init__(self):
        self.lines = [f"input-node name=input dim={COEFFICIENTS}"]
        self.components = []

    def add(self, name, kind, payload, source):
        self.components.append((name, kind, payload))
        self.lines.append(f"component-node name={name} component={name} input={source}")
        return name

    def affine_relu(self, name, weights, bias, source):
        self.add(f"{name}.affine", "affine", (weights, bias), source)
        return self.add(f"{name}.relu", "relu", weights.shape[0], f"{name}.affine")

    def build(self, net, log_softmax):
        last = self._first_layer(net)
        for index, block in enumerate([*net.fast, *net.slow]):
            # Slow blocks look one 30 ms output to each side: three input frames.
            k = 1 if index < len(net.fast) else OUTPUT_STEP
            last = self._block(f"l{index + 1}", block, k, last)
        last = self.affine_relu("pre", *_fold_batch_norm(net.pre, net.bn1), last)
        last = self.add("output.affine", "affine", (_array(net.out.weight), _array(net.out.bias)), last)
        if log_softmax:
            last = self.add("output.log-softmax", "logsoftmax", net.out.weight.shape[0], last)
        self.lines.append(f"output-node name=output input={last} objective=linear")
        return self.lines, self.components

    def _first_layer(self, net):
        weights, bias = _fold_batch_norm(net.first, net.bn0)
        mean, inverse_std = _array(net.mean), _array(net.istd)
        weights = weights.reshape(weights.shape[0], -1, COEFFICIENTS)
        bias = bias - (weights * (mean * inverse_std)).sum((1, 2))
        weights = (weights * inverse_std).reshape(weights.shape[0], -1)
        inputs = [
            "input" if offset == 0 else f"Offset(input, {offset})"
            for offset in range(-FIRST_CONTEXT, FIRST_CONTEXT + 1)
        ]
        return self.affine_relu("l0", weights, bias, f"Append({', '.join(inputs)})")

    def _block(self, name, block, k, source):
        bottleneck = _array(block.lin.weight)
        payload = (bottleneck, [0.0] * bottleneck.shape[0])
        self.add(f"{name}.lin", "affine", payload, f"Append(Offset({source}, {-k}), {source})")
        weights, bias = _fold_batch_norm(block.aff, block.bn)
        relu = self.affine_relu(name, weights, bias, f"Append({name}.lin, Offset({name}.lin, {k}))")
        # A node of its own for the sum keeps the descriptors of later layers small.
        total = f"Sum({relu}, Scale({SKIP_SCALE}, {source}))"
        return self.add(f"{name}.sum", "noop", weights.shape[0], total)
