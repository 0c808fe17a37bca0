"""Two saved results compared item by item, as models evaluated together are."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import DataError
from ahnpl_cli.evaluation.benchmarks import benchmarks
from ahnpl_cli.evaluation.comparison import compare
from ahnpl_cli.evaluation.output import read_items, read_report
from ahnpl_cli.evaluation.report import Comparison
from ahnpl_cli.evaluation.scoring.averages import Average, from_json
from ahnpl_cli.evaluation.scoring.derived_metrics import DerivedMetrics
from ahnpl_cli.evaluation.scoring.items import Verdict

logger = logging.getLogger(__name__)
Scores = Mapping[str, Mapping[str, list[Verdict]]]


def _labels(first: Mapping[str, Any], second: Mapping[str, Any], paths: list[Path]) -> list[Any]:
    """Return (label, model) of both reports; the file's name is added where names are shared."""
    names = [[model["name"] for model in report["models"]] for report in (first, second)]
    shared = set(names[0]) & set(names[1])
    return [
        [(f"{path.stem}: {name}" if name in shared else name, name) for name in mine]
        for path, mine in zip(paths, names, strict=True)
    ]


def _warn_of_other_data(suite: str, first: Mapping[str, Any], second: Mapping[str, Any]) -> None:
    hashes = [set(report["suites"][suite]["files"].values()) for report in (first, second)]
    if hashes[0] != hashes[1]:
        logger.warning(f"{suite}: the two results are of different annotation files")


def _weights(report: Mapping[str, Any], name: str) -> Any:
    return next(m["info"].get("weights_sha256") for m in report["models"] if m["name"] == name)


def compare_saved(a: Path, b: Path, *, samples: int, seed: int) -> list[Comparison]:
    """Compare every model of `a` with every model of `b` that has other weights.

    Only items that both have are compared, and where that is not all of them it is said.

    Args:
        a: a `results.json`, its items file beside it.
        b: the other.
        samples: bootstrap replicates.
        seed: of the bootstrap.

    Raises:
        DataError: a file is not a report, its scores are not beside it, or nothing is shared.
    """
    first, second = read_report(a), read_report(b)
    scores = read_items(first, a), read_items(second, b)
    both = [suite for suite in first["suites"] if suite in second["suites"]]
    for suite in both:
        _warn_of_other_data(suite, first, second)
    labels = _labels(first, second, [a, b])
    pairs = [
        (mine, theirs)
        for mine in labels[0]
        for theirs in labels[1]
        if _weights(first, mine[1]) != _weights(second, theirs[1])
    ]
    if not both or not pairs:
        what = "no suite in common" if not both else "the same weights in both"
        raise DataError(f"{what}, nothing to compare", where=f"{a} and {b}")
    made = [
        compare(
            (mine[0], theirs[0]),
            suite,
            (_scores(scores[0], mine[1], suite), _scores(scores[1], theirs[1], suite)),
            _averages(first["suites"][suite]),
            [row["name"] for row in first["models"][0]["suites"][suite]["subsets"]],
            _figures(suite),
            samples=samples,
            seed=seed,
        )
        for mine, theirs in pairs
        for suite in both
    ]
    for one in made:
        _warn_of_other_items(one, scores[0], labels[0])
    kept = [one for one in made if one.items]
    if not kept:
        raise DataError("no item in common, nothing to compare", where=f"{a} and {b}")
    return kept


def _scores(scores: Scores, model: str, suite: str) -> list[Verdict]:
    return scores.get(model, {}).get(suite, [])


def _warn_of_other_items(one: Comparison, scores: Scores, labels: list[tuple[str, str]]) -> None:
    """Say how many items are compared where it is not all."""
    count = len(_scores(scores, dict(labels)[one.base], one.suite))
    if one.items < count:
        logger.warning(
            f"{one.suite}: {one.items:,} of the {count:,} items of {one.base} are in both results"
        )


def _figures(suite: str) -> DerivedMetrics:
    (benchmark,) = benchmarks([suite])
    return benchmark.figures


def _averages(info: Mapping[str, Any]) -> dict[str, Average]:
    return {name: from_json(tree) for name, tree in info["definitions"].items()}
