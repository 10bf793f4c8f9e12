"""Speak the training and test texts with ordinary speech programs: flite, festival and espeak-ng.

Reads ``train.txt``, ``test_phrases.txt`` and ``test_words.txt`` of TEXT_DIR (see ``corpus.py``). Writes for each list:

* ``NAME.i16``: all utterances end to end, 16 kHz mono, 16-bit little-endian samples without a header;
* ``NAME.tsv``: one line per utterance with voice, text, first sample, number of samples, and a JSON list of
  ``[phone, end time in seconds]`` for flite or ``null`` for the other programs.

Test utterances use each voice's plain settings; training utterances vary rate and pitch at random (seeded per voice).
"""

import argparse
import json
import random
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import soundfile

SAMPLE_RATE = 16_000  # Hz
FESTIVAL_BATCH = 100  # utterances per festival process: its start takes longer than a sentence
WORKERS = 2

ESPEAK_TRAINING_VOICES = (
    "en-us en-us+f1 en-us+f2 en-us+f3 en-us+f5 en-us+m1 en-us+m2 en-us+m3 en-us+m4 en-us+m6 en-us+m7 "
    "en-us+klatt en-us+klatt2 en-us+klatt4 en-us+steph en-us+anika en-us+boris en-us+Andy en-us+Alicia "
    "en-us+belinda en-us+Mike en-us+Hugo en-us+antonio en-us+shelby en-us+zac en-gb+f2 en-gb+m3 en-gb "
    "en-us-nyc+m5"
).split()
# Training utterances per voice, before --scale.
TRAINING_UTTERANCES = {
    "flite:slt": 1600,
    "flite:rms": 1600,
    "flite:kal16": 1000,
    "flite:awb": 1500,
    "festival:cmu_us_slt_arctic_hts": 900,
    "festival:kal_diphone": 500,
    "festival:ked_diphone": 1000,
    **{f"espeak:{voice}": 85 for voice in ESPEAK_TRAINING_VOICES},
}
# Two of these are never trained on: espeak en-us+linda and en-us+m5.
TEST_VOICES = [
    "flite:slt",
    "flite:rms",
    "flite:kal16",
    "flite:awb",
    "festival:cmu_us_slt_arctic_hts",
    "festival:ked_diphone",
    "espeak:en-us+f2",
    "espeak:en-us+linda",
    "espeak:en-us+m5",
]
TEST_UTTERANCES = {"test_phrases": 60, "test_words": 25}  # per voice


def load_16k(path):
    """Read a sound file as 16 kHz mono int16 samples; other rates are resampled in the frequency domain."""
    samples, rate = soundfile.read(path, dtype="float32")
    if samples.ndim > 1:
        samples = samples.mean(1)
    if rate != SAMPLE_RATE:
        length = round(len(samples) * SAMPLE_RATE / rate)
        spectrum = np.fft.rfft(samples)
        bins = length // 2 + 1
        spectrum = spectrum[:bins] if len(spectrum) >= bins else np.pad(spectrum, (0, bins - len(spectrum)))
        samples = np.fft.irfft(spectrum, length).astype("f4") * (length / len(samples))
    return (np.clip(samples, -1, 1) * 32767).astype("<i2")


def flite(voice, text, rng, path, plain):
    """Speak with flite. Returns (samples, [(phone, end seconds), ...])."""
    command = ["flite"]
    if not plain:
        # The order of the draws is part of the corpus: duration first, then pitch spread.
        stretch = f"duration_stretch={rng.uniform(.75, 1.35):.2f}"
        if voice != "kal16":
            command += ["--setf", f"int_f0_target_stddev={rng.uniform(8, 40):.0f}"]
        command += ["--setf", stretch]
    command += ["-voice", voice, "-psdur", "-t", text, "-o", str(path)]
    printed = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    segments = [entry.rsplit(":", 1) for entry in printed.split()]
    return load_16k(path), [(phone, float(end)) for phone, end in segments]


def espeak(voice, text, rng, path, plain):
    """Speak with espeak-ng. Returns (samples, None)."""
    options = [] if plain else ["-s", str(rng.randint(110, 210)), "-p", str(rng.randint(25, 75))]
    command = ["espeak-ng", "-v", voice, *options, "-w", str(path), text]
    subprocess.run(command, check=True, capture_output=True)
    return load_16k(path), None


def festival(voice, texts, rng, plain):
    """Speak several texts with one festival process. Returns a list of (samples, None)."""
    with tempfile.TemporaryDirectory() as folder:
        script = Path(folder, "run.scm")
        with script.open("w") as scheme:
            scheme.write(f"(voice_{voice})\n")
            for index, text in enumerate(texts):
                stretch = 1.0 if plain else rng.uniform(0.8, 1.3)
                scheme.write(f"(Parameter.set 'Duration_Stretch {stretch:.2f})\n")
                scheme.write(f'(set! u (SynthText "{text}"))\n')
                scheme.write(f'(utt.save.wave u "{folder}/{index}.wav" \'riff)\n')
        subprocess.run(["festival", "-b", str(script)], check=True, capture_output=True)
        return [(load_16k(f"{folder}/{index}.wav"), None) for index in range(len(texts))]


def render(voice, texts, seed, plain):
    """Speak all utterances of one voice ("program:voice"). Returns a list of (text, samples, segments)."""
    program, name = voice.split(":")
    rng = random.Random(f"{voice}/{seed}")
    if program == "festival":
        spoken = []
        for first in range(0, len(texts), FESTIVAL_BATCH):
            spoken += festival(name, texts[first : first + FESTIVAL_BATCH], rng, plain)
        return [(text, *utterance) for text, utterance in zip(texts, spoken)]
    speak = flite if program == "flite" else espeak
    spoken = []
    with tempfile.TemporaryDirectory() as folder:
        for text in texts:
            try:
                spoken.append((text, *speak(name, text, rng, Path(folder, "out.wav"), plain)))
            except (subprocess.CalledProcessError, soundfile.LibsndfileError, ValueError) as error:
                # An odd dictionary word now and then upsets a synthesiser: that utterance is left out.
                print("skipped", voice, text, error, file=sys.stderr)
    return spoken


def write_list(out_dir, name, jobs, plain):
    """Speak ``jobs`` (a list of (voice, texts)) and write NAME.i16 and NAME.tsv."""
    offset = 0
    with (
        ThreadPoolExecutor(WORKERS) as pool,
        open(out_dir / f"{name}.tsv", "w") as table,
        open(out_dir / f"{name}.i16", "wb") as audio,
    ):
        results = pool.map(lambda job: render(job[0], job[1], name, plain), jobs)
        for (voice, _), spoken in zip(jobs, results):
            for text, samples, segments in spoken:
                audio.write(samples.tobytes())
                table.write(f"{voice}\t{text}\t{offset}\t{len(samples)}\t{json.dumps(segments)}\n")
                offset += len(samples)
            table.flush()
            print(name, voice, len(spoken), f"{offset / SAMPLE_RATE / 3600:.2f} h so far", flush=True)


def training_jobs(lines, scale, skip):
    """Share out the lines of ``train.txt`` over the voices. espeak-ng gets no random CMUdict words (every 4th line)."""
    without_rare = [line for index, line in enumerate(lines) if index % 4 < 3]
    next_all = next_common = skip
    jobs = []
    for voice, count in TRAINING_UTTERANCES.items():
        count = max(1, int(count * scale))
        if voice.startswith("espeak"):
            jobs.append((voice, without_rare[next_common : next_common + count]))
            next_common += count
        else:
            jobs.append((voice, lines[next_all : next_all + count]))
            next_all += count
    return jobs


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("text_dir", type=Path, help="texts written by corpus.py")
    parser.add_argument("out_dir", type=Path, help="directory to write the speech to")
    parser.add_argument("--scale", type=float, default=1.0, help="share of the training utterances; 1 is 6.3 hours")
    parser.add_argument("--skip", type=int, default=0, help="leave out this many lines of train.txt (a second batch)")
    parser.add_argument("--train-only", action="store_true", help="do not speak the two test lists")
    args = parser.parse_args()
    args.out_dir.mkdir(parents=True, exist_ok=True)
    if not args.train_only:
        for name, count in TEST_UTTERANCES.items():
            texts = (args.text_dir / f"{name}.txt").read_text().splitlines()
            jobs = [(voice, random.Random(voice + name).sample(texts, count)) for voice in TEST_VOICES]
            write_list(args.out_dir, name, jobs, plain=True)
    lines = (args.text_dir / "train.txt").read_text().splitlines()
    write_list(args.out_dir, "train", training_jobs(lines, args.scale, args.skip), plain=False)


if __name__ == "__main__":
    main()
