"""Word error rate per voice on the test lists that ``synth.py`` spoke, decoded with libvosk itself."""

import argparse
import time
from dataclasses import dataclass
from pathlib import Path

from dataset import Corpus
from features import SAMPLE_RATE
from libvosk import Vosk


@dataclass
class Tally:
    """Counts of one voice."""

    errors: int = 0
    words: int = 0
    sentences: int = 0
    right: int = 0


def edit_distance(reference, hypothesis):
    """Fewest insertions, deletions and substitutions between two lists of words."""
    row = list(range(len(hypothesis) + 1))
    for i, expected in enumerate(reference, 1):
        diagonal, row[0] = row[0], i
        for j, found in enumerate(hypothesis, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (expected != found))
    return row[-1]


def evaluate_list(vosk, corpus, limit, show):
    """Decode one list. Returns ({voice: Tally}, real-time factor); prints up to ``show`` wrong sentences per voice."""
    tallies, decoding, audio = {}, 0.0, 0.0
    for index, (voice, text, _, length, _) in enumerate(corpus.utterances):
        tally = tallies.setdefault(voice, Tally())
        if limit is not None and tally.sentences >= limit:
            continue
        began = time.time()
        heard, _ = vosk.decode(corpus.wave(index))
        decoding += time.time() - began
        audio += length / SAMPLE_RATE
        errors = edit_distance(text.split(), heard.split())
        tally.errors += errors
        tally.words += len(text.split())
        tally.sentences += 1
        tally.right += errors == 0
        if errors and tally.sentences - tally.right <= show:
            print(f"   {voice}: {text}  ->  {heard}")
    return tallies, decoding / audio


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("library", type=Path, help="path of libvosk.so")
    parser.add_argument("model_dir", type=Path, help="model directory")
    parser.add_argument("data_dir", type=Path, help="speech written by synth.py")
    parser.add_argument("--lists", default="test_phrases,test_words", help="lists to decode, separated by commas")
    parser.add_argument("--limit", type=int, help="decode at most this many sentences per voice")
    parser.add_argument("--show", type=int, default=0, help="print this many wrong sentences per voice")
    args = parser.parse_args()
    vosk = Vosk(args.library, args.model_dir)
    for name in args.lists.split(","):
        tallies, factor = evaluate_list(vosk, Corpus(args.data_dir, name), args.limit, args.show)
        print(f"{name}: real-time factor {factor:.4f}")
        for voice, tally in tallies.items():
            rate = 100 * tally.errors / tally.words
            print(f"  {voice:36s} WER {rate:5.1f} %   sentences right {tally.right}/{tally.sentences}")
        errors = sum(tally.errors for tally in tallies.values())
        words = sum(tally.words for tally in tallies.values())
        print(f"  {'all':36s} WER {100 * errors / words:5.1f} %")


if __name__ == "__main__":
    main()
