"""Tables of `ahnpl inspect`: of examples (AHNPL Tables 4 and 5) and of any output."""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.inspection.identify import OUTPUTS
from ahnpl_cli.inspection.report import (
    EMBEDDINGS,
    ComparisonReport,
    ExampleReport,
    FileReport,
    Level,
    View,
)
from ahnpl_cli.reporting.edits import changed
from ahnpl_cli.reporting.tables import Cell, Mark, Span, Table
from ahnpl_cli.runs import checkpoint_label

_MARKS: dict[Level, tuple[str, Mark]] = {
    "fine": ("✓", "good"),
    "note": ("!", "bold"),
    "problem": ("✗", "bad"),
}


def tables(report: ComparisonReport | FileReport) -> list[Table]:
    """Return the tables of an inspection."""
    if isinstance(report, ComparisonReport):
        return comparison_tables(report)
    return [fact_table(report), finding_table(report), *detail_tables(report)]


def detail_tables(report: FileReport) -> list[Table]:
    """Return the tables that the inspector of this kind of output makes."""
    if report.details is None:
        return []
    return OUTPUTS[report.what].inspector().tables(report.details)


def fact_table(report: FileReport) -> Table:
    """Return what a file is."""
    rows = tuple((name, _fact(value)) for name, value in report.facts.items())
    return Table(title=f"{report.path}: {report.what}", columns=("", "value"), rows=rows)


def _fact(value: str | int | float | None) -> Cell:
    return f"{value:.4g}" if isinstance(value, float) else value


def finding_table(report: FileReport) -> Table:
    """Return whether it is valid, and why."""
    rows = tuple((Span(*_MARKS[f.level]), f.text) for f in report.findings)
    verdict = "valid" if report.valid else "not valid"
    return Table(title=f"{report.path} is {verdict}", columns=("", "finding"), rows=rows)


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


def _distance_table(number: int, item: ExampleReport, index: int) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for view in item.views:
        label = checkpoint_label(view.model)
        for name, distances in zip(EMBEDDINGS, view.distances[index], strict=True):
            rows.append((label, name, *distances))
    kind = item.example.others[index].kind
    title = f"Example {number}, {kind}: cosine distances (Table 5)"
    return Table(title, ("model", "", *EMBEDDINGS), tuple(rows), digits=3)


def distance_tables(report: ComparisonReport) -> list[Table]:
    """Return the 4x4 cosine distances of every example, one model below the other."""
    tables = []
    for number, item in enumerate(report.examples, 1):
        for index in range(len(item.example.others)):
            tables.append(_distance_table(number, item, index))
    return tables


def _score(view: View, caption: int) -> Cell:
    value = f"{view.similarities[caption]:.3f}"
    if view.winner != caption:
        return value
    # The first caption is the true one. A sign beside the color, for readers who see no color.
    if caption == 0:
        return Span(f"{value} ✓", "good")
    return Span(f"{value} ✗", "bad")


def _texts(item: ExampleReport) -> list[tuple[str, Cell]]:
    example = item.example
    texts: list[tuple[str, Cell]] = [("caption", example.caption)]
    for other in example.others:
        texts.append((other.kind, changed(example.caption, other.edits)))
    return texts


def similarity_table(report: ComparisonReport) -> Table:
    """Return S(I,T) and S(I,T_neg) per model, the winner marked."""
    rows: list[tuple[Cell, ...]] = []
    for number, item in enumerate(report.examples, 1):
        for index, (kind, text) in enumerate(_texts(item)):
            scores = (_score(view, index) for view in item.views)
            # The number stands once, at the first line of its example.
            rows.append((str(number) if index == 0 else "", kind, text, *scores))
    wins = []
    for model in range(len(report.models)):
        right = sum(item.views[model].winner == 0 for item in report.examples)
        wins.append(f"{right} of {len(report.examples)}")
    rows.append(("", "", "true caption wins", *wins))
    return Table(
        title="Similarities S(I,T) and S(I,T_neg) (Table 4)",
        columns=("#", "", "text", *map(checkpoint_label, report.models)),
        rows=tuple(rows),
        note="✓ the true caption wins, ✗ a negative wins; neither mark: a tie.",
    )


def comparison_tables(report: ComparisonReport) -> list[Table]:
    """Return everything there is to say of examples under models."""
    return [example_table(report), *distance_tables(report), similarity_table(report)]
