"""ONNX export of the complex-valued operators at the end of a Vocos-style vocoder.

ONNX has no complex tensors, and torch's TorchScript exporter refuses ``torch.istft``. Here a complex tensor [...] is a real
tensor [..., 2] (real part, imaginary part), and the inverse short-time Fourier transform is one transposed convolution with
the windowed inverse DFT as its kernel, divided by the overlapped squared windows, which is what ``torch.istft`` computes.
"""

import math

import torch
from torch.onnx import register_custom_op_symbolic

OPSET = 9  # from this ONNX opset on
SMALLEST_WINDOW_SUM = 1e-11  # torch.istft refuses a sum of squared windows below this


def inverse_dft(n_fft):
    """[2 (n_fft / 2 + 1), n_fft]: real and imaginary half spectrum -> n_fft samples of an inverse real FFT."""
    bins = n_fft // 2 + 1
    angle = 2 * math.pi * torch.arange(bins)[:, None] * torch.arange(n_fft)[None] / n_fft
    # Every bin but the first and the last stands for its mirror image too.
    share = torch.full((bins, 1), 2.0)
    share[0] = 1.0
    if n_fft % 2 == 0:
        share[-1] = 1.0
    return torch.cat([share * torch.cos(angle), -share * torch.sin(angle)]).double().div(n_fft).float()


def _constant(g, value):
    return g.op("Constant", value_t=value)


def _integers(g, *values):
    return _constant(g, torch.tensor(values, dtype=torch.int64))


def _number(value, name):
    """A constant argument of the scripted call as a Python number, or None."""
    node = value.node()
    if node.mustBeNone():
        return None
    if node.kind() not in ("prim::Constant", "onnx::Constant"):
        raise ValueError(f"istft: {name} is worked out at run time; only a constant can be exported")
    value = getattr(node, node.kindOf("value"))("value")
    return value.item() if isinstance(value, torch.Tensor) else value


def _complex(g, real, imaginary):
    last = _integers(g, -1)
    return g.op("Concat", g.op("Unsqueeze", real, last), g.op("Unsqueeze", imaginary, last), axis_i=-1)


def _polar(g, magnitude, angle):
    real = g.op("Mul", magnitude, g.op("Cos", angle))
    return _complex(g, real, g.op("Mul", magnitude, g.op("Sin", angle)))


def _identity(g, tensor):
    return tensor


def _istft(g, spectrum, n_fft, hop_length, win_length, window, center, normalized, onesided, length, return_complex):
    """[B, n_fft / 2 + 1, T, 2] -> [B, samples]."""
    size = _number(n_fft, "n_fft")
    hop = _number(hop_length, "hop_length") or size // 4
    if (_number(win_length, "win_length") or size) != size:
        raise ValueError("istft: win_length must be n_fft")
    if _number(normalized, "normalized") or _number(return_complex, "return_complex"):
        raise ValueError("istft: normalized and return_complex cannot be exported")
    if _number(onesided, "onesided") in (False, 0):
        raise ValueError("istft: only one-sided spectra can be exported")
    if _number(length, "length") is not None:
        raise ValueError("istft: a fixed length cannot be exported")
    trim = size // 2 if _number(center, "center") else 0
    bins = size // 2 + 1
    if window.node().mustBeNone():
        window = _constant(g, torch.ones(size))
    # [B, bins, T, 2] -> [B, 2 bins, T], real parts first.
    channels = g.op("Reshape", g.op("Transpose", spectrum, perm_i=[0, 3, 1, 2]), _integers(g, 0, 2 * bins, -1))
    basis = g.op("Mul", _constant(g, inverse_dft(size)), window)
    samples = g.op("ConvTranspose", channels, g.op("Unsqueeze", basis, _integers(g, 1)), strides_i=[hop])
    squares = g.op("Reshape", g.op("Mul", window, window), _integers(g, 1, 1, size))
    one_channel = g.op("Slice", channels, _integers(g, 0), _integers(g, 1), _integers(g, 1))
    ones = g.op("ConstantOfShape", g.op("Shape", one_channel), value_t=torch.ones(1))
    overlap = g.op("ConvTranspose", ones, squares, strides_i=[hop])
    if trim:
        cut = (_integers(g, trim), _integers(g, -trim), _integers(g, 2))
        samples, overlap = g.op("Slice", samples, *cut), g.op("Slice", overlap, *cut)
    overlap = g.op("Max", overlap, _constant(g, torch.tensor(SMALLEST_WINDOW_SUM)))
    return g.op("Squeeze", g.op("Div", samples, overlap), _integers(g, 1))


def register():
    """Teach torch's TorchScript exporter the operators above."""
    for name, symbolic in (
        ("aten::complex", _complex),
        ("aten::polar", _polar),
        ("aten::view_as_complex", _identity),
        ("aten::view_as_real", _identity),
        ("aten::istft", _istft),
    ):
        register_custom_op_symbolic(name, symbolic, OPSET)
