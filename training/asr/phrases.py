"""Random command and conversation phrases from ``corpus_text/``: templates whose ``{slots}`` are filled by a seeded draw.

The order of the lists in ``corpus_text/`` and the order of the draws here fix every corpus that a seed gives. Changing
either one changes the text that the shipped recogniser's language model was made from.
"""

import json
import re
from pathlib import Path

TEXT_DIR = Path(__file__).resolve().parent / "corpus_text"
TEMPLATES = (TEXT_DIR / "templates.txt").read_text().splitlines()
COMMON_WORDS = (TEXT_DIR / "common_words.txt").read_text().split()
SLOTS = json.loads((TEXT_DIR / "slots.json").read_text())

UNITS = "zero one two three four five six seven eight nine".split()
TEENS = "ten eleven twelve thirteen fourteen fifteen sixteen seventeen eighteen nineteen".split()
TENS = "twenty thirty forty fifty sixty seventy eighty ninety".split()
CLOCK_HOURS = UNITS[1:] + TEENS[:3]


def number_words(number):
    """A number from 0 to 999,999 in words: 342 -> "three hundred and forty two"."""
    if number < 10:
        return UNITS[number]
    if number < 20:
        return TEENS[number - 10]
    if number < 100:
        return TENS[number // 10 - 2] + (" " + UNITS[number % 10] if number % 10 else "")
    if number < 1000:
        rest = " and " + number_words(number % 100) if number % 100 else ""
        return UNITS[number // 100] + " hundred" + rest
    rest = " " + number_words(number % 1000) if number % 1000 else ""
    return number_words(number // 1000) + " thousand" + rest


def _clock_time(rng):
    forms = ["{h}", "{h} o'clock", "{h} thirty", "{h} fifteen", "half past {h}", "quarter to {h}"]
    forms.append("{h} " + number_words(rng.randint(10, 59)))
    return rng.choice(forms).format(h=rng.choice(CLOCK_HOURS))


def _digit_string(rng):
    digits = []
    for _ in range(rng.randint(2, 8)):
        digits.append(rng.choice(["oh", "zero"]) if rng.random() < 0.1 else rng.choice(UNITS))
    return " ".join(digits)


def fill_slot(name, rng):
    """One filling of the slot ``name``; ``rng`` is a ``random.Random``."""
    if name == "n":
        return number_words(rng.choice([rng.randint(0, 20), rng.randint(0, 100), rng.randint(0, 1000)]))
    if name == "time":
        return _clock_time(rng)
    if name == "digits":
        return _digit_string(rng)
    if name == "year":
        return rng.choice(["nineteen", "twenty"]) + " " + number_words(rng.randint(10, 99))
    return rng.choice(SLOTS[name])


def fill(template, rng):
    """The template with every slot filled, from left to right."""
    text = re.sub(r"\{(\w+)\}", lambda match: fill_slot(match.group(1), rng), template)
    return text.replace("peoples", "people")


def random_phrase(rng):
    """One phrase from a template drawn evenly from all templates."""
    return fill(rng.choice(TEMPLATES), rng)
