"""`ahnpl eval`: Evaluate models on compositional benchmarks."""

from __future__ import annotations

from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.cli.page import PageCommand, page_path
from ahnpl_cli.config import EvalConfig

EPILOG = "Example: ahnpl eval aro vals sugarcrepe --checkpoint runs/ahnpl --model scenes-tiny"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("eval", cls=PageCommand, epilog=EPILOG)(eval)


@options_from(EvalConfig)
def eval(
    suites: Annotated[
        list[str] | None,
        typer.Argument(
            help="Benchmarks, such as aro vals sugarcrepe; or `compare A.json B.json` for two "
            "saved results.",
            metavar="SUITE... | compare FILE...",
        ),
    ] = None,
    *,
    config: EvalConfig,
    screen: Screen,
) -> None:
    """Evaluate models on compositional benchmarks.

    Without --checkpoint or --model: the newest run beside the model it started from.
    """
    from ahnpl_cli.evaluation.run import evaluate, output_path
    from ahnpl_cli.reporting.eval import eval_tables

    page = page_path(config.html, output_path(config).with_suffix(".html"))
    report = evaluate(suites or [], config, track=screen.track)
    screen.show(report, eval_tables(report, screen.format))
    screen.note(f"Wrote {output_path(config)}, with every score in {report.items} beside it.")
    if page is not None:
        from ahnpl_cli.reporting.page import write_page
        from ahnpl_cli.reporting.pages import eval_page

        write_page(page, eval_page(report))
        screen.note(f"Wrote {page}.")
