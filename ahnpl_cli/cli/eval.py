"""`ahnpl eval`: Evaluate models on compositional benchmarks."""

from __future__ import annotations

from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen, page_path
from ahnpl_cli.cli.options import completer, options_from
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.evaluation.benchmarks import BENCHMARKS, SETS, check_names

SUITES_HELP = (
    f"Benchmarks: {', '.join(BENCHMARKS)}; {', '.join(SETS)} for those of them that are here; or a "
    "file of captions with negatives: what `ahnpl negatives` writes, or a table."
)


@options_from(EvalConfig)
def eval(
    suites: Annotated[
        list[str] | None,
        typer.Argument(
            help=SUITES_HELP, metavar="SUITE|FILE...", autocompletion=completer("suites")
        ),
    ] = None,
    *,
    config: EvalConfig,
    screen: Screen,
) -> None:
    """Evaluate models on compositional benchmarks.

    Without --checkpoint or --model: the newest run beside the model it started from.

    Example: ahnpl eval aro valse sugarcrepe --checkpoint runs/ahnpl --model scenes-tiny
    """
    check_names(suites or [])
    if config.list:
        _list(suites or [], config, screen)
    elif config.dry_run:
        _dry_run(suites or [], config, screen)
    else:
        _evaluate(suites or [], config, screen)


def _list(names: list[str], config: EvalConfig, screen: Screen) -> None:
    from ahnpl_cli.evaluation.availability import (
        availability_tables,
        download_lines,
        list_suites,
    )
    from ahnpl_cli.evaluation.place import check_paths

    check_paths(config)
    suites = list_suites(config, names, track=screen.track)
    screen.show(suites, availability_tables(suites))
    # Outside of the tables, which would break a line that is to be copied.
    for line in download_lines(suites) if names else ():
        screen.note(line)
    if not names:
        screen.note("Next: ahnpl eval --list SUITE shows a line that downloads it.")


def _loading(names: list[str], screen: Screen) -> None:
    screen.note(f"{', '.join(names)}: loading PyTorch and the models.")


def _dry_run(names: list[str], config: EvalConfig, screen: Screen) -> None:
    from ahnpl_cli.evaluation.place import models_of

    models = models_of(names, config)
    _loading(names, screen)
    from ahnpl_cli.evaluation.dry_run import plan_tables, preview

    plan = preview(names, config, models, track=screen.track)
    screen.show(plan, plan_tables(plan))


def _evaluate(names: list[str], config: EvalConfig, screen: Screen) -> None:
    from ahnpl_cli.evaluation.output import output_path
    from ahnpl_cli.evaluation.place import plan_evaluation

    # Whatever can be refused is refused before torch is imported, which takes seconds.
    plan = plan_evaluation(names, config)
    config = plan.config
    page = page_path(config, output_path(config).with_suffix(".html"))
    _loading(names, screen)
    from ahnpl_cli.evaluation.run import run_evaluation
    from ahnpl_cli.evaluation.summary import shown_tables

    report = run_evaluation(plan, track=screen.track)
    screen.show(report, shown_tables(report, screen.format, full=config.full))
    screen.note(f"Wrote {output_path(config)}, with every score in {report.items} beside it.")
    if page is not None:
        from ahnpl_cli.evaluation.result_page import eval_page

        screen.write_page(page, eval_page(report), force=config.force)
    if page is None:
        screen.note(f"Next: ahnpl inspect {output_path(config)} --html")
