"""The papers' numbers, each with its source, under the names of our subsets and averages.

`benchmarks/data/published.csv` holds only what was read from a paper or from vl_compo's
`individual_results.csv`; what is unverified in the literature (such as ARO's order numbers for
NegCLIP from memory) is left out. `vl_compo` is ytaek-oh/vl_compo, an independent re-evaluation of
ViT-B/32 models at full precision; its code is not released, so its activation, dtype and transform
are unknown. What a reader has to know of single rows:

- SugarCrepe: swap_obj had 246 items in the papers; 245 since 2023-11-18. AHNPL's Tab. 3 prints 93.6
  as an average, which no average of its row gives.
- ARO: the CLIP row of the GNM paper (62, 59) looks as if the columns were exchanged; its own row
  may be too.
- VALSE: papers print the mean of the three counting pieces; "Avg" is the 11-piece mean for CLIP,
  NegCLIP and CE-CLIP, and the 9-column mean for AHNPL.
"""

from __future__ import annotations

import csv
import io
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from ahnpl_cli.evaluation.report import EvalReport, Published, SuiteInfo
from ahnpl_cli.evaluation.table_cells import LABEL, Row, marked, values_of
from ahnpl_cli.files import read_text
from ahnpl_cli.records import SCENES_MANIFEST
from ahnpl_cli.reporting.tables import Table

logger = logging.getLogger(__name__)

RE_EVALUATION = "vl_compo"
START = "CLIP"  # what the methods of the table are fine-tuned from
GAINS = "ViT-B/32 in percent; the start is CLIP as the same source measures it."
MODELS = ("CLIP", "NegCLIP", "CE-CLIP", "AHNPL", "GNM")
TABLE = Path(__file__).parent / "benchmarks" / "data" / "published.csv"


def published(suites: Sequence[str]) -> Iterator[Published]:
    """Yield what was published for these suites; papers come before re-evaluations."""
    rows: dict[tuple[str, str, str], Published] = {}
    for cell in csv.DictReader(io.StringIO(read_text(TABLE))):
        if cell["suite"] not in suites:
            continue
        key = (cell["suite"], cell["model"], cell["source"])
        row = rows.setdefault(key, Published(*key, {}))
        row.values[cell["name"]] = float(cell["value"])
        if cell["start"]:
            row.start[cell["name"]] = float(cell["start"])
    yield from rows.values()


def drawn_suites(suites: Mapping[str, SuiteInfo]) -> list[str]:
    """Return the suites of drawn scenes.

    They lie in a benchmark's layout, but they are other items, and far easier ones.
    """
    drawn = []
    for name, info in suites.items():
        # The suites lie in the folder of `scenes.json`, or one folder below it.
        folders = {folder for file in info.files for folder in Path(file).parents[:2]}
        if any((folder / SCENES_MANIFEST).is_file() for folder in folders):
            drawn.append(name)
    return drawn


def undrawn(suites: Mapping[str, SuiteInfo]) -> list[str]:
    """Return the suites of published items; say why drawn ones are not set beside papers."""
    drawn = drawn_suites(suites)
    if drawn:
        logger.warning(
            f"{', '.join(drawn)}: no published numbers beside drawn scenes, which are other items "
            "than the published ones"
        )
    return [name for name in suites if name not in drawn]


def published_tables(report: EvalReport) -> list[Table]:
    """Return one table a suite: our models, then what papers print, before re-evaluations."""
    tables = []
    for name, first in report.models[0].suites.items():
        shown = values_of(first)
        columns = _published_columns(name, report, shown)
        if not columns:
            continue
        rows: list[Row] = []
        for label in shown:
            published = [column.values.get(label) for column in columns]
            if any(value is not None for value in published):
                ours = [values_of(model.suites[name]).get(label) for model in report.models]
                rows.append((marked(label, first), *ours, *published))
        heads = [model.name for model in report.models]
        heads += [f"{column.model} †" for column in columns]
        sources = "; ".join(f"{column.model}: {column.source}" for column in columns)
        title = f"{name}: beside published numbers"
        tables.append(Table(title, (LABEL, *heads), tuple(rows), f"† {sources}."))
    return tables


def gains_tables(report: EvalReport) -> list[Table]:
    """Return one table a suite: what each source printed of each method, and of its own start.

    Sources measure plain CLIP differently, so a method's gain is over the number of its own source.
    """
    tables = []
    for name, first in report.models[0].suites.items():
        averages = {*first.averages, first.headline}
        rows: list[Row] = []
        for row in report.published:
            if row.suite == name and row.model != START:
                rows += [_gain_row(row, label) for label in row.values if label in averages]
        # The highest first, average by average, as a reader looks for the best.
        rows.sort(key=lambda cells: (str(cells[1]), -float(str(cells[2]))))
        if rows:
            title = f"{name}: published methods"
            columns = ("method", "average", "published", "its start", "gain", "source")
            tables.append(Table(title, columns, tuple(rows), GAINS))
    return tables


def _gain_row(row: Published, label: str) -> Row:
    value, start = row.values[label], row.start.get(label)
    gain = None if start is None else f"{value - start:+.1f}"
    return row.model, label, value, start, gain, row.source


def _published_columns(
    suite: str, report: EvalReport, shown: Mapping[str, float | None]
) -> list[Published]:
    """Return a column for each published model that has a number of this table."""
    columns = []
    for model in MODELS:
        sources = [p for p in report.published if (p.suite, p.model) == (suite, model)]
        column = _merged(suite, model, sources, shown)
        if column.values:
            columns.append(column)
    return columns


def _merged(
    suite: str, model: str, sources: Sequence[Published], shown: Mapping[str, float | None]
) -> Published:
    """Return one column of a model's numbers; where sources overlap, the first one's."""
    values: dict[str, float] = {}
    used: list[str] = []
    for source in sources:
        new = {}
        for name, value in source.values.items():
            if name in shown and name not in values:
                new[name] = value
        # A re-evaluation fills no gaps of a paper's table: its numbers are of another run.
        fills_gaps = bool(values) and source.source == RE_EVALUATION
        if new and not fills_gaps:
            values |= new
            used.append(source.source)
    return Published(suite, model, " and ".join(used), values)
