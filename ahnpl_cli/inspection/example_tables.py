"""Tables of `ahnpl inspect`: distances and similarities of examples (AHNPL Tables 5 and 4)."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ahnpl_cli.inspection.report import EMBEDDINGS, ComparisonReport, ExampleReport, View
from ahnpl_cli.reporting.edits import changed
from ahnpl_cli.reporting.tables import Cell, Mark, Span, Table
from ahnpl_cli.runs import checkpoint_label

MODELS_BESIDE = 2  # 4x4 matrices that fit beside each other on a terminal of 80 columns


def example_table(report: ComparisonReport) -> Table:
    """Return what each example is."""
    rows: list[tuple[Cell, ...]] = []
    for number, item in enumerate(report.examples, 1):
        example = item.example
        name = Path(example.image).name
        rows.append((str(number), name, "caption", example.caption))
        for other in example.others:
            rows.append(("", "", other.kind, changed(example.caption, other.edits)))
    return Table(
        title=f"Examples: {report.source}",
        columns=("#", "image", "", "text"),
        rows=tuple(rows),
        note="Struck or [-so-]: the caption's words; bold or {+so+}: what the negative says.",
    )


def _distance_row(views: Sequence[View], index: int, row: int) -> tuple[Cell, ...]:
    cells: list[Cell] = []
    for view in views:
        cells += view.distances[index][row]
    return tuple(cells)


def _distance_table(number: int, item: ExampleReport, index: int, views: Sequence[View]) -> Table:
    other = item.example.others[index]
    heads = [f"{checkpoint_label(view.model)}\n{name}" for view in views for name in EMBEDDINGS]
    return Table(
        title=f"Example {number}, {other.kind}: cosine distances (Table 5)",
        columns=("", *heads),
        rows=tuple((name, *_distance_row(views, index, r)) for r, name in enumerate(EMBEDDINGS)),
        digits=3,
    )


def distance_tables(report: ComparisonReport) -> list[Table]:
    """Return the 4x4 cosine distances of every example, models side by side."""
    tables = []
    for number, item in enumerate(report.examples, 1):
        for index in range(len(item.example.others)):
            for first in range(0, len(item.views), MODELS_BESIDE):
                views = item.views[first : first + MODELS_BESIDE]
                tables.append(_distance_table(number, item, index, views))
    return tables


def _score(view: View, caption: int) -> Cell:
    value = f"{view.similarities[caption]:.3f}"
    if view.winner != caption:
        return value
    mark: Mark = "good" if caption == 0 else "bad"
    return Span(value + (" ✓" if caption == 0 else " ✗"), mark)


def _texts(item: ExampleReport) -> list[tuple[str, Cell]]:
    example = item.example

    others = ((other.kind, changed(example.caption, other.edits)) for other in example.others)
    return [("caption", example.caption), *others]


def similarity_table(report: ComparisonReport) -> Table:
    """Return S(I,T) and S(I,T_neg) per model, the winner marked."""
    rows: list[tuple[Cell, ...]] = []
    for number, item in enumerate(report.examples, 1):
        for index, (kind, text) in enumerate(_texts(item)):
            scores = (_score(view, index) for view in item.views)
            rows.append((str(number) if index == 0 else "", kind, text, *scores))
    right = [
        sum(item.views[m].winner == 0 for item in report.examples)
        for m in range(len(report.models))
    ]
    n = len(report.examples)
    rows.append(("", "", "true caption wins", *(f"{count} of {n}" for count in right)))
    return Table(
        title="Similarities S(I,T) and S(I,T_neg) (Table 4)",
        columns=("#", "", "text", *map(checkpoint_label, report.models)),
        rows=tuple(rows),
        note="✓ the true caption wins, ✗ a negative wins; neither mark: a tie.",
    )


def comparison_tables(report: ComparisonReport) -> list[Table]:
    """Return everything there is to say of examples under models."""
    return [example_table(report), *distance_tables(report), similarity_table(report)]
