"""Decode with libvosk itself through ctypes; only the shared library is needed, no Python package."""

import ctypes
import json

import numpy as np

SAMPLE_RATE = 16_000  # Hz
CHUNK = 3200  # samples per call: 200 ms


class Vosk:
    """A loaded model. ``library``: path of libvosk.so; ``model``: model directory."""

    def __init__(self, library, model):
        lib = self.lib = ctypes.CDLL(str(library))
        for name in ("vosk_model_new", "vosk_recognizer_new", "vosk_recognizer_new_grm"):
            getattr(lib, name).restype = ctypes.c_void_p
        for name in ("vosk_recognizer_final_result", "vosk_recognizer_result"):
            getattr(lib, name).restype = ctypes.c_char_p
        lib.vosk_set_log_level(-2)
        self.model = ctypes.c_void_p(lib.vosk_model_new(str(model).encode()))
        if not self.model:
            raise ValueError(f"libvosk cannot load {model}")

    def _recognizer(self, grammar):
        rate = ctypes.c_float(SAMPLE_RATE)
        if grammar is None:
            return ctypes.c_void_p(self.lib.vosk_recognizer_new(self.model, rate))
        phrases = json.dumps(grammar).encode()
        return ctypes.c_void_p(self.lib.vosk_recognizer_new_grm(self.model, rate, phrases))

    def decode(self, samples, grammar=None):
        """16 kHz mono int16 samples -> (text, words as libvosk reports them, with times in seconds)."""
        recognizer = self._recognizer(grammar)
        self.lib.vosk_recognizer_set_words(recognizer, 1)
        texts, words = [], []
        data = np.ascontiguousarray(samples, "<i2").tobytes()

        def take(reply):
            result = json.loads(reply)
            if result.get("text"):
                texts.append(result["text"])
                words.extend(result.get("result", []))

        for first in range(0, len(data), 2 * CHUNK):
            chunk = data[first : first + 2 * CHUNK]
            if self.lib.vosk_recognizer_accept_waveform(recognizer, chunk, len(chunk)) == 1:
                take(self.lib.vosk_recognizer_result(recognizer))
        take(self.lib.vosk_recognizer_final_result(recognizer))
        self.lib.vosk_recognizer_free(recognizer)
        return " ".join(texts), words
