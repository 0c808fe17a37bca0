"""The model card of an export, written from what the checkpoint says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ahnpl_cli.backbones.base import ModelInfo
from ahnpl_cli.version import __version__

_LIBRARIES = {"transformers": "transformers", "peft": "peft", "onnx": "onnx", "openai": "clip"}
_USES = {
    "transformers": "Load it with `transformers.CLIPModel.from_pretrained(FOLDER)`, or with the "
    "class that config.json names.",
    "onnx": "`image.onnx` takes `pixel_values` (N, 3, H, W), `text.onnx` takes `input_ids` (N, L); "
    "features have unit length. `export.json` says how long texts may be and how they are padded, "
    "and holds the scale and bias that make logits of cosines.",
    "openai": '`clip.pt` is a state dict: `clip.load("clip.pt")`, or open_clip\'s `pretrained=`.',
    "peft": "Load it with `peft.PeftModel.from_pretrained(CLIPModel, FOLDER)`. The temperature was "
    "trained too and is no part of an adapter: features need none, and logits take the one below.",
}


def write_card(
    info: ModelInfo,
    said: Mapping[str, Any],
    parity: Mapping[str, float],
    results: Mapping[str, Any],
    *,
    to: str,
    logit_scale: float,
) -> str:
    """Return the card in Markdown.

    Args:
        info: of the checkpoint.
        said: what `ahnpl.json` says; empty for a model of others.
        parity: differences that were measured.
        results: headlines of evaluations, by name; empty if there are none.
        to: what was exported.
        logit_scale: 1/tau.
    """
    lines = [
        "---",
        f"library_name: {_LIBRARIES[to]}",
        "tags: [clip, compositionality, hard-negatives]",
        "# license: to be chosen by you; the start's license and that of the data may bind you.",
        "---",
        "",
        f"# {info.name}",
        "",
        f"Exported by ahnpl {__version__}. {_USES[to]}",
        "",
        "## The model",
        "",
        "| | |",
        "|---|---|",
        f"| architecture | {info.architecture} |",
        f"| activation | {info.activation} |",
        f"| image size | {info.image_size} |",
        f"| context length | {info.context_length} |",
        f"| embedding dimension | {info.embed_dim} |",
        f"| logit scale | {logit_scale:.4f} |",
        f"| weights sha256 | {info.weights_sha256} |",
        "",
        "## Training",
        "",
    ]
    told = {name: said[name] for name in sorted(said) if name not in ("schema", "weights_sha256")}
    if told:
        lines += ["| | |", "|---|---|"]
        lines += [f"| {name.replace('_', ' ')} | {_cell(value)} |" for name, value in told.items()]
    else:
        lines.append("Not trained by ahnpl: recipe and data are not known.")
    if results:
        lines += ["", "## Results", "", "| evaluation | value |", "|---|---|"]
        lines += [
            f"| {name.removeprefix('evaluated: ')} | {_cell(v)} |" for name, v in results.items()
        ]
    lines += [
        "",
        "## Parity with the checkpoint",
        "",
        "| features | largest difference |",
        "|---|---|",
    ]
    lines += [f"| {name} | {difference:.1e} |" for name, difference in parity.items()]
    if not parity:
        lines.append("| not checked | peft is not installed |")
    return "\n".join(lines) + "\n"


def _cell(value: Any) -> str:
    if isinstance(value, Mapping):
        value = ", ".join(f"{name} {inner}" for name, inner in value.items())
    elif isinstance(value, float):
        value = f"{value:.4g}"
    # A bar or a line break would end the cell.
    return " ".join(str(value).replace("|", "/").split())
