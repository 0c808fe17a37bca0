"""What a path is, told from what is inside it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from ahnpl_cli.data.images import SUFFIXES
from ahnpl_cli.errors import DataError
from ahnpl_cli.runs import CONFIG, METRICS, is_model, is_run

What = Literal["image", "negatives", "embeddings", "checkpoint", "results", "run"]

_KNOWN = (
    "Name an image with captions, a negatives.jsonl, a folder of embeddings, a checkpoint or run "
    "folder, or a results.json."
)
INDEX, META_SUFFIX = "index.json", ".meta.json"


def _folder(path: Path) -> tuple[What, Path] | None:
    if is_run(path):
        return "run", path
    if is_model(path):
        return "checkpoint", path
    if (path / INDEX).is_file():
        return "embeddings", path
    return None


def _unknown_folder(path: Path) -> DataError:
    inside = sorted(p.name for p in path.iterdir() if p.is_dir() and _folder(p))
    if inside:
        names = ", ".join(inside[:5])
        hint = f"It holds {names}: name one of these, such as {path / inside[0]}."
        return DataError("a folder of nothing that we write", where=str(path), hint=hint)
    return DataError("a folder of nothing that we write", where=str(path), hint=_KNOWN)


def _read_json(path: Path) -> Any:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, RecursionError) as error:
        hint = "The file is damaged, or cut off: make it again."
        raise DataError(f"not JSON ({error})", where=str(path), hint=hint) from error


def _json_file(path: Path) -> tuple[What, Path] | None:
    if path.name == INDEX:
        return "embeddings", path.parent
    if path.name.endswith(META_SUFFIX):
        return "negatives", path.with_name(path.name.removesuffix(META_SUFFIX) + ".jsonl")
    content = _read_json(path)
    if isinstance(content, dict) and "models" in content:
        return "results", path
    return None


def _file(path: Path) -> tuple[What, Path] | None:
    name = path.name.lower()
    if path.suffix.lower() in SUFFIXES:
        return "image", path
    if path.name in (METRICS, CONFIG) and is_run(path.parent):
        return "run", path.parent
    if name.endswith((".jsonl", ".jsonl.gz")):
        return "negatives", path
    if name.endswith(".json"):
        return _json_file(path)
    if name.endswith(".safetensors"):
        return _folder(path.parent)
    return None


def identify(path: Path) -> tuple[What, Path]:
    """Return what a path is, and the path that stands for it: a shard stands for its folder.

    Raises:
        DataError: the path does not exist, is empty, or is nothing that we know.
    """
    if not path.exists():
        raise DataError("no such file or folder", where=str(path), hint="Check the path.")
    if path.is_dir():
        found = _folder(path)
        if found is None:
            raise _unknown_folder(path)
        return found
    if path.stat().st_size == 0:
        raise DataError("an empty file", where=str(path), hint="Make it again, or name another.")
    found = _file(path)
    if found is None:
        raise DataError("not a file that we know", where=str(path), hint=_KNOWN)
    return found
