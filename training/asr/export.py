"""Checkpoint -> ``am/final.mdl``, ``conf/mfcc.conf`` and ``conf/model.conf`` of a model directory that libvosk loads.

``graph.py`` adds ``graph/``. From the shipped ``checkpoint.pt`` this reproduces the shipped files byte for byte.
"""

import argparse
from pathlib import Path

import torch

import kaldi_io
import lexicon
from model import Tdnn

MFCC_CONF = """--use-energy=false
--sample-frequency=16000
--num-mel-bins=40
--num-ceps=40
--low-freq=20
--high-freq=7600
--dither=0
--allow-upsample=true
--allow-downsample=true
"""
MODEL_CONF = """--min-active=200
--max-active=3000
--beam=12.0
--lattice-beam=5.0
--acoustic-scale={scale}
--frame-subsampling-factor=3
--frames-per-chunk=24
--endpoint.silence-phones=1:2
--endpoint.rule2.min-trailing-silence=0.5
--endpoint.rule3.min-trailing-silence=0.75
--endpoint.rule4.min-trailing-silence=1.0
"""
SELF_LOOP_PROBABILITY = 0.5  # graph.py puts the matching costs into the graph


def load_network(checkpoint):
    """(network in evaluation mode, the checkpoint's dictionary)."""
    saved = torch.load(checkpoint, map_location="cpu")
    net = Tdnn(**saved["cfg"])
    net.load_state_dict(saved["state"])
    return net.eval(), saved


def write_acoustic_model(path, net, saved, unk_penalty):
    """Write final.mdl. ``unk_penalty`` (natural log units per frame) makes the garbage word ``[unk]`` less likely."""
    outputs_per_phone = saved["pdfs_per_phone"]
    phone_count = len(lexicon.ACOUSTIC)
    with torch.no_grad():
        for copy in range(outputs_per_phone):
            net.out.bias[copy * phone_count + lexicon.ACOUSTIC_ID[lexicon.SPOKEN_NOISE]] -= unk_penalty
    phone_ids = list(range(1, len(lexicon.PHONES)))
    later = phone_count if outputs_per_phone == 2 else 0
    pdf_pairs = [(lexicon.ACOUSTIC_OF_PHONE[phone], lexicon.ACOUSTIC_OF_PHONE[phone] + later) for phone in phone_ids]
    lines, components = net.nnet3(saved["logsoftmax"])
    priors = saved["priors"]
    with kaldi_io.Writer(path) as writer:
        kaldi_io.write_transition_model(writer, phone_ids, pdf_pairs, [SELF_LOOP_PROBABILITY] * len(phone_ids))
        kaldi_io.write_nnet3(writer, lines, components, [] if priors is None else priors)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("checkpoint", type=Path, help="written by train.py or mmi.py")
    parser.add_argument("model_dir", type=Path, help="model directory to write to; made if missing")
    parser.add_argument(
        "--acoustic-scale", type=float, default=1.0, help="weight of the network's scores (default 1.0)"
    )
    parser.add_argument("--unk-penalty", type=float, default=0.2, help="cost per frame of [unk] (default 0.2)")
    args = parser.parse_args()
    net, saved = load_network(args.checkpoint)
    for folder in ("am", "conf"):
        (args.model_dir / folder).mkdir(parents=True, exist_ok=True)
    acoustic_model = args.model_dir / "am" / "final.mdl"
    write_acoustic_model(acoustic_model, net, saved, args.unk_penalty)
    (args.model_dir / "conf" / "mfcc.conf").write_text(MFCC_CONF)
    (args.model_dir / "conf" / "model.conf").write_text(MODEL_CONF.format(scale=args.acoustic_scale))
    parameters = sum(parameter.numel() for parameter in net.parameters())
    print(f"{parameters} parameters, final.mdl {acoustic_model.stat().st_size} bytes")


if __name__ == "__main__":
    main()
