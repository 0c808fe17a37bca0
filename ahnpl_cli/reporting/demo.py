"""The table at the end of `ahnpl demo`."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ahnpl_cli.reporting.tables import Cell, Mark, Span, Table

Row = dict[str, Any]


def results_table(results: dict[str, Any], names: dict[str, str], averages: list[float]) -> Table:
    """Return suites by models, with n, intervals and the difference to the start.

    Args:
        results: what `ahnpl eval` wrote, as JSON; the first model is the start.
        names: what the table calls each model.
        averages: mean over the compositional suites, for each model.
    """
    models = results["models"]
    rows: list[tuple[Cell, ...]] = []
    for suite in results["suites"]:
        reports = {model["name"]: model["suites"][suite] for model in models}
        differences = _differences(results["comparisons"], suite)
        first = next(iter(reports.values()))
        for index, subset in enumerate(first["subsets"]):
            if _is_detail(subset["name"]):
                continue
            cells = (
                _cell(report["subsets"][index], differences.get((model, subset["name"])))
                for model, report in reports.items()
            )
            rows.append((subset["name"], subset["n"], *cells))
        rows.append(
            (Span(f"{suite}: {first['primary']}", "bold"), None, *_primary(reports, differences))
        )
    shown = (Span(f"{average:.1f}", "bold") for average in averages)
    rows.append((Span("mean, without retrieval", "bold"), None, *shown))
    return Table(
        "Accuracy in percent on held-out scenes",
        ("suite", "n", *(names[model["name"]] for model in models)),
        tuple(rows),
        note="± is half of the 95 % interval: Wilson's for a row, bootstrap over images for an "
        "average. Then the difference to the start on the same items, in green or red where it "
        "stands: McNemar p < .05 for a row, interval without 0 for an average. More rows are in "
        "results.json.",
    )


def _is_detail(name: str) -> bool:
    """Whether a row is left to `results.json`."""
    return " / " in name or name.endswith(("R@5", "R@10"))


def _primary(
    reports: dict[str, Row], differences: dict[tuple[str, str], Row]
) -> Iterator[tuple[Span, ...]]:
    """A suite's own average of each model, in bold."""
    for model, report in reports.items():
        low, high = report["intervals"].get(report["primary"], (None, None))
        value = {"accuracy": report["headline_value"], "low": low, "high": high}
        yield _cell(value, differences.get((model, report["primary"])), mark="bold")


def _differences(comparisons: list[Row], suite: str) -> dict[tuple[str, str], Row]:
    """Differences to the start by (model, row)."""
    return {
        (comparison["other"], row["name"]): row
        for comparison in comparisons
        if comparison["suite"] == suite
        for row in comparison["rows"]
    }


def _cell(value: Row, difference: Row | None, *, mark: Mark = "") -> tuple[Span, ...]:
    """`90.1 ±2.6 +44.1`: value, half of its interval, difference to the start."""
    if value["accuracy"] is None:
        return (Span("-", "dim"),)
    spans = [Span(f"{value['accuracy']:.1f}", mark)]
    if value["low"] is not None:
        spans.append(Span(f" ±{(value['high'] - value['low']) / 2:.1f}", "dim"))
    if difference is not None:
        gain = difference["difference"]
        sure: Mark = "good" if gain > 0 else "bad"
        spans.append(Span(f" {gain:+.1f}", sure if difference["stands"] else "dim"))
    return tuple(spans)
