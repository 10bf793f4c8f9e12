"""Send the teacher's own parameters through our vocoder: the best that the networks could reach.

Writes one WAV file per held-out sentence, for listening and for ``wer.py``.
"""

import argparse
from pathlib import Path

import numpy as np

import targets
from spectrum import APERIODICITY_BASIS, COSINE_BASIS, HIGH_PASS_GAIN, PHASE_OFFSET, SINE_BASIS
from synth import save, with_outer_silence
from vocoder import Vocoder


def resynthesise(item):
    """Float samples of a training item."""
    cepstra = item.mgc.astype("f4")
    aperiodicity = (1 / (1 + np.exp(-item.noise))) @ APERIODICITY_BASIS
    harmonic = item.voiced[:, None] * (1 - aperiodicity)
    amplitude = np.exp(cepstra @ COSINE_BASIS) * HIGH_PASS_GAIN
    phase = cepstra @ SINE_BASIS + PHASE_OFFSET
    return Vocoder().feed(np.exp(item.lf0), amplitude * np.sqrt(harmonic), amplitude * np.sqrt(1 - harmonic), phase)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("shards", type=Path, help="directory of shards written by teacher.py")
    parser.add_argument("out_dir", type=Path, help="directory for the WAV files; made if missing")
    args = parser.parse_args()
    args.out_dir.mkdir(parents=True, exist_ok=True)
    for item in targets.load_shard(args.shards / "shard_00.npz"):
        save(args.out_dir / f"{item.id}.wav", with_outer_silence(resynthesise(item)))


if __name__ == "__main__":
    main()
