"""Two ONNX graphs, of pixels and of token ids, to features of unit length."""

from __future__ import annotations

import importlib.util
import warnings
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.transformers.convert import as_transformers
from ahnpl_cli.errors import ConfigError, ModelError
from ahnpl_cli.exporting.parity import gap, images
from ahnpl_cli.files import write_json

BATCHES = (1, 5)
PACKAGES = ("onnx", "onnxscript", "onnxruntime")


class _Image(nn.Module):
    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.module, self._backbone = backbone.module, backbone

    def forward(self, pixel_values: Tensor) -> Tensor:
        return self._backbone.encode_image(pixel_values)


class _Text(nn.Module):
    def __init__(self, backbone: Any) -> None:
        super().__init__()
        self.module, self._backbone = backbone.module, backbone

    def forward(self, input_ids: Tensor) -> Tensor:
        return self._backbone.encode_text(input_ids)  # type: ignore[no-any-return]


def _check_packages() -> None:
    absent = [name for name in PACKAGES if importlib.util.find_spec(name) is None]
    if absent:
        hint = f"Install it with: pip install {' '.join(absent)}."
        raise ConfigError(f"--to onnx needs {absent[0]}, which is not installed", hint=hint)


def _write(module: nn.Module, example: Tensor, path: Path, dynamic: dict[int, Any]) -> None:
    name = "pixel_values" if isinstance(module, _Image) else "input_ids"
    output = "image_features" if isinstance(module, _Image) else "text_features"
    with warnings.catch_warnings(), torch.no_grad():
        warnings.simplefilter("ignore")
        torch.onnx.export(
            module.eval(),
            (example,),
            str(path),
            dynamo=True,
            dynamic_shapes={name: dynamic},
            input_names=[name],
            output_names=[output],
            # One file a graph up to the 2 GB that a protobuf can hold.
            external_data=False,
            verbose=False,
        )


def _run(path: Path, inputs: Tensor) -> Tensor:
    import onnxruntime

    session = onnxruntime.InferenceSession(str(path), providers=["CPUExecutionProvider"])
    (name,) = [argument.name for argument in session.get_inputs()]
    return torch.from_numpy(session.run(None, {name: inputs.numpy()})[0])


def _lengths(backbone: Backbone, *, dynamic: bool) -> list[int]:
    most = backbone.info.context_length
    return [3, most // 2, most] if dynamic else [most]


def export(backbone: Backbone, folder: Path) -> dict[str, float]:
    """Write `image.onnx` and `text.onnx`, and return how far their features differ.

    Raises:
        ConfigError: a package is missing.
        ModelError: the model has no such form.
    """
    model = as_transformers(backbone)
    if model.config.model_type == "siglip2":
        what = "images of SigLIP 2 NaFlex have shapes of their own, which no graph here takes"
        raise ModelError(what, where=backbone.info.name)
    # Nobody should install packages for a model that has no such form.
    _check_packages()
    info, length = model.info, model.info.context_length
    with torch.no_grad():
        model.encode_text(model.tokenize(["a"]))  # Whether texts may be of their own length.
    own_length = model.loss_family == "softmax"
    batch = torch.export.Dim("batch")
    dimensions: dict[int, Any] = {0: batch}
    if own_length:
        dimensions[1] = torch.export.Dim("length", min=2, max=length)
    tokens = model.tokenize(["a red cube left of a blue ball", "a cat", "two dogs"])
    if not own_length:
        tokens = nn.functional.pad(tokens, (0, length - tokens.shape[1]), value=model.pad_id)
    _write(_Image(model), images(model, 3), folder / "image.onnx", {0: batch})
    _write(_Text(model), tokens, folder / "text.onnx", dimensions)
    write_json(
        folder / "export.json",
        {
            "context_length": length,
            "dynamic_length": own_length,
            "pad_id": model.pad_id,
            "image_size": info.image_size,
            "logit_scale": model.logit_scale.item(),
            "logit_bias": None if model.logit_bias is None else model.logit_bias.item(),
        },
        indent=2,
    )
    # The tokenizer and the image processor that make the graphs' inputs.
    model.save_processors(folder)
    return _parity(backbone, folder, _lengths(model, dynamic=own_length))


@torch.no_grad()
def _parity(backbone: Backbone, folder: Path, lengths: list[int]) -> dict[str, float]:
    parity: dict[str, float] = {}
    for batch in BATCHES:
        pixels = images(backbone, batch)
        features = _run(folder / "image.onnx", pixels)
        name = f"image_features, batch {batch}"
        parity[name] = gap(backbone.encode_image(pixels), features)
        for length in lengths:
            words = "cat " * (length - 2)
            tokens = backbone.tokenize([words] * batch)
            tokens = nn.functional.pad(tokens, (0, length - tokens.shape[1]), value=backbone.pad_id)
            name = f"text_features, batch {batch}, {length} tokens"
            features = _run(folder / "text.onnx", tokens)
            parity[name] = gap(backbone.encode_text(tokens), features)
    return parity
