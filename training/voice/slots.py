"""Fills the dialogue templates of ``corpus_text/``: lower-case slots from lists, upper-case slots worked out here."""

import json
import re
from pathlib import Path

from normalise import MONTHS

TEXT_DIR = Path(__file__).resolve().parent / "corpus_text"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
MINUTES = "00 15 30 45 05 10 20 40 50".split()
DAY_PARTS = [" am", " pm", "", " in the morning", " in the afternoon", " in the evening"]
ORDINAL_ENDINGS = {1: "st", 2: "nd", 3: "rd"}


def read_lines(name):
    return (TEXT_DIR / name).read_text().splitlines()


def ordinal_number(number):
    """21 -> "21st"."""
    ending = "th" if 11 <= number % 100 <= 13 else ORDINAL_ENDINGS.get(number % 10, "th")
    return f"{number}{ending}"


class Filler:
    """Random fillings; ``rng`` is a ``random.Random``."""

    def __init__(self, rng):
        self.rng = rng
        self.lists = json.loads((TEXT_DIR / "slots.json").read_text())
        self.computed = {
            "T": self.clock_time,
            "DATE": self.date,
            "NUM": self.number,
            "MON": self.money,
            "PH": self.telephone,
            "DIG": self.digits,
            "NAME": self.name,
            "ADDR": self.address,
            "LET": self.letters,
        }

    def pick(self, name):
        return self.rng.choice(self.lists[name])

    # In the methods below every alternative is drawn before one of them is chosen: the order of the draws is what a
    # seed stands for.

    def clock_time(self):
        rng = self.rng
        hour, minutes = rng.randint(1, 12), rng.choice(MINUTES)
        if rng.random() < 0.8:
            return f"{hour}:{minutes}" + rng.choice(DAY_PARTS)
        return f"{hour} " + rng.choice(["am", "pm", "o'clock"])

    def month(self):
        return self.rng.choice(MONTHS)

    def day_of_month(self):
        return self.rng.randint(1, 31)

    def date(self):
        forms = [
            f"{self.month()} {self.day_of_month()}",
            self.pick("day"),
            f"{self.pick('day')}, {self.month()} {self.day_of_month()}",
            "tomorrow",
            "today",
            "next week",
            f"the {ordinal_number(self.day_of_month())} of {self.month()}",
            f"{self.month()} {self.day_of_month()}, {self.rng.randint(1960, 2035)}",
        ]
        return self.rng.choice(forms)

    def number(self):
        ranges = [(0, 20), (0, 100), (100, 999), (1000, 99_999), (10**5, 10**7)]
        return str(self.rng.choice([self.rng.randint(*limits) for limits in ranges]))

    def money(self):
        dollars = f"${self.rng.randint(1, 2000)}"
        return dollars + (f".{self.rng.randint(1, 99):02d}" if self.rng.random() < 0.6 else "")

    def telephone(self):
        rng = self.rng
        return f"{rng.randint(200, 999)}-{rng.randint(200, 999)}-{rng.randint(0, 9999):04d}"

    def digits(self):
        return " ".join(str(self.rng.randint(0, 9)) for _ in range(self.rng.randint(3, 8)))

    def letters(self):
        return " ".join(self.rng.choice(LETTERS) for _ in range(self.rng.randint(2, 5)))

    def name(self):
        forms = [
            self.pick("first_name"),
            self.pick("first_name") + " " + self.pick("last_name"),
            self.rng.choice(["Mr. ", "Mrs. ", "Ms. ", "Dr. "]) + self.pick("last_name"),
        ]
        return self.rng.choice(forms)

    def address(self):
        kinds = ["Street", "Avenue", "Road", "Lane", "Drive", "Boulevard"]
        return f"{self.rng.randint(1, 9999)} {self.pick('street')} {self.rng.choice(kinds)}"

    def fill(self, template):
        """The template with every slot filled, from left to right."""

        def replacement(match):
            slot = match.group(1)
            return self.computed[slot]() if slot in self.computed else self.pick(slot)

        return re.sub(r"\{(\w+)\}", replacement, template)
