"""The training corpus file: one sentence per line with id, set, kind, normalised text and raw text, separated by tabs."""

from pathlib import Path
from typing import NamedTuple

TEST_SET, TRAINING_SET = "test", "train"


class Sentence(NamedTuple):
    """One line of ``corpus.tsv``."""

    id: str
    set: str
    kind: str
    text: str
    raw: str


def read_corpus(path):
    return [Sentence(*line.split("\t")) for line in Path(path).read_text().splitlines()]


def write_corpus(path, sentences):
    Path(path).write_text("".join("\t".join(sentence) + "\n" for sentence in sentences))


def held_out(sentences):
    """The sentences that the voice was not trained on."""
    return [sentence for sentence in sentences if sentence.set == TEST_SET]
