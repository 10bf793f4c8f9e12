"""Compare libvosk's word times with flite's own phone times: start of the first word and end of the last word.

Only sentences that are recognised without an error count; flite's kal16 voice is left out, as its times are coarse.
"""

import argparse
from pathlib import Path

import numpy as np

from dataset import Corpus
from libvosk import Vosk

OVERLAP_TOLERANCE = 0.011  # seconds: word times lie on a 10 ms grid


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="path of libvosk.so")
    parser.add_argument("model_dir", type=Path, help="model directory")
    parser.add_argument("data_dir", type=Path, help="speech written by synth.py")
    args = parser.parse_args()
    vosk = Vosk(args.library, args.model_dir)
    corpus = Corpus(args.data_dir, "test_phrases")
    starts, ends, overlapping = [], [], 0
    for index, (voice, text, _, _, segments) in enumerate(corpus.utterances):
        if not segments or voice == "flite:kal16":
            continue
        heard, words = vosk.decode(corpus.wave(index))
        if heard != text:
            continue
        overlapping += any(
            word["end"] > following["start"] + OVERLAP_TOLERANCE or word["end"] <= word["start"]
            for word, following in zip(words, words[1:])
        )
        # flite's first and last segments are silence.
        starts.append(words[0]["start"] - segments[0][1])
        ends.append(words[-1]["end"] - segments[-2][1])
    for name, seconds in (("first word start", starts), ("last word end", ends)):
        milliseconds = 1000 * np.array(seconds)
        print(
            f"{name}: {len(seconds)} sentences, mean {milliseconds.mean():.0f} ms, "
            f"mean absolute {np.abs(milliseconds).mean():.0f} ms, worst {np.abs(milliseconds).max():.0f} ms"
        )
    print("sentences with overlapping words:", overlapping)


if __name__ == "__main__":
    main()
