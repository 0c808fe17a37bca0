"""`ahnpl compare`: Compare saved results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import CompareConfig
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.files import write_json
from ahnpl_cli.outputs import check_new


@options_from(CompareConfig)
def compare(
    reports: Annotated[
        list[Path],
        typer.Argument(help="Reports of `ahnpl eval`, two or more.", metavar="RESULTS.json..."),
    ],
    *,
    config: CompareConfig,
    screen: Screen,
) -> None:
    """Compare saved results: two item by item, any number in one table.

    Two reports: every model of the second against every model of the first that has other weights,
    on the items that both have. More of them, or --format latex, markdown or csv: the table of a
    paper, models as rows, benchmarks as columns; runs called NAME-s0, NAME-s1 are seeds of one.

    Example: ahnpl compare before.json after.json

    Example: ahnpl compare runs/*/eval/aro-sugarcrepe.json --format latex
    """
    if len(reports) < 2:
        raise ConfigError("one report has nothing to be compared with", hint="Name two or more.")
    output = Path(config.output) if config.output is not None else None
    if output is not None:
        check_new(output, force=config.force)
        if output.resolve() in [report.resolve() for report in reports]:
            hint = "Choose another --output."
            raise ConfigError("is read, and would be overwritten", where=str(output), hint=hint)
    if len(reports) == 2 and screen.format in ("rich", "json"):
        outcome: Any = _item_by_item(reports, config, screen)
    else:
        outcome = _paper(reports, screen)
    if output is not None:
        write_json(output, outcome)
        screen.note(f"Wrote {output}.")


def _item_by_item(reports: list[Path], config: CompareConfig, screen: Screen) -> Any:
    from ahnpl_cli.evaluation.result_tables import comparison_tables
    from ahnpl_cli.evaluation.saved_results import compare_saved

    comparisons = compare_saved(*reports, samples=config.bootstrap, seed=config.seed)
    screen.show(comparisons, comparison_tables(comparisons))
    return comparisons


def _paper(reports: list[Path], screen: Screen) -> Any:
    from ahnpl_cli.evaluation.paper_table import paper_rows, paper_table, tidy_paper_table

    rows = paper_rows(reports)
    table = tidy_paper_table(rows) if screen.format == "csv" else paper_table(rows)
    screen.show(rows, [table])
    return rows
