"""Third-party weight files, read without running anything of theirs, and fitted to a model."""

from __future__ import annotations

import functools
import hashlib
import logging
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from open_clip.convert import convert_state_dict
from open_clip.model import (
    convert_to_custom_text_state_dict,
    resize_pos_embed,
    resize_text_pos_embed,
)
from open_clip.pretrained import get_pretrained_cfg, list_pretrained
from safetensors.torch import load_file
from torch import Tensor

from ahnpl_cli.backbones.openclip.layouts import model_tensors
from ahnpl_cli.errors import ModelError
from ahnpl_cli.files import check_regular

logger = logging.getLogger(__name__)

# What archives hold besides weights.
_NO_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")
_POSITIONS = {
    "visual.positional_embedding": "image",
    "positional_embedding": "text",
    "text.positional_embedding": "text",
}


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive, the form of OpenAI's own downloads."""
    if path.suffix == ".safetensors" or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


@functools.cache
def _published_archives() -> frozenset[str]:
    """Return the SHA-256 of OpenAI's archives, which stand in their addresses."""
    sums = set()
    for model, tag in list_pretrained():
        parts = urlsplit(get_pretrained_cfg(model, tag).get("url") or "")
        if parts.netloc.startswith("openaipublic"):
            sums.add(parts.path.split("/")[-2])
    return frozenset(sums)


def _read_torchscript(path: Path) -> dict[str, Any]:
    """Read one of OpenAI's archives.

    Loading an archive runs the TorchScript in it, which can write any file of the user. So only
    those are loaded whose every byte is known.

    Raises:
        ModelError: it is another one.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest not in _published_archives():
        convert = (
            'python -c "import torch; '
            f"torch.save(torch.jit.load('{path}', 'cpu').state_dict(), 'weights.pt')\""
        )
        raise ModelError(
            "a TorchScript archive that is not one of OpenAI's, and loading one runs its code",
            where=str(path),
            hint=f"Where you trust it, convert it first: {convert}",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Deprecated for making new archives, not for old ones.
        module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    weights: dict[str, Any] = module.state_dict()
    return {name: value for name, value in weights.items() if name not in _NO_WEIGHTS}


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(path)
    if is_torchscript(path):
        return _read_torchscript(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a `.safetensors`, `.pt`, `.pth` or `.bin` file by name.

    The model is taken out of what training programs save with it; see `layouts.model_tensors`.

    Raises:
        ModelError: the file is missing, damaged, or would have to be unpickled or run.
    """
    check_regular(path, error=ModelError, hint=None)
    try:
        content = _read(path)
    except ModelError:
        raise
    except pickle.UnpicklingError as error:
        hint = "Where you trust it, load it with torch and save its state_dict as safetensors."
        what = "contains pickled objects, which are not loaded"
        raise ModelError(what, where=str(path), hint=hint) from error
    except Exception as error:
        # torch raises nearly anything on damaged bytes.
        raise ModelError(
            "not a weight file, or damaged", where=str(path), hint="Get it again."
        ) from error
    return model_tensors(content, path)


def put_weights(module: Any, weights: dict[str, Tensor], where: str, architecture: str) -> None:
    """Load weights into an open_clip model, converting older layouts as open_clip does.

    Args:
        module: open_clip's model.
        weights: by name.
        where: their file, for messages.
        architecture: what they have to fit, for messages.

    Raises:
        ModelError: they are of another architecture.
    """
    try:
        fitted = convert_state_dict(module, dict(weights))
        if "positional_embedding" in fitted and not hasattr(module, "positional_embedding"):
            fitted = convert_to_custom_text_state_dict(fitted)
        fitted.pop("text.transformer.embeddings.position_ids", None)
        for name in ("logit_scale", "logit_bias"):
            if name in fitted and hasattr(module, name):
                fitted[name] = fitted[name].reshape(getattr(module, name).shape)
        before = {name: fitted[name].shape for name in _POSITIONS if name in fitted}
        resize_pos_embed(fitted, module)
        resize_text_pos_embed(fitted, module)
        module.load_state_dict(fitted, strict=True)
    except Exception as error:
        # open_clip's conversions assume a layout, and fail anyhow where it is another.
        hint = "Name its architecture with --model."
        raise ModelError(
            f"these weights do not fit {architecture}", where=where, hint=hint
        ) from error
    for name, shape in before.items():
        if fitted[name].shape != shape:
            logger.warning(
                "The %s tower's table of positions was resized from %d to %d: %s holds weights "
                "for another size, and scores change with it.",
                _POSITIONS[name],
                shape[0],
                fitted[name].shape[0],
                where,
            )
