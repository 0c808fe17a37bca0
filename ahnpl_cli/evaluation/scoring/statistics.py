"""Averages that say what they average, and how sure a number is.

Papers mix at least five ways of averaging the same verdicts. Here an average is data, a tree of
pooled rows and unweighted means: it is written into the report, evaluated on one model, and
evaluated again on every replicate of a bootstrap clustered by image. Beside it stand Wilson's
intervals and McNemar's test.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
Z95 = 1.959963984540054  # the 97.5 % point of the normal distribution
BLOCK = 64  # replicates computed at once; bounds memory, changes no number
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


class Interval(NamedTuple):
    """Ends of a 95 % interval, as fractions."""

    low: float
    high: float


def wilson(correct: int, n: int) -> Interval:
    """Return Wilson's 95 % interval of a proportion (Wilson 1927); NaN without a verdict."""
    if n == 0:
        return Interval(float("nan"), float("nan"))
    # Wilson's, not the normal one: that is empty at 0 and at 100 %, where small subsets often are.
    share = correct / n
    z2 = Z95**2
    middle = (share + z2 / (2 * n)) / (1 + z2 / n)
    half = Z95 / (1 + z2 / n) * np.sqrt(share * (1 - share) / n + z2 / (4 * n * n))
    return Interval(max(0.0, float(middle - half)), min(1.0, float(middle + half)))


def mcnemar(a: Sequence[bool], b: Sequence[bool]) -> float:
    """Return the exact two-sided p of McNemar's test on paired verdicts; 1 if none differs.

    Args:
        a: verdicts of one model.
        b: verdicts of the other, on the same items in the same order.
    """
    from scipy.stats import binomtest

    # Items on which both agree say nothing of which model is better.
    only_a = sum(x and not y for x, y in zip(a, b, strict=True))
    only_b = sum(y and not x for x, y in zip(a, b, strict=True))
    if only_a + only_b == 0:
        return 1.0
    return float(binomtest(only_a, only_a + only_b, 0.5).pvalue)


@dataclass(frozen=True, slots=True)
class Tally:
    """Verdicts summed per row and image, ready to be resampled.

    Attributes:
        rows: names of the rows.
        correct: per model, (rows, images) right verdicts.
        counts: (rows, images) verdicts.
    """

    rows: tuple[str, ...]
    correct: tuple[NDArray[np.float64], ...]
    counts: NDArray[np.float64]


Verdicts = Iterable[tuple[str, Mapping[str, bool]]]


def tally(*models: Verdicts) -> Tally:
    """Sum verdicts per row and image.

    Args:
        *models: for each model, (image, {row: right}) of the same items in the same order.
    """
    lists = [list(model) for model in models]
    rows: dict[str, int] = {}
    images: dict[str, int] = {}
    for image, verdicts in lists[0]:
        images.setdefault(image, len(images))
        for row in verdicts:
            rows.setdefault(row, len(rows))
    shape = (len(rows), len(images))
    counts = np.zeros(shape)
    for image, verdicts in lists[0]:
        for row in verdicts:
            counts[rows[row], images[image]] += 1
    correct = tuple(np.zeros(shape) for _ in lists)
    # Rows and images are numbered by the first model, so the others have to have the same items.
    for sums, of_model in zip(correct, lists, strict=True):
        for image, verdicts in of_model:
            for row, right in verdicts.items():
                sums[rows[row], images[image]] += right
    return Tally(tuple(rows), correct, counts)


def bootstrap(
    table: Tally, averages: Mapping[str, Average], *, samples: int, seed: int
) -> dict[str, NDArray[np.float64]]:
    """Return every average of every model under resampled images.

    Images, not items, are drawn with replacement, for items of one image are not independent.

    Args:
        table: what `tally` made.
        averages: what to compute, by name.
        samples: replicates R.
        seed: of the draws.

    Returns:
        Per name, (models, R) fractions.
    """
    if not averages:
        return {}
    used: dict[str, None] = {}
    for average in averages.values():
        used |= dict.fromkeys(rows_of(average))
    # Only rows that an average needs: ARO has a row for every attribute pair.
    positions = [table.rows.index(row) for row in used]
    sums = [correct[positions].T for correct in table.correct]
    counts = table.counts[positions].T
    images = table.counts.shape[1]
    generator = np.random.default_rng(seed)
    blocks: dict[str, list[NDArray[np.float64]]] = {name: [] for name in averages}
    for start in range(0, samples, BLOCK):
        size = min(BLOCK, samples - start)
        # How often each image is drawn says all: one product sums every row of every replicate.
        weights = generator.multinomial(images, np.full(images, 1 / images), size=size)
        drawn_counts = dict(zip(used, (weights @ counts).T, strict=True))
        drawn_sums = [dict(zip(used, (weights @ of_model).T, strict=True)) for of_model in sums]
        for name, average in averages.items():
            values = [evaluate(average, of_model, drawn_counts) for of_model in drawn_sums]
            blocks[name].append(np.stack(values))
    return {name: np.concatenate(parts, axis=1) for name, parts in blocks.items()}


def percentile_interval(replicates: NDArray[np.float64]) -> Interval:
    """Return the 2.5 and 97.5 percentiles; NaN where no replicate has a value."""
    # A replicate may draw no image of a rare row, and then has no value.
    known = replicates[~np.isnan(replicates)]
    if not len(known):
        return Interval(float("nan"), float("nan"))
    low, high = np.percentile(known, [2.5, 97.5])
    return Interval(float(low), float(high))


def cluster_weights(
    clusters: Sequence[str], *, samples: int, seed: int
) -> Iterator[NDArray[np.float64]]:
    """Yield how often each item is drawn, blocks of (replicates, items), R replicates in all.

    Args:
        clusters: what each item belongs to; whole clusters are drawn with replacement.
        samples: replicates R.
        seed: of the draws.
    """
    names = {name: i for i, name in enumerate(dict.fromkeys(clusters))}
    positions = [names[cluster] for cluster in clusters]
    shares = np.full(len(names), 1 / len(names))
    generator = np.random.default_rng(seed)
    for start in range(0, samples, BLOCK):
        size = min(BLOCK, samples - start)
        # One seed draws the same clusters for two models, so that their differences are paired.
        drawn = generator.multinomial(len(names), shares, size=size)
        yield drawn[:, positions].astype(np.float64)


def cluster_means(
    values: Sequence[float], clusters: Sequence[str], *, samples: int, seed: int
) -> NDArray[np.float64]:
    """Return the mean of `values` under resampled clusters, once per replicate (R,).

    Args:
        values: one per item.
        clusters: what each item belongs to.
        samples: replicates R.
        seed: of the draws.
    """
    drawn = cluster_weights(clusters, samples=samples, seed=seed)
    return np.concatenate([(weights @ values) / weights.sum(axis=1) for weights in drawn])
