"""Two models on the same items: McNemar per subset, bootstrap over images for differences."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from ahnpl_cli.evaluation import statistics
from ahnpl_cli.evaluation.assemble import average_values, percent, tallied, usable
from ahnpl_cli.evaluation.averages import Average, pool
from ahnpl_cli.evaluation.items import Verdict
from ahnpl_cli.evaluation.report import Comparison, Difference

LEVEL = 0.05


def shared(
    base: Sequence[Verdict], other: Sequence[Verdict]
) -> tuple[list[Verdict], list[Verdict]]:
    """Return the verdicts of the items that both have, in the order of the first."""
    found = {verdict.id: verdict for verdict in other}
    mine = [verdict for verdict in base if verdict.id in found]
    return mine, [found[verdict.id] for verdict in mine]


def compare(
    names: tuple[str, str],
    suite: str,
    verdicts: tuple[Sequence[Verdict], Sequence[Verdict]],
    averages: Mapping[str, Average],
    rows: Sequence[str],
    *,
    samples: int,
    seed: int,
) -> Comparison:
    """Compare two models on one suite.

    Args:
        names: of the models.
        suite: its name.
        verdicts: of both models; only items that both have count.
        averages: by name.
        rows: subsets to compare.
        samples: bootstrap replicates.
        seed: of the bootstrap.
    """
    base, other = shared(*verdicts)
    filled = {row for verdict in base for row in verdict.correct}
    means = usable(averages, filled)
    single: dict[str, Average] = {row: pool(row) for row in rows if row in filled}
    everything = {**{f"row {n}": a for n, a in single.items()}, **means}
    table = tallied(everything, base, other)
    values = average_values(everything, table)
    drawn = statistics.bootstrap(table, everything, samples=samples, seed=seed)

    def difference(key: str, name: str, p: float | None) -> Difference:
        low, high = statistics.percentile_interval(drawn[key][1] - drawn[key][0])
        first, second = values[0][key], values[1][key]
        stands = p < LEVEL if p is not None else low > 0 or high < 0
        return Difference(
            name,
            p is None,
            first,
            second,
            round(second - first, 6),
            percent(low),
            percent(high),
            p,
            bool(stands),
        )

    made = [difference(f"row {row}", row, _mcnemar(row, base, other)) for row in single]
    made += [difference(name, name, None) for name in means]
    return Comparison(suite, *names, items=len(base), rows=made)


def _mcnemar(row: str, base: Sequence[Verdict], other: Sequence[Verdict]) -> float:
    paired = [
        (a.correct[row], b.correct[row])
        for a, b in zip(base, other, strict=True)
        if row in a.correct
    ]
    return statistics.mcnemar([a for a, _ in paired], [b for _, b in paired])
