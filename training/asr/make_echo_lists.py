"""Draw the phrase lists of ``testdata/echo``: what the voice speaks and the recogniser should hear again.

* ``known.txt``: 100 phrases that the shipped language model knows well: each stands twenty times in its text
  (``test_phrases.txt``, which ``lm_all.txt`` repeats);
* ``seen.txt``: 100 phrases that it has seen, most of them once among 40,000 lines;
* ``unknown.txt``: 60 phrases that it has not, made of words that are all in the recogniser's vocabulary.

All lists are seeded draws. ``known.txt`` is drawn from all of ``test_phrases.txt``. For the others the templates are
shuffled, and each template gives at most one phrase, until the list is full: for ``seen.txt`` any line of ``lm_all.txt``
that fits the template, for ``unknown.txt`` a fresh filling that is no line of ``lm_all.txt``. Phrases have 3 to 12 words.
No recogniser takes part in the choice.
"""

import argparse
import random
import re
import sys
from pathlib import Path

import corpus
from phrases import CLOCK_HOURS, SLOTS, TEENS, TEMPLATES, TENS, UNITS, fill

KNOWN_PHRASES, SEEN_PHRASES, UNKNOWN_PHRASES = 100, 100, 60
# The seed of seen.txt is older than its name.
KNOWN_SEED, SEEN_SEED, UNKNOWN_SEED = "echo known well", "echo known", "echo unknown"
FEWEST_WORDS, MOST_WORDS = 3, 12
FILLINGS_TO_TRY = 200

NUMBER_WORDS = [*UNITS, *TEENS, *TENS, "hundred", "thousand", "and"]
# Words of the slots that phrases.fill_slot works out instead of drawing from a list.
COMPUTED_SLOTS = {
    "n": NUMBER_WORDS,
    "digits": [*UNITS, "oh"],
    "year": NUMBER_WORDS,
    "time": [*NUMBER_WORDS, *CLOCK_HOURS, "o'clock", "half", "past", "quarter", "to"],
}


def slot_pattern(name):
    """Regular expression for what may stand in the slot."""
    if name in COMPUTED_SLOTS:
        word = "(?:" + "|".join(map(re.escape, COMPUTED_SLOTS[name])) + ")"
        return f"{word}(?: {word})*"
    return "(?:" + "|".join(map(re.escape, SLOTS[name])) + ")"


def template_pattern(template):
    """Compiled regular expression for all phrases of a template."""
    parts = re.split(r"\{(\w+)\}", template)
    return re.compile("".join(slot_pattern(part) if index % 2 else re.escape(part) for index, part in enumerate(parts)))


def shuffled_templates(rng):
    templates = list(dict.fromkeys(TEMPLATES))
    rng.shuffle(templates)
    return templates


def right_length(phrase):
    return FEWEST_WORDS <= len(phrase.split()) <= MOST_WORDS


def known_phrases(test_phrases):
    """Phrases that stand twenty times in the language model's text."""
    return random.Random(KNOWN_SEED).sample(sorted(filter(right_length, test_phrases)), KNOWN_PHRASES)


def seen_phrases(lm_lines):
    """Lines of the language model's text, at most one per template."""
    rng = random.Random(SEEN_SEED)
    lines = sorted(line for line in set(lm_lines) if right_length(line))
    chosen = []
    for template in shuffled_templates(rng):
        pattern = template_pattern(template)
        candidates = [line for line in lines if pattern.fullmatch(line) and line not in chosen]
        if candidates:
            chosen.append(rng.choice(candidates))
        if len(chosen) == SEEN_PHRASES:
            return chosen
    raise SystemExit(f"only {len(chosen)} templates have a phrase in the language model's text")


def unknown_phrases(lm_lines, vocabulary):
    """New fillings that are no line of the language model's text, at most one per template."""
    rng = random.Random(UNKNOWN_SEED)
    taken = set(lm_lines)
    chosen = []
    for template in shuffled_templates(rng):
        for _ in range(FILLINGS_TO_TRY):
            phrase = fill(template, rng)
            if phrase not in taken and right_length(phrase) and vocabulary.issuperset(phrase.split()):
                taken.add(phrase)
                chosen.append(phrase)
                break
        if len(chosen) == UNKNOWN_PHRASES:
            return chosen
    raise SystemExit(f"only {len(chosen)} templates have a filling outside the language model's text")


def read_vocabulary(path):
    """Words of an OpenFst symbol table ("word id" lines)."""
    return {line.split()[0] for line in path.read_text().splitlines()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("words", type=Path, help="graph/words.txt of the recogniser's model directory")
    parser.add_argument("out_dir", type=Path, help="directory of the lists")
    parser.add_argument("--check", action="store_true", help="write nothing; fail if the files there differ")
    args = parser.parse_args()
    vocabulary = read_vocabulary(args.words)
    texts, _ = corpus.build()
    lists = {
        "known.txt": known_phrases(texts["test_phrases.txt"]),
        "seen.txt": seen_phrases(texts["lm_all.txt"]),
        "unknown.txt": unknown_phrases(texts["lm_all.txt"], vocabulary),
    }
    for name, phrases in lists.items():
        path, content = args.out_dir / name, "\n".join(phrases) + "\n"
        if not args.check:
            path.write_text(content)
        elif not path.exists() or path.read_text() != content:
            sys.exit(f"{path} is not what the seed gives")
    print(", ".join(f"{name}: {len(phrases)} phrases" for name, phrases in lists.items()))


if __name__ == "__main__":
    main()
