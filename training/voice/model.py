"""The two networks of the voice, built only from operations that small ONNX runtimes have.

Inside the networks tensors are [batch, channels, time]; inputs and outputs are [batch, time, channels].
"""

import math

import torch
from torch import nn

from frames import POSITION_FEATURES
from frontend import FEATURES, SYMBOLS
from spectrum import (
    APERIODICITY_BASIS,
    APERIODICITY_KNOTS,
    CEPSTRA,
    COSINE_BASIS,
    HIGH_PASS_GAIN,
    PHASE_OFFSET,
    SINE_BASIS,
)

HIDDEN = 128  # channels handed from encoder to decoder
F0 = CEPSTRA  # column of ln F0 in the decoder's output
VOICING = CEPSTRA + 1  # column of the voicing logit
APERIODICITY = CEPSTRA + 2  # first column of the aperiodicity logits
OUTPUTS = APERIODICITY + len(APERIODICITY_KNOTS)
VOICING_SHARPNESS = 8.0
ENCODER_DILATIONS = (1, 1, 2, 4, 1, 1)
DECODER_BLOCKS = 5
DECODER_KERNEL = 5
TYPICAL_LOG_DURATION = 2.6  # ln of 13 frames of 5 ms, to start training from


class Norm(nn.Module):
    """RMS normalisation over channels with a learnt gain and bias."""

    def __init__(self, channels):
        super().__init__()
        self.g = nn.Parameter(torch.ones(channels, 1))
        self.b = nn.Parameter(torch.zeros(channels, 1))

    def forward(self, x):
        if torch.onnx.is_in_onnx_export():
            # rsqrt and pow would become operators that not every runtime has.
            return x / torch.sqrt((x * x).mean(1, keepdim=True) + 1e-5) * self.g + self.b
        return x * (x.pow(2).mean(1, keepdim=True) + 1e-5).rsqrt() * self.g + self.b


class DepthwiseConv(nn.Module):
    """One filter per channel, same length."""

    def __init__(self, channels, kernel, dilation=1):
        super().__init__()
        padding = dilation * (kernel // 2)
        self.c = nn.Conv1d(channels, channels, kernel, padding=padding, dilation=dilation, groups=channels)

    def forward(self, x):
        return self.c(x)


class Block(nn.Module):
    """Residual block: depthwise convolution, norm, expansion, SiLU, projection."""

    def __init__(self, channels, kernel, dilation=1, expansion=2):
        super().__init__()
        self.dw = DepthwiseConv(channels, kernel, dilation)
        self.n = Norm(channels)
        self.a = nn.Conv1d(channels, channels * expansion, 1)
        self.o = nn.Conv1d(channels * expansion, channels, 1)
        nn.init.normal_(self.o.weight, std=0.02 / math.sqrt(2))
        nn.init.zeros_(self.o.bias)

    def forward(self, x):
        h = self.a(self.n(self.dw(x)))
        return x + self.o(h * torch.sigmoid(h))


class Encoder(nn.Module):
    """ids int64 [B, T], features float32 [B, T, 16] -> hidden float32 [B, T, 128], ln duration float32 [B, T] (5 ms units)."""

    def __init__(self, channels=176):
        super().__init__()
        self.emb = nn.Embedding(len(SYMBOLS), channels)
        nn.init.normal_(self.emb.weight, std=0.3)
        self.fe = nn.Linear(FEATURES, channels)
        self.bl = nn.ModuleList(Block(channels, 5, dilation) for dilation in ENCODER_DILATIONS)
        self.n = Norm(channels)
        self.h = nn.Conv1d(channels, HIDDEN, 1)
        self.d1 = nn.Conv1d(channels, 64, 3, padding=1)
        self.d2 = nn.Conv1d(64, 1, 1)
        nn.init.constant_(self.d2.bias, TYPICAL_LOG_DURATION)

    def forward(self, ids, feats, mask=None):
        """``mask`` [B, 1, T]: 1 for symbols, 0 for padding; only needed for batches."""
        x = (self.emb(ids) + self.fe(feats)).transpose(1, 2)
        for block in self.bl:
            if mask is not None:
                x = x * mask
            x = block(x)
        if mask is not None:
            x = x * mask
        x = self.n(x)
        hidden = self.h(x)
        duration = self.d1(x)
        duration = self.d2(duration * torch.sigmoid(duration))
        return hidden.transpose(1, 2), duration.squeeze(1)


class Decoder(nn.Module):
    """Frames at 10 ms float32 [B, F, 134] -> normalised parameters at 5 ms float32 [B, 2F, 52].

    Columns of the output: 45 mel-cepstra, ln F0, voicing logit, 5 aperiodicity logits. ``mean`` and ``std`` undo the
    normalisation.
    """

    def __init__(self, channels=192):
        super().__init__()
        self.i = nn.Conv1d(HIDDEN + POSITION_FEATURES, channels, 3, padding=1)
        self.bl = nn.ModuleList(Block(channels, DECODER_KERNEL) for _ in range(DECODER_BLOCKS))
        self.n = Norm(channels)
        self.o = nn.Conv1d(channels, 2 * OUTPUTS, 1)
        self.register_buffer("mean", torch.zeros(OUTPUTS))
        self.register_buffer("std", torch.ones(OUTPUTS))
        # Receptive field to each side, in 10 ms frames.
        self.look = 1 + DECODER_BLOCKS * (DECODER_KERNEL // 2)

    def forward(self, frames):
        x = self.i(frames.transpose(1, 2))
        for block in self.bl:
            x = block(x)
        y = self.o(self.n(x)).transpose(1, 2)
        # A constant batch size keeps shape arithmetic out of the exported graph.
        batch = 1 if torch.onnx.is_in_onnx_export() else y.shape[0]
        return y.reshape(batch, -1, OUTPUTS)


class ExportedDecoder(nn.Module):
    """What ``decoder.onnx`` computes: frames [1, F, 134] -> f0 [1, 2F] in Hz, amp_h, amp_n, phase [1, 2F, 257]."""

    def __init__(self, decoder):
        super().__init__()
        self.dec = decoder
        for name, value in (
            ("cos", COSINE_BASIS),
            ("msin", SINE_BASIS),
            ("apm", APERIODICITY_BASIS),
            ("hp", HIGH_PASS_GAIN),
            ("ph0", PHASE_OFFSET),
        ):
            self.register_buffer(name, torch.tensor(value))
        # Scale of the pitch movements. Always 1; without it the shipped checkpoint would export a different graph.
        self.f0_scale = 1.0

    def forward(self, frames):
        normalised = self.dec(frames)
        y = normalised * self.dec.std + self.dec.mean
        cepstra = y[..., :CEPSTRA]
        f0 = torch.exp(normalised[..., F0] * (self.dec.std[F0] * self.f0_scale) + self.dec.mean[F0])
        voiced = torch.sigmoid(y[..., VOICING : VOICING + 1] * VOICING_SHARPNESS)
        aperiodicity = torch.matmul(torch.sigmoid(y[..., APERIODICITY:]), self.apm)
        log_magnitude = torch.matmul(cepstra, self.cos)
        phase = torch.matmul(cepstra, self.msin) + self.ph0
        amplitude = torch.exp(log_magnitude) * self.hp
        harmonic = voiced * (1 - aperiodicity)
        return f0, amplitude * torch.sqrt(harmonic), amplitude * torch.sqrt(1 - harmonic), phase


def load_networks(checkpoint):
    """(encoder, decoder) in evaluation mode from a checkpoint of ``train.py``."""
    saved = torch.load(checkpoint, map_location="cpu")
    encoder, decoder = Encoder(), Decoder()
    encoder.load_state_dict(saved["enc"])
    decoder.load_state_dict(saved["dec"])
    return encoder.eval(), decoder.eval()
