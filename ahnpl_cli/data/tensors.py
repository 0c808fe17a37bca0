"""Tensors in safetensors files: written whole or not at all, read in part."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors import SafetensorError, safe_open
from safetensors.numpy import save_file

from ahnpl_cli.errors import DataError
from ahnpl_cli.files import atomic_path, disk_errors, parse_json
from ahnpl_cli.outputs import share

Array = NDArray[Any]
# safetensors keeps metadata in an unordered map: one key alone gives the same bytes each time.
METADATA_KEY = "ahnpl"


def write_tensors(
    path: Path, tensors: Mapping[str, Array], metadata: Mapping[str, Any] | None = None
) -> None:
    """Write arrays, replacing the file in one step; the same input gives the same bytes.

    Args:
        path: file to write, with its folders.
        tensors: arrays by name.
        metadata: anything JSON can hold, kept in the file's header.
    """
    header = {METADATA_KEY: json.dumps(metadata or {}, sort_keys=True)}
    whole = {name: np.ascontiguousarray(array) for name, array in tensors.items()}
    with atomic_path(path) as temporary:
        with disk_errors(path):
            save_file(whole, temporary, metadata=header)
        share(temporary)


@contextlib.contextmanager
def open_tensors(path: Path) -> Iterator[Any]:
    """Give safetensors' own reader, which maps the file and reads what is asked for.

    Raises:
        DataError: the file is missing or not safetensors.
    """
    try:
        reader = safe_open(path, framework="numpy")
    except FileNotFoundError as error:
        raise DataError("no such file", where=str(path)) from error
    except (OSError, SafetensorError) as error:
        hint = "Delete it and run the command that wrote it again."
        raise DataError(f"not a safetensors file ({error})", where=str(path), hint=hint) from error
    with reader:
        try:
            yield reader
        except SafetensorError as error:
            what = f"not the tensors that belong here ({error})"
            hint = "Delete it and run the command that wrote it again."
            raise DataError(what, where=str(path), hint=hint) from error


def is_ours(path: Path) -> bool:
    """Whether `write_tensors` wrote a file."""
    try:
        with open_tensors(path) as reader:
            return METADATA_KEY in (reader.metadata() or {})
    except DataError:
        return False


def read_metadata(path: Path) -> dict[str, Any]:
    """Return the metadata that `write_tensors` put into a file; empty for files of others.

    Raises:
        DataError: see `open_tensors`.
    """
    with open_tensors(path) as reader:
        text = (reader.metadata() or {}).get(METADATA_KEY, "{}")
    metadata = parse_json(text, str(path))
    if not isinstance(metadata, dict):
        raise DataError("not a header of ours", where=str(path))
    return metadata
