"""Checkpoint -> voice directory: ``encoder.onnx``, ``decoder.onnx``, ``voice.json`` and ``overrides.json``.

Weights of 256 values or more are stored as 16-bit floats with a Cast in front of their use: half the size, no audible
difference. ``--check`` compares the result with an existing voice: torch 1.13 gives the graphs of the shipped voice, other versions give
graphs that compute the same.
"""

import argparse
import inspect
import json
import shutil
import sys
import warnings
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
import torch
from onnx import TensorProto, helper, numpy_helper

import frontend
import spectrum
from frames import POSITION_FEATURES
from model import HIDDEN, ExportedDecoder, load_networks
from pronunciation import OVERRIDES_FILE
from synth import LEAD_FRAMES, TRAIL_FRAMES
from vocoder import NOISE_SEED

OPSET = 13
SMALLEST_HALF_TENSOR = 256  # values
MAX_PAUSE_FRAMES = 60  # 300 ms, between clauses
DECODER_OUTPUTS = ("f0", "amp_h", "amp_n", "phase")
CHECK_TEXT = "The quick brown fox jumps over the lazy dog, does it?"
LARGEST_DIFFERENCE = 1e-3  # the decoder's spectral amplitudes reach some thousands


def export_networks(encoder, decoder, folder):
    """Write encoder.onnx and decoder.onnx with 32-bit weights and free lengths T and F."""
    # The exporter that newer versions of torch prefer gives another graph and needs a package more.
    options = {"dynamo": False} if "dynamo" in inspect.signature(torch.onnx.export).parameters else {}
    torch.onnx.export(
        encoder,
        (torch.zeros(1, 9, dtype=torch.long), torch.zeros(1, 9, frontend.FEATURES)),
        str(folder / "encoder.onnx"),
        opset_version=OPSET,
        input_names=["ids", "feats"],
        output_names=["hidden", "logdur"],
        dynamic_axes={name: {1: "T"} for name in ("ids", "feats", "hidden", "logdur")},
        **options,
    )
    torch.onnx.export(
        ExportedDecoder(decoder).eval(),
        (torch.zeros(1, 20, HIDDEN + POSITION_FEATURES),),
        str(folder / "decoder.onnx"),
        opset_version=OPSET,
        input_names=["frames"],
        output_names=list(DECODER_OUTPUTS),
        dynamic_axes={"frames": {1: "F"}, **{name: {1: "F2"} for name in DECODER_OUTPUTS}},
        **options,
    )


def halve_weights(path):
    """Store the large weights of an ONNX file as 16-bit floats, in place."""
    model = onnx.load(path)
    graph = model.graph
    weights, casts = [], []
    for tensor in graph.initializer:
        array = numpy_helper.to_array(tensor)
        if array.dtype == np.float32 and array.size >= SMALLEST_HALF_TENSOR:
            half_name = tensor.name + "_h"
            weights.append(numpy_helper.from_array(array.astype(np.float16), half_name))
            casts.append(helper.make_node("Cast", [half_name], [tensor.name], to=TensorProto.FLOAT))
        else:
            weights.append(tensor)
    nodes = casts + list(graph.node)
    del graph.initializer[:], graph.node[:]
    graph.initializer.extend(weights)
    graph.node.extend(nodes)
    onnx.checker.check_model(model)
    onnx.save(model, path)


def manifest(name, decoder):
    """The content of voice.json. Times in frames of 5 ms, except the decoder's look-ahead (10 ms)."""
    return {
        "format": "statvoice-1",
        "name": name,
        "sample_rate": spectrum.SAMPLE_RATE,
        "hop": spectrum.HOP,
        "n_fft": spectrum.FFT_SIZE,
        "bins": spectrum.BINS,
        "frame_ms": 5,
        "decoder_step_ms": 10,
        "symbols": frontend.SYMBOLS,
        "n_feats": frontend.FEATURES,
        "hidden": HIDDEN,
        "n_pos": POSITION_FEATURES,
        "decoder_lookahead_frames": decoder.look,
        "lead_frames": LEAD_FRAMES,
        "trail_frames": TRAIL_FRAMES,
        "max_pause_frames": MAX_PAUSE_FRAMES,
        "gain": float(spectrum.OUTPUT_GAIN),
        "noise_seed": NOISE_SEED,
        "noise_mod": spectrum.NOISE_MODULATION,
        "noise_window": "hann 160, hop 80, w[n]=0.5-0.5cos(2pi(n+0.5)/160)",
        "function_words": sorted(frontend.FUNCTION_WORDS),
        "yesno_starters": sorted(frontend.YES_NO_STARTERS),
    }


def same_graph(first, second):
    """Whether two ONNX files are equal but for the version of torch that wrote them."""
    models = [onnx.load(path) for path in (first, second)]
    for model in models:
        model.producer_version = ""
    return models[0] == models[1]


def largest_difference(first, second, feeds):
    """Largest difference between the outputs of two ONNX files for the same input."""
    outputs = []
    for path in (first, second):
        session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
        outputs.append(session.run(None, feeds))
    return max(float(np.abs(one - other).max()) for one, other in zip(*outputs))


def check(made, existing):
    """Compare two voices and print how near they are. Returns the names of the files that differ."""
    rng = np.random.default_rng(0)
    ids, feats = frontend.features(frontend.text_to_segments(CHECK_TEXT))
    frames = rng.normal(0, 1, (1, 50, HIDDEN + POSITION_FEATURES)).astype(np.float32)
    feeds = {"encoder.onnx": {"ids": ids[None], "feats": feats[None]}, "decoder.onnx": {"frames": frames}}
    different = []
    for name, feed in feeds.items():
        if same_graph(made / name, existing / name):
            print(f"{name}: the same graph")
            continue
        difference = largest_difference(made / name, existing / name, feed)
        print(f"{name}: another graph, outputs differ by {difference:.1e} at most")
        if not difference <= LARGEST_DIFFERENCE:
            different.append(name)
    for name in ("voice.json", "overrides.json"):
        if json.loads((made / name).read_text()) != json.loads((existing / name).read_text()):
            different.append(name)
    return different


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="written by train.py; the shipped one is checkpoint.pt")
    parser.add_argument("out_dir", type=Path, help="voice directory to write; made if missing")
    parser.add_argument("--name", default="en-us-slt-distilled", help="name in voice.json")
    parser.add_argument("--overrides", type=Path, default=OVERRIDES_FILE, help="overrides.json to put beside it")
    parser.add_argument("--full-precision", action="store_true", help="keep 32-bit weights")
    parser.add_argument("--check", type=Path, metavar="VOICE_DIR", help="fail unless the result equals this voice")
    args = parser.parse_args()
    warnings.filterwarnings("ignore", category=UserWarning)  # of the ONNX exporter, about constant folding
    args.out_dir.mkdir(parents=True, exist_ok=True)
    encoder, decoder = load_networks(args.checkpoint)
    export_networks(encoder, decoder, args.out_dir)
    for name in ("encoder.onnx", "decoder.onnx"):
        path = args.out_dir / name
        if not args.full_precision:
            halve_weights(path)
        print(name, path.stat().st_size, "bytes")
    (args.out_dir / "voice.json").write_text(json.dumps(manifest(args.name, decoder), indent=1))
    overrides = args.out_dir / "overrides.json"
    if overrides.resolve() != args.overrides.resolve():
        shutil.copyfile(args.overrides, overrides)
    if args.check:
        different = check(args.out_dir, args.check)
        if different:
            sys.exit(f"different from {args.check}: {', '.join(different)}")
        print("equal to", args.check)


if __name__ == "__main__":
    main()
