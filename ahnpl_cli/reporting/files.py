"""Tables of what `ahnpl inspect FILE` found."""

from __future__ import annotations

from ahnpl_cli.evaluation.report import EvalReport
from ahnpl_cli.inspection.embeddings import EmbeddingsDetails
from ahnpl_cli.inspection.negatives import NegativesDetails
from ahnpl_cli.inspection.report import ComparisonReport, Example, FileReport, Level
from ahnpl_cli.inspection.run import RunDetails, epoch_rows
from ahnpl_cli.reporting.curves import curve_table, epoch_table
from ahnpl_cli.reporting.eval import eval_tables
from ahnpl_cli.reporting.inspect import changed, comparison_tables
from ahnpl_cli.reporting.negatives import hardness_table
from ahnpl_cli.reporting.tables import Cell, Mark, Span, Table

_MARKS: dict[Level, tuple[str, Mark]] = {
    "fine": ("✓", "good"),
    "note": ("!", "bold"),
    "problem": ("✗", "bad"),
}


def tables(report: ComparisonReport | FileReport) -> list[Table]:
    """Return the tables of whatever was looked at."""
    if isinstance(report, ComparisonReport):
        return comparison_tables(report)
    found = [fact_table(report), finding_table(report)]
    if isinstance(report.details, NegativesDetails):
        found += negatives_tables(report.details)
    elif isinstance(report.details, RunDetails):
        found += run_tables(report.details)
    elif isinstance(report.details, EmbeddingsDetails):
        found += embeddings_tables(report.details)
    elif isinstance(report.details, EvalReport):
        found += eval_tables(report.details)
    return found


def run_tables(details: RunDetails) -> list[Table]:
    """Return the curves and epochs of a run."""
    if not details.steps:
        return []
    return [curve_table(details.steps), epoch_table(epoch_rows(details.steps))]


def fact_table(report: FileReport) -> Table:
    """Return what a file is."""
    rows = tuple((name, _fact(value)) for name, value in report.facts.items())
    return Table(title=f"{report.path}: {report.what}", columns=("", "value"), rows=rows)


def _fact(value: str | int | float | None) -> Cell:
    return f"{value:.4g}" if isinstance(value, float) else value


def finding_table(report: FileReport) -> Table:
    """Return whether it is sound, and why."""
    rows = tuple((Span(*_MARKS[f.level]), f.text) for f in report.findings)
    verdict = "sound" if report.sound else "not sound"
    return Table(title=f"{report.path} is {verdict}", columns=("", "finding"), rows=rows)


def embeddings_tables(details: EmbeddingsDetails) -> list[Table]:
    """Return the tensors of embeddings, and the neighbours asked for."""
    rows = tuple(
        (
            *(t.name, t.shards, t.rows, t.dim, t.dtype, t.not_finite),
            *(_ends(t.norm_low, t.norm_high), t.mean_similarity),
        )
        for t in details.tensors
    )
    columns = ("tensor", "files", "rows", "D", "dtype", "NaN", "length", "cosine")
    note = "NaN: rows. Length: of the shortest and longest row. Cosine: mean of two different rows."
    found = [Table("Tensors", columns, rows, note, digits=3)]
    if details.neighbours:
        near = tuple((n.name, n.item, n.similarity) for n in details.neighbours)
        found.append(Table("Nearest", ("tensor", "item", "cosine"), near, digits=3))
    return found


def _ends(low: float, high: float) -> str:
    """Two ends of a range, or one number where they look alike."""
    ends = dict.fromkeys((f"{low:.4f}", f"{high:.4f}"))
    return " to ".join(ends)


def negatives_tables(details: NegativesDetails) -> list[Table]:
    """Return coverage, rejections, skew and examples of negatives."""
    found = [_kind_table(details)]
    if details.rejections:
        columns = ("kind", "reason", "candidates")
        found.append(Table("Rejected candidates", columns, details.rejections))
    if details.skewed_words:
        note = "Counted where the word stands on one side of the pair only."
        columns = ("word", "in captions", "in negatives")
        found.append(Table("Most one-sided words", columns, details.skewed_words, note))
    if details.hardness:
        found.append(hardness_table(details.hardness, "Hardness under the model"))
    found.append(_example_table(details.examples))
    return found


def _kind_table(details: NegativesDetails) -> Table:
    rows = tuple(
        (
            *(k.kind, k.captions, k.coverage, k.negatives),
            *(k.words_longer, k.blind_length, k.blind_words, k.score),
        )
        for k in details.kinds
    )
    return Table(
        title="By kind",
        columns=(
            *("kind", "captions", "%", "n"),
            *("longer", "length %", "words %", "score"),
        ),
        rows=rows,
        note="%: of all captions. n: negatives. Longer: by how many words, mean. Length %, words "
        "%: pairs that a blind model tells apart by the length alone, or by the words' log-odds "
        "learned on the other half of the images; 50 is chance. Score: the filler's, mean.",
        digits=2,
    )


def _example_table(examples: tuple[Example, ...]) -> Table:
    rows: list[tuple[Cell, ...]] = []
    for example in examples:
        for other in example.others:
            rows.append((example.id, other.kind, changed(example.caption, other.edits)))
    return Table("Examples", ("id", "kind", "caption with the change"), tuple(rows))
