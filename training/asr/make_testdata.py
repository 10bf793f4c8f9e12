"""Make the recordings of ``testdata/asr``: 16 kHz mono 16-bit WAV files and ``transcripts.tsv``.

``transcripts.tsv`` has one line "name, voice, text" per clip; "|" in the text marks a pause of 1.5 s, long enough for an
endpoint. Spoken by flite and festival with plain settings.
"""

import argparse
import random
import tempfile
import wave
from pathlib import Path

import numpy as np

import synth

CLIPS = [
    ("digits", "flite:slt", "one two three four five"),
    ("lights", "flite:slt", "turn on the light in the kitchen please"),
    ("weather", "flite:rms", "what is the weather like in paris tomorrow"),
    ("timer", "flite:kal16", "set a timer for twenty five minutes"),
    ("hello", "flite:rms", "hello world this is a test of the speech recognition system"),
    ("meeting", "festival:ked_diphone", "the meeting is on friday at ten thirty"),
    ("fox", "flite:slt", "the quick brown fox jumps over the lazy dog"),
    ("two_parts", "flite:rms", "good morning how are you today|please open the door"),
    ("slt_and_rms", "flite:slt|flite:rms", "can you help me please|yes of course"),
]
LEAD = 4_800  # samples of silence before a clip: 300 ms
PAUSE = 24_000  # between its parts: 1.5 s
TAIL = 8_000  # after it: 500 ms
LEVEL = 0.6
NOISE = 8  # standard deviation in int16 units: a little noise, as any microphone has
SILENCE_SECONDS = 3


def speak(voice, text):
    """int16 samples of ``text`` in ``voice`` ("program:voice")."""
    program, name = voice.split(":")
    rng = random.Random(0)
    if program == "festival":
        return synth.festival(name, [text], rng, True)[0][0]
    with tempfile.TemporaryDirectory() as folder:
        return getattr(synth, program)(name, text, rng, Path(folder, "clip.wav"), True)[0]


def save(path, samples):
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(synth.SAMPLE_RATE)
        file.writeframes(np.clip(samples, -32768, 32767).astype("<i2").tobytes())


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out_dir", type=Path, help="directory to write the clips to")
    args = parser.parse_args()
    args.out_dir.mkdir(parents=True, exist_ok=True)
    rng = np.random.default_rng(1)
    rows = []
    for name, voice, text in CLIPS:
        texts = text.split("|")
        voices = (voice.split("|") * len(texts))[: len(texts)]
        parts = []
        for index, (part_voice, part_text) in enumerate(zip(voices, texts)):
            parts += [np.zeros(PAUSE if index else LEAD), speak(part_voice, part_text)]
        samples = np.concatenate([*parts, np.zeros(TAIL)])
        save(args.out_dir / f"{name}.wav", np.round(samples * LEVEL + rng.normal(0, NOISE, len(samples))))
        rows.append(f"{name}\t{voice}\t{text}")
    silence = rng.normal(0, NOISE, synth.SAMPLE_RATE * SILENCE_SECONDS)
    save(args.out_dir / "silence.wav", np.round(silence))
    rows.append("silence\tnoise\t")
    (args.out_dir / "transcripts.tsv").write_text("\n".join(rows) + "\n")


if __name__ == "__main__":
    main()
