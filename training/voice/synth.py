"""Reference synthesiser: text -> 16 kHz audio with onnxruntime, whole or in chunks.

Speaks one text into a WAV file, or with ``--test-set`` every held-out sentence of a corpus into a folder.
"""

import argparse
import wave
from pathlib import Path

import numpy as np
import onnxruntime

from corpus import held_out, read_corpus
from frames import frame_index
from frontend import features, text_to_segments
from pronunciation import OVERRIDES_FILE
from spectrum import SAMPLE_RATE
from vocoder import Vocoder

SHIPPED_VOICE = OVERRIDES_FILE.parent
LOOK = 11  # receptive field of the decoder to each side, in 10 ms frames
LEAD_FRAMES, TRAIL_FRAMES = 8, 24  # fixed outer pauses, in 5 ms frames
# Silence around the teacher's recordings, put around the student's too when the two are compared.
OUTER_SILENCE = (2400, 1600)  # samples before and after


class Voice:
    """An exported voice directory."""

    def __init__(self, folder=SHIPPED_VOICE):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1

        def session(name):
            return onnxruntime.InferenceSession(str(Path(folder, name)), options, providers=["CPUExecutionProvider"])

        self.encoder, self.decoder = session("encoder.onnx"), session("decoder.onnx")

    def encode(self, ids, feats):
        """ids [T], features [T, 16] -> hidden [T, 128], ln duration [T] (5 ms units)."""
        hidden, log_duration = self.encoder.run(None, {"ids": ids[None], "feats": feats[None]})
        return hidden[0], log_duration[0]

    def decode(self, frames):
        """frames [F, 134] -> f0 [2F], amp_h, amp_n, phase [2F, 257]."""
        return [output[0] for output in self.decoder.run(None, {"frames": frames[None]})]

    def frames(self, text, speed=1.0):
        """Decoder input [F, 134] of a text; ``speed`` 2 speaks twice as fast."""
        hidden, log_duration = self.encode(*features(text_to_segments(text)))
        durations = np.maximum(np.exp(log_duration.astype(np.float64)) / speed, 1.0)
        durations[0], durations[-1] = LEAD_FRAMES, TRAIL_FRAMES
        index, position = frame_index(durations)
        return np.concatenate([hidden[index], position], 1)

    def speak(self, text, speed=1.0):
        """Float samples of a text, full scale 1."""
        return Vocoder().feed(*self.decode(self.frames(text, speed)))

    def chunks(self, text, first=10, size=40, speed=1.0):
        """The same samples in pieces: ``first`` frames of 10 ms, then ``size`` at a time."""
        frames = self.frames(text, speed)
        vocoder = Vocoder()
        begin, length = 0, first
        while begin < len(frames):
            end = min(len(frames), begin + length)
            low, high = max(0, begin - LOOK), min(len(frames), end + LOOK)
            keep = slice(2 * (begin - low), 2 * (end - low))
            yield vocoder.feed(*[output[keep] for output in self.decode(frames[low:high])])
            begin, length = end, size


def save(path, samples):
    """Write float samples as a 16 kHz mono 16-bit WAV file, clamped to full scale."""
    with wave.open(str(path), "wb") as file:
        file.setnchannels(1)
        file.setsampwidth(2)
        file.setframerate(SAMPLE_RATE)
        file.writeframes((np.clip(samples, -1, 1) * 32767).astype("<i2").tobytes())


def with_outer_silence(samples):
    before, after = OUTER_SILENCE
    return np.concatenate([np.zeros(before), samples, np.zeros(after)])


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path, help="WAV file; with --test-set a folder")
    parser.add_argument("text", nargs="?", help="what to say")
    parser.add_argument("--test-set", type=Path, metavar="CORPUS", help="speak the held-out sentences of corpus.tsv")
    parser.add_argument("--voice", type=Path, default=SHIPPED_VOICE, help="voice directory (default: the shipped one)")
    parser.add_argument("--speed", type=float, default=1.0, help="2 is twice as fast (default 1)")
    args = parser.parse_args()
    if (args.text is None) == (args.test_set is None):
        parser.error("give either a text or --test-set")
    voice = Voice(args.voice)
    if args.text is not None:
        save(args.out, voice.speak(args.text, args.speed))
        return
    args.out.mkdir(parents=True, exist_ok=True)
    for sentence in held_out(read_corpus(args.test_set)):
        save(args.out / f"{sentence.id}.wav", with_outer_silence(voice.speak(sentence.raw, args.speed)))


if __name__ == "__main__":
    main()
