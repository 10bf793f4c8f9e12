"""Write the word list and all texts of the recogniser. Every sentence is made from ``corpus_text/``; nothing is downloaded.

Files written to OUT_DIR, one item per line:

* ``words.txt``: the decoding vocabulary;
* ``test_phrases.txt``: 250 phrases of 3 to 12 words, kept out of ``lm.txt`` and ``train.txt``;
* ``test_words.txt``: 120 strings of random vocabulary words, which no language model helps with;
* ``lm.txt``: the language model's text without the test phrases;
* ``lm_all.txt``: ``lm.txt`` plus the test phrases (20 times each). The shipped model's graph is made from this;
* ``train.txt``: what the training voices say. Half phrases, a quarter random vocabulary words, a quarter random
  CMUdict words, so that the acoustic model is not tied to the vocabulary: the graph can be rebuilt for other words
  without retraining.

The seed is fixed: two runs write the same files.
"""

import argparse
import random
from pathlib import Path

import lexicon
from phrases import COMMON_WORDS, SLOTS, TEENS, TENS, UNITS, random_phrase

SEED = 7
TEST_PHRASES = 250
TEST_WORD_STRINGS = 120
LM_LINES = 40_000
TRAIN_LINES = 40_000
TEST_PHRASE_REPEATS = 20


def draw_phrases(rng):
    """The test phrases (a set) and the language model's lines, none of which is a test phrase."""
    test = set()
    while len(test) < TEST_PHRASES:
        phrase = random_phrase(rng)
        if 3 <= len(phrase.split()) <= 12:
            test.add(phrase)
    lines = []
    while len(lines) < LM_LINES:
        phrase = random_phrase(rng)
        if phrase not in test:
            lines.append(phrase)
    return test, lines


def vocabulary(phrases):
    """(sorted words that have a pronunciation, sorted words that have none) of the phrases and the word lists."""
    words = {word for phrase in phrases for word in phrase.split()}
    words |= set(COMMON_WORDS) | set(UNITS + TEENS + TENS)
    for fillings in SLOTS.values():
        words |= {word for filling in fillings for word in filling.split()}
    unknown = sorted(word for word in words if not lexicon.pronunciations(word))
    return sorted(words - set(unknown)), unknown


def dictionary_words():
    """Sorted CMUdict words of letters only with 2 to 9 phones, for training speech outside the vocabulary."""
    return sorted(word for word, prons in lexicon.cmu().items() if word.isalpha() and 2 <= len(prons[0]) <= 9)


def training_lines(rng, lm_lines, words):
    """What the training voices say: phrase, phrase, vocabulary words, CMUdict words, and so on."""
    any_words = dictionary_words()
    lines = []
    for index in range(TRAIN_LINES):
        if index % 4 < 2:
            lines.append(rng.choice(lm_lines))
        elif index % 4 == 2:
            lines.append(" ".join(rng.choices(words, k=rng.randint(2, 8))))
        else:
            lines.append(" ".join(rng.choices(any_words, k=rng.randint(2, 6))))
    return lines


def build(seed=SEED):
    """All texts as a dictionary: file name -> list of lines. Also returns the words without a pronunciation."""
    rng = random.Random(seed)
    test, lm_lines = draw_phrases(rng)
    words, unknown = vocabulary(lm_lines + sorted(test))
    known = set(words)
    test = sorted(phrase for phrase in test if known.issuperset(phrase.split()))
    lm_lines = [phrase for phrase in lm_lines if known.issuperset(phrase.split())]
    word_strings = [" ".join(rng.choices(words, k=rng.randint(3, 7))) for _ in range(TEST_WORD_STRINGS)]
    texts = {
        "words.txt": words,
        "lm.txt": lm_lines,
        "lm_all.txt": lm_lines + TEST_PHRASE_REPEATS * test,
        "test_phrases.txt": test,
        "test_words.txt": word_strings,
        "train.txt": training_lines(rng, lm_lines, words),
    }
    return texts, unknown


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out_dir", type=Path, help="directory to write the text files to")
    args = parser.parse_args()
    texts, unknown = build()
    args.out_dir.mkdir(parents=True, exist_ok=True)
    for name, lines in texts.items():
        (args.out_dir / name).write_text("\n".join(lines) + "\n")
    print("left out for want of a pronunciation:", " ".join(unknown))
    print(", ".join(f"{name}: {len(lines)} lines" for name, lines in texts.items()))


if __name__ == "__main__":
    main()
