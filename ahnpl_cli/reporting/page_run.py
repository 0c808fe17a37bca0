"""The page's part on a training run: curves and where everything came from."""

from __future__ import annotations

from ahnpl_cli.inspection.report import FileReport
from ahnpl_cli.inspection.run import RunDetails, epoch_rows
from ahnpl_cli.reporting.charts import Series, line_chart
from ahnpl_cli.reporting.curves import curves, epoch_table
from ahnpl_cli.reporting.files import fact_table, finding_table
from ahnpl_cli.reporting.page import Section, grid, table

HOW = (
    "Losses before their weights. S is the cosine similarity; the gap S(I,T) - S(I,T_neg) is what "
    "the model gains. M is the threshold that a kind of negative has to be told apart by (Eq. 10); "
    "a is the learnable target of positives (Eq. 8)."
)


def training_section(details: RunDetails) -> Section:
    """Return the curves of a run and its epochs."""
    if not details.steps:
        return Section("Training", ())
    drawn = [
        line_chart(group.title, [Series(name, points) for name, points in group.lines.items()])
        for group in curves(details.steps)
    ]
    return Section("Training", (grid(drawn), table(epoch_table(epoch_rows(details.steps)))), HOW)


def provenance_section(report: FileReport) -> Section:
    """Return what a file is, where it came from and whether it is sound."""
    return Section("Provenance", (table(fact_table(report)), table(finding_table(report))))
