"""A checkpoint is an open_clip folder: configuration with activation, weights, and `ahnpl.json`.

`open_clip.create_model_and_transforms("local-dir:PATH")` loads it, and uploading it publishes it.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import open_clip
import torch
from safetensors.torch import save_file

from ahnpl_cli import __version__
from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.data.tensors import share
from ahnpl_cli.errors import ModelError
from ahnpl_cli.files import disk_errors
from ahnpl_cli.records import SCHEMA
from ahnpl_cli.runs import MODEL_FILE

WEIGHTS_FILE = "open_clip_model.safetensors"
INFO_FILE = "ahnpl.json"


def _old(folder: Path) -> Path:
    return folder.with_name(f".{folder.name}.old")


def recover(folder: Path) -> None:
    """Put a folder back whose replacement was interrupted between its two renames."""
    if not folder.exists() and _old(folder).exists():
        _old(folder).rename(folder)


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder` that takes its place when the block ends well."""
    recover(folder)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(_old(folder), ignore_errors=True)
        if folder.exists():
            folder.rename(_old(folder))
        temporary.rename(folder)
        shutil.rmtree(_old(folder), ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _dump(path: Path, content: dict[str, Any]) -> None:
    text = json.dumps(content, indent=2, ensure_ascii=False, sort_keys=True)
    path.write_text(text + "\n", encoding="utf-8")


def _describe(backbone: Backbone) -> dict[str, Any]:
    info = backbone.info
    versions = {
        "ahnpl": __version__,
        "open_clip": open_clip.__version__,
        "torch": str(torch.__version__),
    }
    return {
        "schema": SCHEMA,
        "architecture": info.architecture,
        "activation": info.activation,
        "weights_sha256": info.weights_sha256,
        "source": info.source,
        "versions": versions,
    }


def write_model(folder: Path, backbone: Backbone, *, extra: dict[str, Any]) -> None:
    """Write the files of `save_checkpoint` into an existing folder."""
    _dump(folder / MODEL_FILE, backbone.config)
    _dump(folder / INFO_FILE, {**_describe(backbone), **extra})
    weights = {name: t.detach().cpu() for name, t in backbone.module.state_dict().items()}
    whole = {name: tensor.contiguous().clone() for name, tensor in weights.items()}
    with disk_errors(folder / WEIGHTS_FILE):
        save_file(whole, folder / WEIGHTS_FILE, metadata={"format": "pt"})
    share(folder / WEIGHTS_FILE)
    tokenizer: Any = getattr(backbone, "tokenizer", None)
    if hasattr(tokenizer, "save_pretrained"):
        tokenizer.save_pretrained(folder)  # open_clip looks for it nowhere else.


def save_checkpoint(folder: Path, backbone: Backbone, *, extra: dict[str, Any]) -> None:
    """Write a model as an open_clip folder, whole or not at all.

    Args:
        folder: where; a checkpoint that is there is replaced.
        backbone: the model.
        extra: what else `ahnpl.json` says: recipe, data hash, parent.
    """
    with atomic_folder(folder) as temporary:
        write_model(temporary, backbone, extra=extra)


def _read_json(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        hint = "Name a folder that open_clip or `ahnpl train` wrote."
        raise ModelError(f"no {path.name} here", where=str(path.parent), hint=hint) from error
    except ValueError as error:
        raise ModelError("not JSON", where=str(path)) from error
    if not isinstance(content, dict):
        raise ModelError("not a JSON object", where=str(path))
    return content


def read_model_config(folder: Path) -> dict[str, Any]:
    """Return `open_clip_config.json` of a folder, with `quick_gelu` spelled out.

    Raises:
        ModelError: the file is missing or not open_clip's.
    """
    content = _read_json(folder / MODEL_FILE)
    model = content.get("model_cfg")
    if not isinstance(model, dict) or not {"embed_dim", "vision_cfg", "text_cfg"} <= set(model):
        raise ModelError("no model_cfg of open_clip", where=str(folder / MODEL_FILE))
    model.setdefault("quick_gelu", False)  # What open_clip makes of its absence.
    content.setdefault("preprocess_cfg", {})
    return content


def read_checkpoint_info(folder: Path) -> dict[str, Any]:
    """Return what `ahnpl.json` of a checkpoint says; empty for an open_clip folder of others.

    Raises:
        ModelError: the folder is no open_clip model.
    """
    read_model_config(folder)
    path = folder / INFO_FILE
    return _read_json(path) if path.is_file() else {}
