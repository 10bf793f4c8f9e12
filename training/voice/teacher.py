"""Speak the corpus with the teacher and keep its exact parameter tracks.

festival's front end makes the labels of each sentence, and ``hts_engine`` turns them into parameters: every 5 ms 45
mel-cepstra and ln F0 (0 or less where unvoiced), and the duration of every phone. Nothing is measured on audio.

Writes ``shard_NN.npz`` to OUT_DIR (shard 00 has the held-out sentences) with four arrays per sentence: ``ID.mgc`` float16
[frames, 45], ``ID.lf0`` float32 [frames], ``ID.dur`` int16 [symbols] in frames, and ``ID.seg``, one string per symbol:
phone, stress, word start, word end, content word, joined by "|". The held-out sentences' audio goes to
``OUT_DIR/teacher_wav``, resampled to 16 kHz.
"""

import argparse
import re
import subprocess
import tempfile
from multiprocessing import Pool
from pathlib import Path

import numpy as np

from corpus import TEST_SET, read_corpus
from frontend import clauses, fix_questions
from spectrum import CEPSTRA

VOICE = "cmu_us_slt_arctic_hts"
DEBIAN_VOICE_FILE = Path("/usr/share/festival/voices/us", VOICE, "hts", f"{VOICE}.htsvoice")
FESTIVAL_SETUP = f"""(voice_{VOICE})
(Parameter.set 'Phrase_Method 'cart_tree)
(set! phrase_cart_tree simple_phrase_cart_tree)
(Parameter.set 'Synth_Method 'None)
(define (go txt out)
  (let ((u (utt.synth (eval (list 'Utterance 'Text txt))))) (hts_dump_feats u hts_feats_list out)))
"""
# Phone, place in the syllable from both ends, stress, place of the syllable in the word from both ends, word class.
LABEL = re.compile(r"\^[^-]*-([a-z]+)\+[^=]*=[^@]*@(\w+)_(\w+)/A:.*?/B:(\w+)-\w+-\w+@(\w+)-(\w+)&.*?/E:([a-z]+)\+")
HTS_UNITS_PER_FRAME = 50_000  # hts_engine's times are in 100 ns
TRAINING_SHARDS = 24


class BadSentence(Exception):
    """The teacher's pauses or durations do not fit the text; the sentence is left out."""


def read_segments(duration_file):
    """hts_engine's duration file -> ([phone, stress, word start, word end, content word], durations in frames)."""
    segments, durations = [], []
    for line in duration_file.read_text().splitlines():
        start, end, context = line.split(" ", 2)
        phone, from_left, from_right, stress, syllable_left, syllable_right, word_class = LABEL.search(context).groups()
        durations.append(round((int(end) - int(start)) / HTS_UNITS_PER_FRAME))
        word_start = from_left == "1" and syllable_left == "1"
        word_end = from_right == "1" and syllable_right == "1"
        stress = stress if stress in "01" else "0"
        segments.append((phone, stress, int(word_start), int(word_end), int(word_class == "content")))
    return segments, durations


def name_pauses(segments, text):
    """Replace the teacher's pauses by ``^`` and the marks of the text. Raises BadSentence."""
    clause_list = fix_questions(clauses(text))
    pauses = [index for index, segment in enumerate(segments) if segment[0] == "pau"]
    if len(pauses) != len(clause_list) + 1:
        raise BadSentence("pauses")
    for index, symbol in zip(pauses, ["^"] + [mark for _, mark in clause_list]):
        segments[index] = (symbol, "0", 0, 0, 0)


def parameters(label_file, text, voice_file, folder, wav=None):
    """Run hts_engine on one sentence's labels. Returns the sentence's four arrays. Raises BadSentence."""
    mgc_file, lf0_file, duration_file = (folder / name for name in ("mgc", "lf0", "dur"))
    command = ["hts_engine", "-m", voice_file, "-om", mgc_file, "-of", lf0_file, "-od", duration_file]
    command += ["-ow", wav] if wav else []
    subprocess.run([*map(str, command), str(label_file)], check=True, capture_output=True)
    mgc = np.fromfile(mgc_file, "f4").reshape(-1, CEPSTRA)
    lf0 = np.fromfile(lf0_file, "f4")
    segments, durations = read_segments(duration_file)
    name_pauses(segments, text)
    if sum(durations) != len(lf0):
        raise BadSentence("durations")
    return {
        "mgc": mgc.astype(np.float16),
        "lf0": lf0,
        "seg": np.array(["|".join(map(str, segment)) for segment in segments]),
        "dur": np.array(durations, np.int16),
    }


def write_labels(sentences, folder):
    """One festival process writes the labels of all sentences as ID.lab."""
    script = folder / "run.scm"
    lines = [f'(go "{sentence.text}" "{folder}/{sentence.id}.lab")\n' for sentence in sentences]
    script.write_text(FESTIVAL_SETUP + "".join(lines))
    # festival stops at a sentence that it cannot read; what has labels by then is used.
    subprocess.run(["festival", "-b", str(script)], check=False, capture_output=True)


def make_shard(job):
    number, sentences, voice_file, out_dir = job
    arrays, bad = {}, 0
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        write_labels(sentences, folder)
        for sentence in sentences:
            label_file = folder / f"{sentence.id}.lab"
            if not label_file.exists():
                bad += 1
                continue
            wav = folder / "out.wav" if sentence.set == TEST_SET else None
            try:
                result = parameters(label_file, sentence.text, voice_file, folder, wav)
            except (BadSentence, subprocess.CalledProcessError):
                bad += 1
                continue
            arrays.update({f"{sentence.id}.{key}": value for key, value in result.items()})
            if wav:
                target = out_dir / "teacher_wav" / f"{sentence.id}.wav"
                subprocess.run(["sox", str(wav), "-r", "16000", "-G", str(target)], check=True)
    # Written under another name first: train.py may be watching the folder.
    unfinished = out_dir / f"unfinished_{number:02d}.npz"
    np.savez(unfinished, **arrays)
    unfinished.rename(out_dir / f"shard_{number:02d}.npz")
    print(f"shard {number}: {len(arrays) // 4} sentences, {bad} left out", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("corpus", type=Path, help="corpus.tsv written by make_corpus.py")
    parser.add_argument("out_dir", type=Path, help="directory for the shards; made if missing")
    parser.add_argument("--processes", type=int, default=2, help="default 2")
    parser.add_argument("--htsvoice", type=Path, default=DEBIAN_VOICE_FILE, help="the teacher's .htsvoice file")
    args = parser.parse_args()
    if not args.htsvoice.exists():
        parser.error(f"{args.htsvoice} does not exist: install the package festvox-us-slt-hts or give --htsvoice")
    (args.out_dir / "teacher_wav").mkdir(parents=True, exist_ok=True)
    sentences = read_corpus(args.corpus)
    test = [sentence for sentence in sentences if sentence.set == TEST_SET]
    train = [sentence for sentence in sentences if sentence.set != TEST_SET]
    shards = [test] + [train[first::TRAINING_SHARDS] for first in range(TRAINING_SHARDS)]
    jobs = [(number, shard, args.htsvoice, args.out_dir) for number, shard in enumerate(shards)]
    with Pool(args.processes) as pool:
        list(pool.imap_unordered(make_shard, jobs))


if __name__ == "__main__":
    main()
