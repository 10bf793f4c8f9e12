"""Reference text front end: text -> symbol ids and features for ``encoder.onnx``.

This is the definition of what the networks were trained on; the synthesiser's own front end must give the same symbols and
features. A sentence becomes ``^ phones... pause phones... pause``. A pause is ``,``, ``.`` or ``?``; ``?`` only after yes/no
questions, where the voice rises. Reads lines from standard input when run as a program.
"""

import argparse
import sys
from typing import NamedTuple

import numpy as np

from normalise import normalise
from pronunciation import VOWELS, lookup

CONSONANTS = "B CH D DH F G HH JH K L M N NG P R S SH T TH V W Y Z ZH".split()
# 0 is padding, 1 the pause before the first word, 2 to 4 the other pauses.
SYMBOLS = ["_", "^", ",", ".", "?"] + CONSONANTS + [vowel + stress for vowel in VOWELS for stress in "01"]
SYMBOL_ID = {symbol: index for index, symbol in enumerate(SYMBOLS)}
CLAUSE_PAUSES = {",", ".", "?"}
PAUSES = {"^"} | CLAUSE_PAUSES
FIRST_PHONE_ID = SYMBOL_ID["B"]
FEATURES = 16

# Festival's list of function words: everything else is a content word.
FUNCTION_WORDS = set(
    """in of for on that with by at from as if against about before because under after
    over into while without through new between among until per up down to the a an no some this each another
    those every all any these both neither many will may would can could should must ought might and but or
    plus yet nor who what where how when her his their its our my mine your is am are was were has have had be""".split()
)
# Words that start a yes/no question; other questions fall and end in ".".
YES_NO_STARTERS = set("""is are was were am do does did can could will would shall should have has had may might must
    isn't aren't wasn't weren't don't doesn't didn't can't couldn't won't wouldn't shouldn't haven't hasn't
    ready right okay anything""".split())
QUESTION_WORDS = {"who", "what", "where", "when", "why", "how"}


class Segment(NamedTuple):
    """One symbol of a sentence and its place in the word."""

    symbol: str
    word_start: int = 0
    word_end: int = 0
    content_word: int = 0


def clauses(normalised):
    """Normalised text -> list of (words, closing mark)."""
    result, words = [], []
    for token in normalised.split():
        word = token.rstrip(",.?")
        mark = token[len(word) :][:1]
        if word:
            words.append(word)
        if mark and words:
            result.append((words, mark))
            words = []
    if words:
        result.append((words, "."))
    return result


def fix_questions(clause_list):
    """Turn ``?`` into ``.`` unless the sentence or the clause starts a yes/no question, or is a single word."""
    result, sentence_starts, first_word = [], True, None
    for words, mark in clause_list:
        if sentence_starts:
            first_word = words[0].lower()
        clause_word = words[0].lower()
        yes_no = first_word in YES_NO_STARTERS or clause_word in YES_NO_STARTERS
        single = len(words) == 1 and clause_word not in QUESTION_WORDS
        if mark == "?" and not (yes_no or single):
            mark = "."
        result.append((words, mark))
        sentence_starts = mark in ".?"
    return result


def text_to_segments(text):
    """Text -> list of Segment. Raises ``pronunciation.UnknownWordError``."""
    segments = [Segment("^")]
    for words, mark in fix_questions(clauses(normalise(text))):
        for index, word in enumerate(words):
            phones = lookup(word, words[index + 1] if index + 1 < len(words) else None)
            content = int(word.lower() not in FUNCTION_WORDS)
            for position, phone in enumerate(phones):
                segments.append(Segment(phone, int(position == 0), int(position == len(phones) - 1), content))
        segments.append(Segment(mark))
    return segments


def is_vowel(symbol):
    return symbol[-1] in "01"


def _phrases(segments):
    """(first, last) segment of every phrase; a phrase ends with its pause."""
    spans, first = [], 0
    for index, segment in enumerate(segments):
        if segment.symbol in CLAUSE_PAUSES:
            spans.append((first, index))
            first = index + 1
    if first < len(segments):
        spans.append((first, len(segments) - 1))
    return spans


def features(segments):
    """List of Segment -> (ids int64 [T], features float32 [T, 16]).

    Columns: 0 word start, 1 word end, 2 content word, 3 to 5 the phrase's closing pause is ``,`` ``.`` ``?``, 6 share of the
    phrase's vowels passed, 7 vowels since the phrase's start / 10 (at most 2), 8 vowels to its end / 10 (at most 2),
    9 phrases before / 4 (at most 1), 10 phrases after / 4 (at most 1), 11 from the phrase's last stressed vowel on,
    12 vowels since the sentence's start / 20 (at most 2), 13 vowels to its end / 20 (at most 2), 14 is a pause,
    15 is the first symbol.
    """
    ids = np.array([SYMBOL_ID[segment.symbol] for segment in segments], np.int64)
    matrix = np.zeros((len(segments), FEATURES), np.float32)
    spans = _phrases(segments)
    vowels_total = sum(is_vowel(segment.symbol) for segment in segments)
    vowels_passed = 0
    for number, (first, last) in enumerate(spans):
        closing = segments[last].symbol if segments[last].symbol in CLAUSE_PAUSES else "."
        vowels = [index for index in range(first, last + 1) if is_vowel(segments[index].symbol)]
        stressed = [index for index in vowels if segments[index].symbol[-1] == "1"]
        nucleus = stressed[-1] if stressed else (vowels[-1] if vowels else last)
        vowels_in_phrase = max(1, len(vowels))
        passed_here = 0
        for index in range(first, last + 1):
            segment = segments[index]
            matrix[index] = (
                segment.word_start,
                segment.word_end,
                segment.content_word,
                closing == ",",
                closing == ".",
                closing == "?",
                passed_here / vowels_in_phrase,
                min(passed_here, 20) / 10.0,
                min(vowels_in_phrase - passed_here, 20) / 10.0,
                min(number, 4) / 4.0,
                min(len(spans) - 1 - number, 4) / 4.0,
                index >= nucleus,
                min(vowels_passed, 40) / 20.0,
                min(vowels_total - vowels_passed, 40) / 20.0,
                segment.symbol in PAUSES,
                0.0,
            )
            if is_vowel(segment.symbol):
                passed_here += 1
                vowels_passed += 1
    matrix[0, 15] = 1.0
    return ids, matrix


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.parse_args()
    for line in sys.stdin:
        print(normalise(line))
        print(" ".join(segment.symbol for segment in text_to_segments(line)))


if __name__ == "__main__":
    main()
