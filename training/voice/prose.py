"""Takes sentences out of documentation files and judges whether the teacher should read them."""

import gzip
import html
import re
from pathlib import Path

from normalise import normalise

MOST_BYTES = 400_000  # read from one file
FUNCTION_WORD = re.compile(r"\b(the|a|an|of|to|is|are|in|and|you|it|that|this|can|for|be|we|will|not|your|has|if)\b")
SENTENCE = re.compile(r"[A-Z][A-Za-z',;: -]+[.?!]")
MANUAL_PAGE = re.compile(r"\.[1-8](\.gz)?$")


def _read(path):
    with gzip.open(path) if path.suffix == ".gz" else open(path, "rb") as file:
        return file.read(MOST_BYTES).decode("utf-8", "ignore")


def _html_text(source):
    paragraphs = "\n\n".join(re.findall(r"<p>(.*?)</p>", source, re.S))
    # A word that no dictionary has: sentences with code in them are dropped later.
    without_code = re.sub(r"<code.*?</code>", " CODE_ ", paragraphs, flags=re.S)
    return html.unescape(re.sub(r"<[^>]+>", "", without_code))


def _manual_text(source):
    without_requests = re.sub(r"^\.[A-Z].*$|^[.'].*$", "\n", source, flags=re.M)
    return re.sub(r"\\f[A-Z]|\\&", "", without_requests).replace("\\-", "-")


def plain_text(path):
    """The readable text of a file, by its name's ending."""
    source = _read(path)
    if path.suffix == ".html":
        return _html_text(source)
    if path.suffix == ".py":
        return "\n\n".join(re.findall(r'"""(.*?)"""', source, re.S))
    if MANUAL_PAGE.search(path.name):
        return _manual_text(source)
    return source


def harvest(files):
    """All sentences of the files' paragraphs. A file that cannot be read is named and left out."""
    for path in map(Path, files):
        try:
            text = plain_text(path)
        except (OSError, EOFError) as error:
            print("left out", path, error)
            continue
        for paragraph in re.split(r"\n\s*\n", text):
            paragraph = re.sub(r"\s+", " ", paragraph.strip(" *#>-"))
            for sentence in re.split(r"(?<=[.?!])\s+(?=[A-Z])", paragraph):
                yield sentence.strip()


def usable(sentence, known_words):
    """A complete sentence of 3 to 22 dictionary words with few names and enough function words."""
    if not SENTENCE.fullmatch(sentence):
        return False
    text = normalise(sentence)
    words = re.findall(r"[A-Za-z']+", text)
    return (
        3 <= len(words) <= 22
        and all(word.lower() in known_words for word in words)
        and not any(len(word) == 1 and word not in "aAI" for word in words)
        and sum(word[0].isupper() for word in words[1:]) <= 2
        and len(FUNCTION_WORD.findall(text.lower())) >= max(1, len(words) // 6)
    )
