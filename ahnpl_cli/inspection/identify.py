"""Detects what kind of output a path is; `OUTPUTS` is the registry of everything `inspect` knows.

To add an output: a function here that recognizes it, a line in `OUTPUTS`, and a file with its
inspector. Nothing heavy is imported before the path is known to be there and to be ours.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from ahnpl_cli.backbones.load import library_of
from ahnpl_cli.data.images import SUFFIXES
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import open_bytes, read_json
from ahnpl_cli.runs import CONFIG, METRICS, is_run

if TYPE_CHECKING:
    from ahnpl_cli.config import InspectConfig
    from ahnpl_cli.inspection.report import FileReport
    from ahnpl_cli.progress import Track
    from ahnpl_cli.reporting.tables import Table

_KNOWN = (
    "Name an image with captions, a negatives.jsonl, a folder of embeddings, a checkpoint or run "
    "folder, or a results.json."
)
INDEX = "index.json"
META_SUFFIX = ".meta.json"
IMAGES = "images.jsonl"
PAINTED = b'"painter": {'
HEAD = 1 << 20  # bytes of a file that are looked at


class Inspector(Protocol):
    """What a file of this package with an inspector holds."""

    def inspect(self, path: Path, config: InspectConfig, track: Track) -> FileReport:
        """Say what the output at a path is and whether it is valid."""

    def tables(self, details: Any) -> list[Table]:
        """Return the tables of `FileReport.details`."""

    def page(self, report: FileReport, config: InspectConfig, track: Track) -> str:
        """Return the HTML page of a report."""


@dataclass(frozen=True, slots=True)
class Output:
    """A kind of output.

    Attributes:
        find: returns the path that stands for the output (a shard stands for its folder), or None
            for a path that is none.
        module: the file with its inspector.
    """

    find: Callable[[Path], Path | None]
    module: str

    def inspector(self) -> Inspector:
        """Import the inspector."""
        inspector: Inspector = importlib.import_module(self.module)
        return inspector


def _find_run(path: Path) -> Path | None:
    # A file of a run stands for the run, which is how shells complete it.
    if path.name in (METRICS, CONFIG):
        path = path.parent
    return path if is_run(path) else None


def _find_checkpoint(path: Path) -> Path | None:
    if path.suffix == ".safetensors":
        path = path.parent
    return path if library_of(path) is not None else None


def _find_embeddings(path: Path) -> Path | None:
    if path.suffix == ".safetensors" or path.name == INDEX:
        path = path.parent
    return path if (path / INDEX).is_file() else None


def _find_images(path: Path) -> Path | None:
    if path.is_dir():
        path = path / IMAGES
    records = _find_negatives(path)
    if records is None or not records.is_file():
        return None
    # Pictures may have been painted for any name of file; the first of them tells.
    with open_bytes(records) as stream:
        return records if PAINTED in stream.read(HEAD) else None


def _find_negatives(path: Path) -> Path | None:
    if path.is_dir():
        return None
    if path.name.endswith(META_SUFFIX):
        return path.with_name(path.name.removesuffix(META_SUFFIX) + ".jsonl")
    return path if path.name.lower().endswith((".jsonl", ".jsonl.gz")) else None


def _find_results(path: Path) -> Path | None:
    if path.is_dir() or path.suffix.lower() != ".json":
        return None
    # Any tool writes JSON; a list of models is what our results have.
    hint = "The file is damaged, or cut off: make it again."
    content = read_json(path, error=DataError, hint=hint)
    return path if isinstance(content, dict) and "models" in content else None


# The first that fits decides: a run holds checkpoints, and every checkpoint holds JSON.
OUTPUTS = {
    "run": Output(_find_run, "ahnpl_cli.inspection.run"),
    "checkpoint": Output(_find_checkpoint, "ahnpl_cli.inspection.checkpoint"),
    "embeddings": Output(_find_embeddings, "ahnpl_cli.inspection.embeddings"),
    "images": Output(_find_images, "ahnpl_cli.inspection.images"),
    "negatives": Output(_find_negatives, "ahnpl_cli.inspection.negatives"),
    "results": Output(_find_results, "ahnpl_cli.inspection.results"),
}


def _find(path: Path) -> tuple[str, Path] | None:
    for name, output in OUTPUTS.items():
        place = output.find(path)
        if place is not None:
            return name, place
    return None


def _unknown_folder(path: Path) -> DataError:
    outputs = sorted(child.name for child in path.iterdir() if child.is_dir() and _find(child))
    hint = _KNOWN
    if outputs:
        names = ", ".join(outputs[:5])
        hint = f"It holds {names}: name one of these, such as {path / outputs[0]}."
    return DataError("not an ahnpl output folder", where=str(path), hint=hint)


def identify(path: Path) -> tuple[str, Path]:
    """Return what a path is, `image` or a name of `OUTPUTS`, and the path that stands for it.

    Raises:
        DataError: the path does not exist, is empty, or is nothing that we know.
    """
    if not path.exists():
        raise DataError("no such file or folder", where=str(path), hint="Check the path.")
    if path.is_file() and path.stat().st_size == 0:
        raise DataError("an empty file", where=str(path), hint="Make it again, or name another.")
    if path.suffix.lower() in SUFFIXES and not path.is_dir():
        return "image", path
    known = _find(path)
    if known is not None:
        return known
    if path.is_dir():
        raise _unknown_folder(path)
    raise DataError("not a file that we know", where=str(path), hint=_KNOWN)
