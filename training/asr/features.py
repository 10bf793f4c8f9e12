"""MFCC features, exactly as libvosk computes them from ``conf/mfcc.conf``, and frame labels."""

import kaldi_native_fbank as knf
import numpy as np

SAMPLE_RATE = 16_000  # Hz
COEFFICIENTS = 40
FRAME_SHIFT = 0.010  # seconds between frames
FRAME_CENTRE = 0.0125  # seconds from a frame's start to its centre (25 ms window)
OUTPUT_STEP = 3  # the network gives one output per 3 frames; libvosk assumes 30 ms per output


def mfcc(samples):
    """MFCC of 16 kHz mono samples in int16 range. Returns float32 [frames, 40]."""
    options = knf.MfccOptions()
    options.frame_opts.samp_freq = SAMPLE_RATE
    options.frame_opts.dither = 0.0
    options.frame_opts.snip_edges = True
    options.mel_opts.num_bins = COEFFICIENTS
    options.mel_opts.low_freq = 20
    options.mel_opts.high_freq = 7600
    options.num_ceps = COEFFICIENTS
    options.use_energy = False
    computer = knf.OnlineMfcc(options)
    computer.accept_waveform(SAMPLE_RATE, np.asarray(samples, "f4"))
    computer.input_finished()
    frames = [computer.get_frame(index) for index in range(computer.num_frames_ready)]
    return np.stack(frames).astype("f4") if frames else np.zeros((0, COEFFICIENTS), "f4")


def label_frames(segments, frames, speed=1.0, offset=0.0):
    """Acoustic phone of every frame's centre.

    ``segments``: (acoustic phone id, start, end) in seconds of the original audio. A point at time t of the original
    lies at t / speed + offset seconds of the audio that the frames come from. Returns uint8 [frames]; frames outside
    all segments get 0 (silence).
    """
    labels = np.zeros(frames, np.uint8)
    for label, start, end in segments:
        first = int(np.ceil((start / speed + offset - FRAME_CENTRE) / FRAME_SHIFT))
        last = int(np.ceil((end / speed + offset - FRAME_CENTRE) / FRAME_SHIFT))
        labels[max(first, 0) : max(last, 0)] = label
    return labels
