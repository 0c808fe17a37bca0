"""`ahnpl compare`: Compare two saved results item by item."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import CompareConfig
from ahnpl_cli.errors import ConfigError


@options_from(CompareConfig)
def compare(
    first: Annotated[str, typer.Argument(help="A results.json of `ahnpl eval`.", metavar="A.json")],
    second: Annotated[str, typer.Argument(help="The one to compare with it.", metavar="B.json")],
    *,
    config: CompareConfig,
    screen: Screen,
) -> None:
    """Compare two saved results item by item.

    Every model of the second file against every model of the first that has other weights, on the
    items that both have. The files of scores have to lie beside the reports.

    Example: ahnpl compare before.json after.json
    """
    from ahnpl_cli.evaluation.result_tables import comparison_tables
    from ahnpl_cli.evaluation.saved_results import compare_saved
    from ahnpl_cli.files import write_json
    from ahnpl_cli.outputs import check_new

    output = Path(config.output) if config.output is not None else None
    reports = (Path(first), Path(second))
    if output is not None:
        check_new(output, force=config.force)
        if output.resolve() in [report.resolve() for report in reports]:
            hint = "Choose another --output."
            raise ConfigError("is read, and would be overwritten", where=str(output), hint=hint)
    comparisons = compare_saved(*reports, samples=config.bootstrap, seed=config.seed)
    screen.show(comparisons, comparison_tables(comparisons))
    if output is not None:
        write_json(output, comparisons)
        screen.note(f"Wrote {output}.")
