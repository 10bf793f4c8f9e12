"""``silero_to_onnx.py`` on small stand-in models with the published signature. Run: python -m unittest discover training/tests

The stand-ins have random weights. Each returns audio in another of the shapes that the published contract allows.
"""

import json
import sys
import tempfile
import unittest
import zipfile
from pathlib import Path

import numpy as np
import onnxruntime
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import silero_to_onnx  # noqa: E402

SAMPLES_PER_SYMBOL = 64
SYMBOLS, SPEAKERS = 85, 60


class Upsampler(nn.Module):
    """Embeddings, then a transposed convolution to audio [samples]."""

    def __init__(self):
        super().__init__()
        self.symbols = nn.Embedding(SYMBOLS, 16)
        self.speakers = nn.Embedding(SPEAKERS, 16)
        self.mix = nn.Conv1d(16, 16, 3, padding=1)
        self.up = nn.ConvTranspose1d(16, 1, SAMPLES_PER_SYMBOL, stride=SAMPLES_PER_SYMBOL)

    def forward(self, ids: torch.Tensor, speaker: torch.Tensor):
        x = self.symbols(ids) + self.speakers(speaker).unsqueeze(1)
        x = torch.relu(self.mix(x.transpose(1, 2)))
        return torch.tanh(self.up(x)).squeeze(0).squeeze(0)


class InverseFourier(nn.Module):
    """Embeddings, then magnitude and phase through torch.istft, as a Vocos vocoder does: audio [1, samples]."""

    def __init__(self):
        super().__init__()
        self.symbols = nn.Embedding(SYMBOLS, 16)
        self.speakers = nn.Embedding(SPEAKERS, 16)
        self.head = nn.ConvTranspose1d(16, 2 * 65, 8, stride=8)
        self.register_buffer("window", torch.hann_window(128))

    def forward(self, ids: torch.Tensor, speaker: torch.Tensor):
        x = (self.symbols(ids) + self.speakers(speaker).unsqueeze(1)).transpose(1, 2)
        magnitude, phase = self.head(x).chunk(2, dim=1)
        magnitude = torch.exp(magnitude).clamp(max=100.0)
        spectrum = torch.complex(magnitude * torch.cos(phase), magnitude * torch.sin(phase))
        return torch.istft(spectrum, 128, 32, 128, self.window, center=True)


class RunTimeLength(nn.Module):
    """Repeats every symbol as often as a duration network says: audio [1, 1, samples]."""

    def __init__(self):
        super().__init__()
        self.symbols = nn.Embedding(SYMBOLS, 16)
        self.speakers = nn.Embedding(SPEAKERS, 16)
        self.duration = nn.Linear(16, 1)
        self.up = nn.ConvTranspose1d(16, 1, 32, stride=32)

    def forward(self, ids: torch.Tensor, speaker: torch.Tensor):
        x = self.symbols(ids) + self.speakers(speaker).unsqueeze(1)
        durations = torch.clamp(torch.round(torch.exp(self.duration(x).squeeze(-1))), min=1).to(torch.int64)
        ends = torch.cumsum(durations, 1)
        frame = torch.arange(int(ends[0, -1]), device=ids.device)
        symbol = (frame.unsqueeze(1) >= ends).sum(1)
        return torch.tanh(self.up(x[:, symbol].transpose(1, 2)))


class SileroToOnnx(unittest.TestCase):
    def setUp(self):
        torch.manual_seed(5)
        temporary = tempfile.TemporaryDirectory()
        self.addCleanup(temporary.cleanup)
        self.folder = Path(temporary.name)

    def convert(self, model, *options):
        """Script, save and convert a model. Returns (scripted model, manifest, onnxruntime session)."""
        scripted = torch.jit.script(model.eval())
        path, out = self.folder / "model.jit", self.folder / "voice"
        scripted.save(str(path))
        silero_to_onnx.main(["--model", str(path), "--out", str(out), "--verify", *options])
        manifest = json.loads((out / "voice.json").read_text(encoding="utf-8"))
        session = onnxruntime.InferenceSession(str(out / manifest["graph"]), providers=["CPUExecutionProvider"])
        return scripted, manifest, session

    def assert_same_audio(self, model, manifest, session):
        """Several lengths and speakers, none of them those of the exported example."""
        for text, speaker in (
            ("да", "ru_aigul"),
            ("и сн+ова здр+авствуйте, друзь+я мо+и!", "tat_albina"),
            ("", "xal_kermen"),
        ):
            ids = silero_to_onnx.encode(text, manifest)
            speaker_id = torch.tensor([manifest["speakers"][speaker]])
            feeds = {manifest["inputs"]["ids"]: ids.numpy(), manifest["inputs"]["speaker"]: speaker_id.numpy()}
            (made,) = session.run([manifest["output"]], feeds)
            with torch.no_grad():
                expected = model(ids, speaker_id).reshape(1, -1).numpy()
            self.assertEqual(made.dtype, np.float32)
            self.assertEqual(made.shape, expected.shape)
            self.assertGreater(np.abs(expected).max(), 1e-3)
            np.testing.assert_allclose(made, expected, atol=2e-5)

    def test_transposed_convolution(self):
        self.assert_same_audio(*self.convert(Upsampler()))

    def test_inverse_short_time_fourier_transform(self):
        self.assert_same_audio(*self.convert(InverseFourier()))

    def test_length_that_depends_on_the_text(self):
        self.assert_same_audio(*self.convert(RunTimeLength()))

    def test_manifest(self):
        _, manifest, session = self.convert(Upsampler(), "--name", "cis", "--languages", "ru,tt")
        self.assertEqual(
            {key: manifest[key] for key in manifest if key not in ("symbols", "speakers")},
            {
                "format": "silero-1",
                "name": "cis",
                "languages": ["ru", "tt"],
                "sample_rate": 48000,
                "graph": "model.onnx",
                "inputs": {"ids": "ids", "speaker": "speaker"},
                "output": "audio",
                "start_id": 2,
                "end_id": 1,
                "default_speaker": "ru_zhadyra",
                "lowercase": True,
            },
        )
        self.assertEqual({item.name for item in session.get_inputs()}, {"ids", "speaker"})
        self.assertEqual([item.name for item in session.get_outputs()], ["audio"])
        # As enumerating the published string gives: the first letters, the last symbol, and no control symbol.
        self.assertEqual(manifest["symbols"]["!"], 3)
        self.assertEqual(manifest["symbols"]["а"], 13)
        self.assertEqual(manifest["symbols"][" "], 84)
        self.assertNotIn("|", manifest["symbols"])
        self.assertTrue(all(len(symbol) == 1 for symbol in manifest["symbols"]))
        self.assertEqual(len(manifest["speakers"]), 60)
        self.assertEqual(manifest["speakers"]["aze_gamat"], 0)
        self.assertEqual(manifest["speakers"]["ru_roman"], 40)
        self.assertEqual(manifest["speakers"]["xal_kermen"], 59)

    def test_text_is_lowered_and_framed(self):
        manifest = {"lowercase": True, "symbols": {"а": 13, "б": 14}, "start_id": 2, "end_id": 1}
        self.assertEqual(silero_to_onnx.encode("АxБ", manifest).tolist(), [[2, 13, 14, 1]])

    def test_package_with_code_is_refused(self):
        path = self.folder / "model.pt"
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("model/.data/extern_modules", "")
        with self.assertRaisesRegex(silero_to_onnx.ConversionError, "Download the .jit form"):
            silero_to_onnx.load_model(path)

    def test_other_file_is_refused(self):
        path = self.folder / "model.jit"
        path.write_bytes(b"not a model")
        with self.assertRaisesRegex(silero_to_onnx.ConversionError, "no TorchScript file"):
            silero_to_onnx.load_model(path)

    def test_unknown_default_speaker_is_refused(self):
        with self.assertRaises(SystemExit) as stop:
            self.convert(Upsampler(), "--default-speaker", "nobody")
        self.assertIn("no speaker nobody", str(stop.exception))


if __name__ == "__main__":
    unittest.main()
