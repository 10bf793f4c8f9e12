"""Speak the ten sentences of ``testdata/voice``: ``sample_01.wav`` to ``sample_10.wav``, 16 kHz mono 16-bit.

The networks run with full precision weights there: export them first with ``export.py --full-precision``.
"""

import argparse
from pathlib import Path

from synth import Voice, save

SAMPLES = [
    "Hello world.",
    "Yes.",
    "One moment please.",
    "Hello, thank you for calling. How may I help you today?",
    "Your appointment is confirmed for Tuesday, March 3rd, at 10:30 am.",
    "Would you like to reschedule?",
    "The total is $42.50, and your confirmation number is 7 3 9 0 1.",
    "I'm sorry, I didn't catch that. Could you repeat it please?",
    "The quick brown fox jumps over the lazy dog, while six wizards judge my vow.",
    "If you need to change your reservation, press one, or stay on the line to speak with a representative.",
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("voice", type=Path, help="voice directory")
    parser.add_argument("out_dir", type=Path, help="directory for the WAV files; made if missing")
    args = parser.parse_args()
    args.out_dir.mkdir(parents=True, exist_ok=True)
    voice = Voice(args.voice)
    for number, text in enumerate(SAMPLES, 1):
        save(args.out_dir / f"sample_{number:02d}.wav", voice.speak(text))


if __name__ == "__main__":
    main()
