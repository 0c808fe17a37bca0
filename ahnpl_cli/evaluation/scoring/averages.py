"""Averages that say what they average: trees of pooled rows and unweighted means.

Papers mix at least five ways of averaging the same verdicts. Here an average is data: it is written
into the report, evaluated on one model, and evaluated again on every bootstrap replicate.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Pool:
    """All verdicts of some rows thrown together: the micro average."""

    rows: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Mean:
    """The unweighted mean of its parts: the macro average."""

    parts: tuple[Average, ...]


Average = Pool | Mean


def pool(*rows: str) -> Pool:
    """Return the micro average over `rows`."""
    return Pool(rows)


def mean(*parts: Average | str) -> Mean:
    """Return the unweighted mean of `parts`; a string stands for one row."""
    return Mean(tuple(Pool((part,)) if isinstance(part, str) else part for part in parts))


def rows_of(average: Average) -> Iterator[str]:
    """Yield the rows an average is made of."""
    if isinstance(average, Pool):
        yield from average.rows
    else:
        for part in average.parts:
            yield from rows_of(part)


def evaluate(
    average: Average, correct: Mapping[str, Floats], counts: Mapping[str, Floats]
) -> Floats:
    """Return the average as a fraction, once per replicate.

    Args:
        average: what to compute.
        correct: per row, the number of right verdicts in each replicate (R,).
        counts: per row, the number of verdicts in each replicate (R,).

    Returns:
        (R,) fractions. A part without a verdict is left out of its mean, and is NaN if alone.
    """
    if isinstance(average, Pool):
        return _ratio(
            np.sum([correct[row] for row in average.rows], axis=0),
            np.sum([counts[row] for row in average.rows], axis=0),
        )
    parts = np.stack([evaluate(part, correct, counts) for part in average.parts])
    there = ~np.isnan(parts)
    return _ratio(np.where(there, parts, 0.0).sum(axis=0), there.sum(axis=0).astype(float))


def _ratio(top: Floats, bottom: Floats) -> Floats:
    empty = np.full_like(np.asarray(top, dtype=float), np.nan)
    ratio: Floats = np.divide(top, bottom, out=empty, where=np.asarray(bottom) > 0)
    return ratio


def to_json(average: Average) -> dict[str, Any]:
    """Return the tree as JSON: `{"pool": [rows]}` or `{"mean": [trees]}`."""
    if isinstance(average, Pool):
        return {"pool": list(average.rows)}
    return {"mean": [to_json(part) for part in average.parts]}


def from_json(tree: Mapping[str, Any]) -> Average:
    """Read what `to_json` wrote.

    Raises:
        KeyError: the tree has neither `pool` nor `mean`.
    """
    if "pool" in tree:
        return Pool(tuple(tree["pool"]))
    return Mean(tuple(from_json(part) for part in tree["mean"]))


def present(average: Average, rows: Iterable[str]) -> bool:
    """Whether every row of an average is there."""
    return set(rows_of(average)) <= set(rows)
