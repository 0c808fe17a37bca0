"""A checkpoint is a folder of the model's own library, with `ahnpl.json` beside its files.

`open_clip.create_model_and_transforms("local-dir:PATH")` loads one of open_clip's, and uploading it
publishes it.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.load import old_folder, recover
from ahnpl_cli.files import write_json
from ahnpl_cli.records import SCHEMA
from ahnpl_cli.runs import INFO_FILE
from ahnpl_cli.version import __version__


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder` that takes its place when the block ends well."""
    recover(folder)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(old_folder(folder), ignore_errors=True)
        if folder.exists():
            folder.rename(old_folder(folder))
        temporary.rename(folder)
        shutil.rmtree(old_folder(folder), ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _describe(backbone: Backbone) -> dict[str, Any]:
    info = backbone.info
    library, version = backbone.library
    versions = {"ahnpl": __version__, library: version, "torch": str(torch.__version__)}
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
    backbone.save(folder)
    content = {**_describe(backbone), **extra}
    write_json(folder / INFO_FILE, content, indent=2, sort_keys=True)


def save_checkpoint(folder: Path, backbone: Backbone, *, extra: dict[str, Any]) -> None:
    """Write a model as a folder of its library, whole or not at all.

    Args:
        folder: where; a checkpoint that is there is replaced.
        backbone: the model.
        extra: what else `ahnpl.json` says: recipe, data hash, parent.
    """
    with atomic_folder(folder) as temporary:
        write_model(temporary, backbone, extra=extra)
