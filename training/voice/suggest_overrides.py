"""Suggest entries for ``overrides.json``: frequent words that the teacher says differently from CMUdict.

Compares the teacher's phones with the dictionary over all shards and writes the suggestions as JSON. They are for a person
to choose from: reduced forms of function words are welcome, mistakes of the teacher are not.
"""

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np

from corpus import read_corpus
from frontend import PAUSES, clauses
from pronunciation import dictionary
from targets import symbol

FEWEST_OCCURRENCES = 12
SMALLEST_SHARE = 0.6  # of the occurrences that must be said the same way


def spoken_words(segments):
    """Phones of every word of a shard's segment strings."""
    result, phones = [], []
    for text in segments:
        phone, stress, word_start, word_end, _ = text.split("|")
        if phone in PAUSES:
            continue
        if word_start == "1":
            phones = []
        phones.append(symbol(phone, stress))
        if word_end == "1":
            result.append(" ".join(phones))
    return result


def count_pronunciations(shards, texts):
    """word -> Counter of the teacher's pronunciations. Sentences whose words cannot be matched are skipped."""
    counts = defaultdict(Counter)
    for path in shards:
        shard = np.load(path)
        for name in shard.files:
            if not name.endswith(".seg"):
                continue
            words = [word.lower() for clause, _ in clauses(texts[name.removesuffix(".seg")]) for word in clause]
            spoken = spoken_words(shard[name])
            if len(spoken) == len(words):
                for word, phones in zip(words, spoken):
                    counts[word][phones] += 1
    return counts


def suggestions(counts):
    """word -> the teacher's phones, most frequent words first."""
    found = {}
    for word, pronunciations in sorted(counts.items(), key=lambda entry: -sum(entry[1].values())):
        total = sum(pronunciations.values())
        letter = len(word) == 1 and word != "a"
        if total < FEWEST_OCCURRENCES or letter or word not in dictionary():
            continue
        phones, times = pronunciations.most_common(1)[0]
        if times / total > SMALLEST_SHARE and phones != " ".join(dictionary()[word]):
            found[word] = phones
    return found


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="corpus.tsv")
    parser.add_argument("shards", type=Path, help="directory of shards written by teacher.py")
    parser.add_argument("out", type=Path, help="JSON file to write")
    args = parser.parse_args()
    texts = {sentence.id: sentence.text for sentence in read_corpus(args.corpus)}
    found = suggestions(count_pronunciations(sorted(args.shards.glob("shard_*.npz")), texts))
    args.out.write_text(json.dumps(found, indent=0) + "\n")
    for word, phones in found.items():
        print(f"{word}: {phones} (dictionary: {' '.join(dictionary()[word])})")


if __name__ == "__main__":
    main()
