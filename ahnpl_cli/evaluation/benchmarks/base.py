"""What every benchmark file provides, and the few helpers that they share."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.scoring.derived_metrics import DerivedMetrics, no_derived_metrics
from ahnpl_cli.evaluation.scoring.items import Count, Suite
from ahnpl_cli.progress import Track, silent


@dataclass(frozen=True, slots=True)
class Options:
    """What loading a suite may depend on.

    Attributes:
        seed: of anything a benchmark draws itself (order perturbations).
        limit: items per subset, the first of the file; None takes all.
        cache: folder for files made once when the data folder cannot be written.
        paths: further files by role, such as `classnames` or `templates`.
        difficult: how VOC's difficult objects count: positive, negative or ignore.
        track: shows progress of what takes long.
        peek: only look at what is there; make no file.
    """

    seed: int = 0
    limit: int | None = None
    cache: Path = Path(".")
    paths: Mapping[str, Path] = dataclasses.field(default_factory=dict)
    difficult: str = "positive"
    track: Track = silent
    peek: bool = False


@dataclass(frozen=True, slots=True)
class Benchmark:
    """One suite as the command line knows it.

    Attributes:
        name: as typed.
        measures: what a high number says of a model, in one line.
        source: where its files come from.
        license: of annotations and images.
        files: what is looked for, printable.
        find: annotation files on a shelf by role; empty when the suite is not there.
        load: reads them.
        figures: what its verdicts say beside shares of them, such as mAP.
    """

    name: str
    measures: str
    source: str
    license: str
    files: str
    find: Callable[[DataFolders, Options], dict[str, Path]]
    load: Callable[[DataFolders, dict[str, Path], Options], Suite]
    figures: DerivedMetrics = no_derived_metrics


def read_json(path: Path) -> Any:
    """Return what a JSON file holds.

    Raises:
        BenchmarkError: it cannot be read, or is not JSON.
    """
    hint = "Fetch the file again from its authors."
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise BenchmarkError(f"cannot be read: {error.strerror}", where=str(path)) from error
    except ValueError as error:
        raise BenchmarkError(f"not JSON: {error}", where=str(path), hint=hint) from error


def field(record: Any, name: str, kind: type | tuple[type, ...], *, where: str) -> Any:
    """Return one field of a record.

    Raises:
        BenchmarkError: the field is absent or of another type.
    """
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, kind):
        raise BenchmarkError(
            f"{name} is {'absent' if value is None else 'not of the published type'}",
            where=where,
            hint="This is not the file that the authors publish.",
        )
    return value


def read_entries(path: Path, container: type) -> list[tuple[str, Any]]:
    """Return the records of a JSON dict or list with their keys or places.

    Keys of official dicts are strings and not contiguous, so they are kept as they are.

    Raises:
        BenchmarkError: the file is not that container.
    """
    tree = read_json(path)
    if isinstance(tree, dict) and container is dict:
        return list(tree.items())
    if isinstance(tree, list) and container is list:
        return [(str(number), record) for number, record in enumerate(tree)]
    shape = "an object" if container is dict else "a list"
    raise BenchmarkError(f"not {shape} of records", where=str(path))


def limited(entries: Sequence[Any], limit: int | None) -> Sequence[Any]:
    """Return the first `limit` entries, or all."""
    return entries if limit is None else entries[:limit]


def count_notes(counts: Iterable[Count]) -> list[str]:
    """Say which files are not of the published size."""
    return [
        f"{count.what}: not the published {count.published:,} items: {count.found:,}"
        for count in counts
        if count.differs
    ]


def counted(n: int, noun: str) -> str:
    """Return `1 row` or `2 rows`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
