"""Weight files of others, read without unpickling and fitted to an architecture."""

from __future__ import annotations

import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any

import torch
from open_clip.convert import convert_state_dict
from open_clip.model import (
    convert_to_custom_text_state_dict,
    resize_pos_embed,
    resize_text_pos_embed,
)
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import Tensor

from ahnpl_cli.errors import ModelError

# What archives hold besides weights.
_NO_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive, the form of OpenAI's own downloads."""
    if path.suffix == ".safetensors" or not zipfile.is_zipfile(path):
        return False
    with zipfile.ZipFile(path) as archive:
        return any(name.endswith("/constants.pkl") for name in archive.namelist())


def _torchscript(path: Path) -> dict[str, Any]:
    """Read an archive's weights; TorchScript's loader runs no Python from the file."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Deprecated for making new archives, not for old ones.
        module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    weights: dict[str, Any] = module.state_dict()
    return {name: value for name, value in weights.items() if name not in _NO_WEIGHTS}


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(path)
    if is_torchscript(path):
        return _torchscript(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a `.safetensors`, `.pt`, `.pth` or `.bin` file by name.

    A training checkpoint's `state_dict` is taken out, and `module.` of distributed runs cut off.

    Raises:
        ModelError: the file is missing, damaged, or would have to be unpickled.
    """
    try:
        content = _read(path)
    except FileNotFoundError as error:
        raise ModelError("no such file", where=str(path)) from error
    except pickle.UnpicklingError as error:
        hint = "Where you trust it, load it with torch and save its state_dict as safetensors."
        raise ModelError(
            "holds more than tensors, and is not unpickled", where=str(path), hint=hint
        ) from error
    except (OSError, RuntimeError, EOFError, ValueError, SafetensorError) as error:
        raise ModelError(
            "not a weight file, or damaged", where=str(path), hint="Get it again."
        ) from error
    return _state_dict(content, path)


def _state_dict(content: Any, path: Path) -> dict[str, Tensor]:
    found = content.get("state_dict", content) if isinstance(content, dict) else None
    if not isinstance(found, dict) or not any(isinstance(v, Tensor) for v in found.values()):
        raise ModelError("holds no weights", where=str(path))
    if all(name.startswith("module.") for name in found):
        found = {name.removeprefix("module."): value for name, value in found.items()}
    return found


def put_weights(module: Any, weights: dict[str, Tensor], path: Path, architecture: str) -> None:
    """Load weights into an open_clip model, converting older layouts as open_clip does.

    Raises:
        ModelError: they are of another architecture.
    """
    try:
        fitted = convert_state_dict(module, dict(weights))
        if "positional_embedding" in fitted and not hasattr(module, "positional_embedding"):
            fitted = convert_to_custom_text_state_dict(fitted)
        fitted.pop("text.transformer.embeddings.position_ids", None)
        if "logit_scale" in fitted:
            fitted["logit_scale"] = fitted["logit_scale"].reshape(module.logit_scale.shape)
        resize_pos_embed(fitted, module)
        resize_text_pos_embed(fitted, module)
        module.load_state_dict(fitted, strict=True)
    except (RuntimeError, KeyError, AttributeError, AssertionError) as error:
        hint = "Name its architecture with --model."
        raise ModelError(
            f"these weights do not fit {architecture}", where=str(path), hint=hint
        ) from error
