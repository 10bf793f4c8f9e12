"""Word error rate of pocketsphinx on folders of recordings of the held-out sentences (``<id>.wav``, 16 kHz).

An independent recogniser: it has never heard this voice. Writes what it heard to ``hypotheses.json`` in each folder.
"""

import argparse
import json
import re
import subprocess
from pathlib import Path

from corpus import held_out, read_corpus


def words(text):
    return re.findall(r"[a-z']+", text.lower())


def edit_distance(reference, hypothesis):
    """Fewest insertions, deletions and substitutions between two lists of words."""
    previous = list(range(len(hypothesis) + 1))
    for row, expected in enumerate(reference, 1):
        current = [row]
        for column, found in enumerate(hypothesis, 1):
            substituted = previous[column - 1] + (expected != found)
            current.append(min(previous[column] + 1, current[-1] + 1, substituted))
        previous = current
    return previous[-1]


def recognise(path):
    command = ["pocketsphinx_continuous", "-infile", str(path), "-logfn", "/dev/null"]
    heard = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    return words(re.sub(r"\(\d\)", "", heard))  # "the(2)" is the word "the" in its second pronunciation


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="corpus.tsv")
    parser.add_argument("folders", type=Path, nargs="+", help="folders of <id>.wav")
    args = parser.parse_args()
    references = {sentence.id: words(sentence.text) for sentence in held_out(read_corpus(args.corpus))}
    for folder in args.folders:
        heard = {path.stem: recognise(path) for path in sorted(folder.glob("*.wav")) if path.stem in references}
        if not heard:
            raise SystemExit(f"no recording of a held-out sentence in {folder}")
        errors = sum(edit_distance(references[name], hypothesis) for name, hypothesis in heard.items())
        total = sum(len(references[name]) for name in heard)
        (folder / "hypotheses.json").write_text(json.dumps({n: " ".join(h) for n, h in heard.items()}, indent=0))
        print(f"{folder}: WER {100 * errors / total:.1f} % over {total} words, {len(heard)} files", flush=True)


if __name__ == "__main__":
    main()
