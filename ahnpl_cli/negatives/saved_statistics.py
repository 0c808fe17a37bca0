"""Statistics of captions in one file: `--save-statistics` writes it, `--statistics` reads it.

With it, a caption's negatives no longer depend on the other captions of the run: one more caption,
a `--limit` or a dry run changes nothing else, and shards need not tag a sample each.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter, ValidationError

from ahnpl_cli.errors import DataError
from ahnpl_cli.files import check_regular, write_atomic
from ahnpl_cli.negatives.balance import BALANCE, read_balance, write_balance
from ahnpl_cli.negatives.fillers.corpus import COUNTS, Counts, read_counts, write_counts
from ahnpl_cli.negatives.statistics import (
    STATISTICS,
    Statistics,
    read_statistics,
    write_statistics,
)
from ahnpl_cli.version import __version__

Rows = list[tuple[int, str, str, dict[str, int]]]


@dataclass(frozen=True)
class _Saved:
    """The content of the file.

    Attributes:
        ahnpl: version that counted.
        tagger: spaCy model and version.
        words: tag -> word -> how often; see `Counts`.
        beside: (neighborhood, neighbor, tag, word -> how often).
        uses: word -> how often.
        statistics: what captions say together.
        balance: what words tell negatives from captions, if that was counted.
    """

    ahnpl: str
    tagger: str
    words: dict[str, dict[str, int]]
    beside: Rows
    uses: dict[str, int]
    statistics: Statistics
    balance: dict[str, dict[str, float]]


_adapter = TypeAdapter(_Saved)


def save(path: Path, folder: Path, tagger: str) -> None:
    """Write the statistics in a work folder to a file of their own, whole or not at all."""
    counts = read_counts(folder / COUNTS)
    beside = [(*key, words) for key, words in counts.pairs.items()]
    statistics = read_statistics(folder / STATISTICS)
    balance = read_balance(folder / BALANCE)
    saved = _Saved(__version__, tagger, counts.words, beside, counts.uses, statistics, balance)
    path.parent.mkdir(parents=True, exist_ok=True)
    write_atomic(path, _adapter.dump_json(saved))


def load(path: Path, folder: Path) -> int:
    """Put the statistics of a file into a work folder; return how many captions they are of.

    Raises:
        DataError: it is missing, or something else.
    """
    saved = _read(path)
    pairs = {(role, neighbor, tag): words for role, neighbor, tag, words in saved.beside}
    captions = saved.statistics.captions
    write_counts(folder / COUNTS, Counts(saved.words, pairs, saved.uses, captions))
    write_statistics(folder / STATISTICS, saved.statistics)
    write_balance(folder / BALANCE, saved.balance)
    return captions


def _read(path: Path) -> _Saved:
    check_regular(path, error=DataError)
    hint = "Write it with `ahnpl negatives --save-statistics`."
    try:
        saved: Any = _adapter.validate_json(path.read_bytes(), strict=True)
    except (ValidationError, ValueError, RecursionError) as error:
        raise DataError("no file of statistics", where=str(path), hint=hint) from error
    assert isinstance(saved, _Saved)
    return saved
