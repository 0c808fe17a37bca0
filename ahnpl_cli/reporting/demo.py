"""Tables at the end of `ahnpl demo`."""

from __future__ import annotations

from typing import Any

from ahnpl_cli.reporting.tables import Cell, Span, Table

Row = dict[str, Any]


def results_table(results: dict[str, Any], names: dict[str, str]) -> Table:
    """Return suites by models, with n, intervals and the difference to the start.

    Args:
        results: what `ahnpl eval` wrote, as JSON; the first model is the start.
        names: what the table calls each model.
    """
    models = results["models"]
    rows: list[tuple[Cell, ...]] = []
    for suite in results["suites"]:
        per_model = [model["suites"][suite] for model in models]
        differences = _differences(results["comparisons"], suite)
        for index, subset in enumerate(per_model[0]["subsets"]):
            name = subset["name"]
            cells = [_accuracy(report["subsets"][index]) for report in per_model]
            gains = [_gain(differences, model["name"], name) for model in models]
            rows.append((f"  {name}", subset["n"], *map(_join, cells, gains)))
        rows.append(_primary(suite, per_model, differences, [m["name"] for m in models]))
    return Table(
        "Accuracy in percent on held-out scenes",
        ("suite", "n", *(names[model["name"]] for model in models)),
        tuple(rows),
        note="[low, high]: Wilson's 95 % interval of a row, bootstrap over images of an average. "
        "(+x): difference to the start on the same items, in green or red where it stands: "
        "McNemar p < .05 for a row, interval without 0 for an average.",
    )


def _primary(
    suite: str, reports: list[Row], differences: dict[tuple[str, str], Row], names: list[str]
) -> tuple[Cell, ...]:
    """The row of a suite's own average, in bold."""
    cells: list[Cell] = []
    for report, name in zip(reports, names, strict=True):
        low, high = report["intervals"].get(report["primary"], (None, None))
        cell = _value(report["primary_value"], low, high, bold=True)
        cells.append(_join(cell, _gain(differences, name, report["primary"])))
    heading = Span(f"{suite}: {reports[0]['primary']}", "bold")
    n = sum(subset["n"] for subset in reports[0]["subsets"])
    return (heading, n, *cells)


def _differences(comparisons: list[Row], suite: str) -> dict[tuple[str, str], Row]:
    """Differences to the start by (model, row)."""
    return {
        (comparison["other"], row["name"]): row
        for comparison in comparisons
        if comparison["suite"] == suite
        for row in comparison["rows"]
    }


def _accuracy(subset: Row) -> tuple[Span, ...]:
    return _value(subset["accuracy"], subset["low"], subset["high"])


def _value(
    value: float | None, low: float | None, high: float | None, *, bold: bool = False
) -> tuple[Span, ...]:
    if value is None:
        return (Span("-", "dim"),)
    shown = Span(f"{value:.1f}", "bold" if bold else "")
    if low is None or high is None:
        return (shown,)
    return shown, Span(f" [{low:.0f}, {high:.0f}]", "dim")


def _gain(differences: dict[tuple[str, str], Row], model: str, row: str) -> tuple[Span, ...]:
    found = differences.get((model, row))
    if found is None:
        return ()
    gain = found["difference"]
    mark = ("good" if gain > 0 else "bad") if found["stands"] else "dim"
    return (Span(f" ({gain:+.1f})", mark),)  # type: ignore[arg-type]


def _join(value: tuple[Span, ...], gain: tuple[Span, ...]) -> tuple[Span, ...]:
    return (*value, *gain)
