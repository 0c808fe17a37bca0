"""Cells that several tables of benchmark results share."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace

from ahnpl_cli.evaluation.report import Comparison, Difference, SuiteReport
from ahnpl_cli.reporting.tables import Cell, Mark, Span, Table

FULL = 100.0
LABEL = "subset or average"
LOWER = " rank"  # ends the names of values of which a lower one is better
Row = tuple[Cell, ...]
Differences = Mapping[tuple[str, str], Difference]


def interval(low: float | None, high: float | None) -> Cell:
    """Return both ends, in percent or points."""
    return None if low is None or high is None else f"{low:.1f} to {high:.1f}"


def shown_coverage(value: float) -> str:
    """Return a coverage in percent, never rounded to all or nothing."""
    # 99.97 must not read as 100.0, nor 0.04 as nothing.
    if value == FULL:
        return "100.0"
    return f"{value:.2f}" if 0 < value < 1 else f"{min(value, 99.9):.1f}"


def coverage(value: float) -> Cell:
    """Return a coverage in percent, marked when it is not all."""
    return Span(shown_coverage(value), "" if value == FULL else "bad")


def marked(name: str, suite: SuiteReport) -> Cell:
    """Return a name, bold if it stands for the suite."""
    return Span(name, "bold" if name == suite.headline else "")


def support(name: str, suite: SuiteReport) -> tuple[int | None, float]:
    """Return n, if it is known, and coverage in percent of a subset, an average or a value."""
    for subset in suite.subsets:
        if subset.name == name:
            return subset.n, subset.coverage
    of_average = suite.support.get(name)
    if of_average is None:
        return None, suite.coverage
    return of_average.n, of_average.coverage


def support_of(name: str, suite: SuiteReport) -> tuple[Cell, Cell]:
    """Return n and coverage of a subset, an average or a value, as cells."""
    n, scored = support(name, suite)
    return n, coverage(scored)


def noted(tables: list[Table], note: str) -> list[Table]:
    """Put the note under the last table, in either of its forms."""
    if not tables:
        return []
    *others, last = tables
    if last.narrow is not None:
        last = replace(last, narrow=replace(last.narrow, note=note))
    return [*others, replace(last, note=note)]


def values_of(suite: SuiteReport) -> dict[str, float | None]:
    """Return every number of a suite that a table shows, by name; None where there is none."""
    numbers: dict[str, float | None] = {s.name: s.accuracy for s in suite.subsets}
    for name, value in {**suite.averages, **suite.values}.items():
        numbers[name] = None if math.isnan(value) else value
    return numbers


def judged_once(differences: Sequence[Difference]) -> list[Difference]:
    """Return the differences with one test for equal items: an average takes its subset's.

    McNemar's test and an interval may disagree near the level. Where an average is made of the very
    verdicts of a subset, two stars beside the same number would contradict each other.
    """
    of_subsets = {}
    for line in differences:
        if not line.average:
            of_subsets[_drawn(line)] = line
    judged = []
    for line in differences:
        subset = of_subsets.get(_drawn(line))
        if line.average and subset is not None:
            line = replace(line, p=subset.p, significant=subset.significant)
        judged.append(line)
    return judged


def _drawn(line: Difference) -> tuple[float, ...]:
    """Return what only differences of the same verdicts share: values, and both ends.

    The replicates of all lines are of the same images, so equal verdicts give equal intervals.
    """
    return line.base, line.other, line.low, line.high


def differences_of(comparisons: Sequence[Comparison], suite: str) -> Differences:
    """Return the differences to the first model by (model, name).

    Winoground's `group` is a subset and an average: here the average wins, as in a table's cells.
    """
    differences = {}
    for comparison in comparisons:
        if comparison.suite == suite:
            for difference in judged_once(comparison.differences):
                differences[comparison.other, difference.name] = difference
    return differences


def significance_mark(difference: Difference) -> Mark:
    """Return green for a significant gain, red for a significant loss, and nothing else."""
    if not difference.significant:
        return ""
    is_gain = (difference.difference > 0) != difference.name.endswith(LOWER)
    return "good" if is_gain else "bad"


def difference_cell(difference: Difference | None) -> Cell:
    """Return `+10.0 ±1.7 *`: half of its interval, and a star if it is significant."""
    if difference is None:
        return None
    half = (difference.high - difference.low) / 2
    star = " *" if difference.significant else ""
    text = f"{difference.difference:+.1f} ±{half:.1f}{star}"
    return Span(text, significance_mark(difference))


def estimate_cell(
    value: float | None,
    ends: tuple[float | None, float | None],
    difference: Difference | None,
    mark: Mark = "",
) -> Cell:
    """Return `90.1 ±2.6 +44.1`: value, half of its interval, difference from the first model.

    Args:
        value: None where nothing was scored.
        ends: of its interval.
        difference: to the first model, if there is one.
        mark: of the value.
    """
    if value is None or math.isnan(value):
        return None
    low, high = ends
    spans = [Span(f"{value:.1f}", mark)]
    if low is not None and high is not None:
        spans.append(Span(f" ±{(high - low) / 2:.1f}", "dim"))
    if difference is not None:
        spans.append(Span(f" {difference.difference:+.1f}", significance_mark(difference) or "dim"))
    return tuple(spans)
