"""Convert Silero's published TorchScript speech synthesiser (``v5_cis_base`` family) to a voice directory.

Input: the ``.jit`` file of the model, which you have downloaded yourself from its authors. Its published contract
(``v5_cis_base_jit.ipynb`` of the project snakers4/silero-models): call with symbol ids int64 [1, T], the text in lower case
between a start and an end symbol, and a speaker id int64 [1]; the result is audio, float32 at 48 kHz. Symbols and speakers
are not in the file; they come from a table, by default ``silero_v5_cis_base.json`` beside this script.

Output: ``model.onnx`` (inputs "ids" and "speaker", output "audio" float32 [1, samples]) and the manifest ``voice.json``.

The real file was not at hand when this was written: the converter is proven on small stand-in models with the same
signature (see ``tests/test_silero_to_onnx.py``). Use ``--verify``, and listen.
"""

import argparse
import inspect
import json
import sys
import zipfile
from pathlib import Path

import torch

import complex_export

DEFAULT_TABLE = Path(__file__).resolve().parent / "silero_v5_cis_base.json"
INPUTS = {"ids": "ids", "speaker": "speaker"}
OUTPUT = "audio"
RESERVED_SYMBOL = "|"  # stands for padding, end and start in the published symbol string
EXAMPLE_SYMBOLS = 24  # length of the example that is traced through the exporter
VERIFY_TEXT = "прив+ет, как дел+а?"
LARGEST_DIFFERENCE = 1e-3  # of full scale, between torch and onnxruntime


class ConversionError(Exception):
    """The file cannot be converted; the message says why and what to do."""


class BatchedAudio(torch.nn.Module):
    """Gives the audio one shape, [1, samples], whichever of [samples], [1, samples], [1, 1, samples] the model returns."""

    def __init__(self, model):
        super().__init__()
        self.model = model

    def forward(self, ids: torch.Tensor, speaker: torch.Tensor):
        return self.model(ids, speaker).reshape(1, -1)


def load_model(path):
    """The scripted module in evaluation mode. Raises ConversionError."""
    if not zipfile.is_zipfile(path):
        raise ConversionError(f"{path} is no TorchScript file")
    with zipfile.ZipFile(path) as archive:
        if any(name.endswith("/.data/extern_modules") for name in archive.namelist()):
            raise ConversionError(
                f"{path} is a torch.package with Python code in it (the .pt form of the model). Download the .jit form: "
                "it has the network alone."
            )
    try:
        return torch.jit.load(str(path), map_location="cpu").eval()
    except RuntimeError as error:
        raise ConversionError(f"torch {torch.__version__} cannot load {path}: {error}") from error


def read_table(path):
    """(symbol -> id, speaker -> id, the table). Symbols are numbered by their place in the table's string."""
    table = json.loads(Path(path).read_text(encoding="utf-8"))
    symbols = {symbol: index for index, symbol in enumerate(table["symbols"]) if symbol != RESERVED_SYMBOL}
    speakers = table["speakers"]
    if isinstance(speakers, list):
        speakers = {name: index for index, name in enumerate(speakers)}
    return symbols, speakers, table


def export(model, path, opset, speaker=0, example_symbol=3):
    """Write model.onnx. Raises ConversionError if an operator has no ONNX counterpart."""
    complex_export.register()
    ids = torch.full((1, EXAMPLE_SYMBOLS), example_symbol, dtype=torch.int64)
    options = {}
    if "dynamo" in inspect.signature(torch.onnx.export).parameters:
        options["dynamo"] = False  # the newer exporter takes no scripted modules
    try:
        torch.onnx.export(
            torch.jit.script(BatchedAudio(model)),
            (ids, torch.tensor([speaker])),
            str(path),
            opset_version=opset,
            input_names=list(INPUTS.values()),
            output_names=[OUTPUT],
            dynamic_axes={INPUTS["ids"]: {1: "symbols"}, OUTPUT: {1: "samples"}},
            **options,
        )
    except Exception as error:  # the exporter raises many unrelated types
        raise ConversionError(f"torch {torch.__version__} cannot export this model to ONNX: {error}") from error


def encode(text, manifest):
    """Symbol ids of a text, with start and end, int64 [1, T]. Unknown characters are left out."""
    text = text.lower() if manifest["lowercase"] else text
    symbols = manifest["symbols"]
    ids = [
        manifest["start_id"],
        *(symbols[character] for character in text if character in symbols),
        manifest["end_id"],
    ]
    return torch.tensor([ids])


def verify(model, folder, manifest, text=VERIFY_TEXT):
    """Speak a text with torch and with onnxruntime. Returns (largest difference of the samples, number of samples)."""
    import onnxruntime

    ids = encode(text, manifest)
    speaker = torch.tensor([manifest["speakers"][manifest["default_speaker"]]])
    with torch.no_grad():
        expected = model(ids, speaker).reshape(1, -1).numpy()
    session = onnxruntime.InferenceSession(str(folder / manifest["graph"]), providers=["CPUExecutionProvider"])
    feeds = {manifest["inputs"]["ids"]: ids.numpy(), manifest["inputs"]["speaker"]: speaker.numpy()}
    (made,) = session.run([manifest["output"]], feeds)
    if made.shape != expected.shape:
        raise ConversionError(f"torch gives {expected.shape} samples, onnxruntime {made.shape}")
    return float(abs(made - expected).max()), made.shape[1]


def build_manifest(name, languages, symbols, speakers, table, default_speaker=None):
    default_speaker = default_speaker or table["default_speaker"]
    if default_speaker not in speakers:
        raise ConversionError(f"no speaker {default_speaker}; there are: {', '.join(speakers)}")
    return {
        "format": "silero-1",
        "name": name,
        "languages": languages,
        "sample_rate": table["sample_rate"],
        "graph": "model.onnx",
        "inputs": INPUTS,
        "output": OUTPUT,
        "start_id": table["start_id"],
        "end_id": table["end_id"],
        "symbols": symbols,
        "speakers": speakers,
        "default_speaker": default_speaker,
        "lowercase": table["lowercase"],
    }


def convert(args):
    """Do all of it: load, export, manifest, and the check if it is wanted."""
    symbols, speakers, table = read_table(args.table)
    manifest = build_manifest(args.name, args.languages, symbols, speakers, table, args.default_speaker)
    model = load_model(args.model)
    args.out.mkdir(parents=True, exist_ok=True)
    graph = args.out / manifest["graph"]
    export(model, graph, args.opset, speakers[manifest["default_speaker"]], min(symbols.values()))
    text = json.dumps(manifest, ensure_ascii=False, indent=1)
    (args.out / "voice.json").write_text(text + "\n", encoding="utf-8")
    print(f"{graph}: {graph.stat().st_size} bytes, {len(symbols)} symbols, {len(speakers)} speakers")
    if args.verify:
        difference, samples = verify(model, args.out, manifest)
        seconds = samples / manifest["sample_rate"]
        print(f"{seconds:.2f} s of audio, largest difference between torch and onnxruntime: {difference:.2e}")
        if not difference <= LARGEST_DIFFERENCE:
            raise ConversionError(f"the difference is more than {LARGEST_DIFFERENCE}: the export is wrong")


def parse_arguments(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--model", type=Path, required=True, metavar="FILE", help="TorchScript file of the model")
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="voice directory to write")
    parser.add_argument("--name", default="silero-v5-cis", help="name in the manifest (default silero-v5-cis)")
    parser.add_argument(
        "--languages",
        type=lambda text: text.split(","),
        default=["ru"],
        help="language codes, separated by commas (default ru)",
    )
    parser.add_argument("--table", type=Path, default=DEFAULT_TABLE, help="JSON file with symbols and speakers")
    parser.add_argument("--default-speaker", help="speaker for requests that name none (default: from the table)")
    parser.add_argument("--opset", type=int, default=17, help="ONNX operator set (default 17)")
    parser.add_argument("--verify", action="store_true", help="compare onnxruntime with torch on a sentence")
    return parser.parse_args(arguments)


def main(arguments=None):
    try:
        convert(parse_arguments(arguments))
    except ConversionError as error:
        sys.exit(f"error: {error}")


if __name__ == "__main__":
    main()
