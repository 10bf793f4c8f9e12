"""Text normalisation of the reference front end: plain text -> letters, apostrophes, spaces and the marks ``, . ?``.

Numbers, clock times, money, dates, telephone numbers, initials and common abbreviations become words. The substitutions
depend on each other: their order is part of the definition.
"""

import re

import pronunciation

ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen "
    "seventeen eighteen nineteen"
).split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()
IRREGULAR_ORDINALS = {
    "one": "first",
    "two": "second",
    "three": "third",
    "five": "fifth",
    "eight": "eighth",
    "nine": "ninth",
    "twelve": "twelfth",
}
MONTHS = ("January February March April May June July August September October November December").split()
ABBREVIATIONS = {
    "dr.": "doctor",
    "mr.": "mister",
    "mrs.": "missus",
    "ms.": "miz",
    "st.": "street",
    "ave.": "avenue",
    "vs.": "versus",
    "etc.": "et cetera",
    "e.g.": "for example",
    "i.e.": "that is",
}
# Two to five capitals are spelt out unless they are one of these or a dictionary word of four letters or more.
NOT_INITIALS = set("NASA NATO OK AIDS NOT AND THE ALL YES NO NOW NEW YOU FOR ARE IS OR ON OFF DO ONE TWO".split())
MOST_NUMBER_DIGITS = 9  # longer digit strings are read digit by digit


def cardinal(number):
    """A whole number in words: 342 -> "three hundred forty two"."""
    if number < 20:
        return ONES[number]
    if number < 100:
        return TENS[number // 10] + ("" if number % 10 == 0 else " " + ONES[number % 10])
    if number < 1000:
        rest = "" if number % 100 == 0 else " " + cardinal(number % 100)
        return ONES[number // 100] + " hundred" + rest
    for size, name in ((10**9, "billion"), (10**6, "million"), (1000, "thousand")):
        if number >= size:
            rest = "" if number % size == 0 else " " + cardinal(number % size)
            return cardinal(number // size) + " " + name + rest


def ordinal(number):
    """A whole number as an ordinal: 21 -> "twenty first"."""
    words = cardinal(number).split()
    last = words[-1]
    regular = last[:-1] + "ieth" if last.endswith("y") else last + "th"
    words[-1] = IRREGULAR_ORDINALS.get(last, regular)
    return " ".join(words)


def year(number):
    """A year in words: 1905 -> "nineteen oh five"."""
    if 2000 <= number < 2010:
        return cardinal(number)
    century, rest = divmod(number, 100)
    if rest == 0:
        return cardinal(century) + " hundred"
    return cardinal(century) + " " + ("oh " + ONES[rest] if rest < 10 else cardinal(rest))


def digits(text):
    """Digit by digit: "405" -> "four zero five"."""
    return " ".join(ONES[int(character)] for character in text)


def _initials(match):
    letters = " ".join(match.group(0).replace(".", "").upper())
    return letters + (" " if match.end() < len(match.string) else ".")


def _money(match):
    dollars, cents = match.groups()
    spoken = dollars.replace(",", "") + " dollars"
    return spoken + (f" and {int(cents)} cents" if cents and int(cents) else "")


def _clock_time(match):
    hour, minutes = match.groups()
    if minutes == "00":
        spoken = "o'clock"
    else:
        spoken = ("oh " if minutes[0] == "0" else "") + cardinal(int(minutes))
    return cardinal(int(hour)) + " " + spoken


def _telephone(match):
    return ", ".join(digits(group) for group in match.groups() if group)


def _decimal(match):
    return " " + cardinal(int(match.group(1))) + " point " + digits(match.group(2))


def _integer(match):
    text = match.group(0)
    leading_zero = text[0] == "0" and len(text) > 1
    by_digit = len(text) > MOST_NUMBER_DIGITS or leading_zero
    return " " + (digits(text) if by_digit else cardinal(int(text))) + " "


def _capitals(match):
    text = match.group(0)
    is_word = len(text) >= 4 and text.lower() in pronunciation.dictionary()
    return text if text in NOT_INITIALS or is_word else " ".join(text)


def _abbreviation(match):
    return ABBREVIATIONS[match.group(0).strip().lower()]


def _typography(text):
    for old, new in (
        ("\u2019", "'"),
        ("\u2018", "'"),
        ("\u201c", '"'),
        ("\u201d", '"'),
        ("\u2014", ", "),
        ("\u2013", " to "),
        ("&", " and "),
        ("%", " percent "),
        ("@", " at "),
    ):
        text = text.replace(old, new)
    return text


def _abbreviations(text):
    text = re.sub(r"\b(Dr|Mr|Mrs|Ms)\.\s", lambda match: _abbreviation(match) + " ", text)
    text = re.sub(r"\b(e\.g\.|i\.e\.|etc\.|vs\.)", _abbreviation, text)
    text = re.sub(r"(^|[a-z,] )St\. (?=[A-Z])", r"\1Saint ", text)
    text = re.sub(r"\b(St|Ave)\.", _abbreviation, text)
    text = re.sub(r"\b(?:[A-Za-z]\.){2,}", _initials, text)
    return re.sub(r"\s+-+\s+", ", ", text)


def _numbers(text):
    half_day = r"(?<=\d)\s*(a\.?m\.?|p\.?m\.?)(?=\W|$)"
    text = re.sub(half_day, lambda match: " " + match.group(1)[0].upper() + " M", text, flags=re.I)
    text = re.sub(r"\$(\d[\d,]*)(?:\.(\d\d))?", _money, text)
    text = re.sub(r"(\d),(?=\d{3}\b)", r"\1", text)
    text = re.sub(r"\b(\d{1,2}):(\d\d)\b", _clock_time, text)
    text = re.sub(r"\b(\d{3})-(\d{4})\b|\b(\d{3})-(\d{3})-(\d{4})\b", _telephone, text)
    text = re.sub(r"\b(\d+)(st|nd|rd|th)\b", lambda match: ordinal(int(match.group(1))), text)
    date = r"\b(" + "|".join(MONTHS) + r") (\d{1,2})\b(?!\d)"
    text = re.sub(date, lambda match: match.group(1) + " " + ordinal(int(match.group(2))), text)
    text = re.sub(r"(\d+)\.(\d+)", _decimal, text)
    text = re.sub(r"\b(1[1-9]\d\d|20\d\d)\b", lambda match: year(int(match.group(1))), text)
    text = re.sub(r"(?<=[A-Za-z0-9])\.(?=[A-Za-z])", " dot ", text)
    return re.sub(r"\d+", _integer, text)


def _punctuation(text):
    text = re.sub(r"[!.]+(?=\s|$)", ".", text)
    text = re.sub(r"\s*[;:()\[\]]+\s*", ", ", text)
    text = re.sub(r"(?<=\w)[-/](?=\w)", " ", text)
    text = re.sub(r"[^A-Za-z',.? ]", " ", text)
    text = re.sub(r"(?<![A-Za-z])'|'(?![A-Za-z])", " ", text)
    text = re.sub(r"\s+([,.?])", r"\1", text)
    text = re.sub(r"([,.?])[,.? ]*(?=[,.?])", "", text)  # of several marks the last one stays
    text = re.sub(r"([,.?])(?=\w)", r"\1 ", text)
    return re.sub(r"\s+", " ", text).strip(" ,")


def normalise(text):
    """Plain text -> words of letters and apostrophes, separated by spaces and ``, . ?``; ends in ``.`` or ``?``."""
    text = _numbers(_abbreviations(_typography(text)))
    text = re.sub(r"\b([A-Z]{2,5})\b", _capitals, text)
    text = _punctuation(text)
    if text and text[-1] not in ".?":
        text += "."
    return text
