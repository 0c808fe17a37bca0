"""Averages that say what they average: trees of pooled rows and unweighted means.

Papers mix at least five ways of averaging the same verdicts. Here an average is data: it is written
into the report, evaluated on one model, and evaluated again on every bootstrap replicate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Set
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
PARTIAL = "_partial"
DEEPEST = 20  # means of means; the papers' averages have three


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
    # Pooled rows share one denominator; the mean of their own shares would weigh small rows more.
    if isinstance(average, Pool):
        return _ratio(
            np.sum([correct[row] for row in average.rows], axis=0),
            np.sum([counts[row] for row in average.rows], axis=0),
        )
    # A replicate may draw no image of a rare part; it is the mean of the others then.
    parts = np.stack([evaluate(part, correct, counts) for part in average.parts])
    has_value = ~np.isnan(parts)
    total = np.where(has_value, parts, 0.0).sum(axis=0)
    return _ratio(total, has_value.sum(axis=0).astype(float))


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


def is_average(tree: Any, depth: int = DEEPEST) -> bool:
    """Whether a value is a tree that `from_json` can read."""
    if not isinstance(tree, Mapping) or not depth:
        return False
    rows = tree.get("pool")
    if rows is not None:
        return isinstance(rows, list) and all(isinstance(row, str) for row in rows)
    parts = tree.get("mean")
    return isinstance(parts, list) and all(is_average(part, depth - 1) for part in parts)


def renamed_where_partial(averages: Mapping[str, Average], rows: Set[str]) -> dict[str, Average]:
    """Return the averages that have any of their rows, with `_partial` where some are lacking.

    A paper's average must not keep its name when a file of it, or every image of a row, is missing.

    Args:
        averages: by name.
        rows: those that have verdicts.
    """
    named = {}
    for name, average in averages.items():
        needed = set(rows_of(average))
        # All of the rows, or another name: half of macro_7 is not macro_7.
        keeps_name = needed <= rows or name.endswith(PARTIAL)
        if needed & rows:
            named[name if keeps_name else name + PARTIAL] = average
    return named
