"""`ahnpl eval`: Evaluate models on compositional benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen, page_path
from ahnpl_cli.cli.options import completer, options_from
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.errors import ConfigError
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
        return
    _check(suites or [], config)
    screen.note(f"{', '.join(suites or [])}: loading PyTorch and the models.")
    if config.dry_run:
        from ahnpl_cli.evaluation.dry_run import plan_tables, preview

        plan = preview(suites or [], config, track=screen.track)
        screen.show(plan, plan_tables(plan))
        return
    _evaluate(suites or [], config, screen)


def _check(names: list[str], config: EvalConfig) -> None:
    """Refuse what is certainly wrong before torch is imported, which takes seconds."""
    from ahnpl_cli.backbones.locate import model_folder
    from ahnpl_cli.backbones.source import models_to_evaluate
    from ahnpl_cli.evaluation.benchmarks.find_files import data_roots

    if not names:
        raise ConfigError("no suite named", hint="See them with: ahnpl eval --list.")
    data_roots(config.data)
    models_to_evaluate(config.model, config.pretrained, config.checkpoint, say=False)
    for checkpoint in config.checkpoint:
        model_folder(Path(checkpoint))


def _list(names: list[str], config: EvalConfig, screen: Screen) -> None:
    from ahnpl_cli.evaluation.availability import availability_tables, list_suites

    suites = list_suites(config, names, track=screen.track)
    screen.show(suites, availability_tables(suites))


def _evaluate(names: list[str], config: EvalConfig, screen: Screen) -> None:
    from ahnpl_cli.evaluation.output import output_path
    from ahnpl_cli.evaluation.place import placed
    from ahnpl_cli.evaluation.run import evaluate
    from ahnpl_cli.evaluation.summary import shown_tables

    config = placed(names, config)
    page = page_path(config, output_path(config).with_suffix(".html"))
    report = evaluate(names, config, track=screen.track)
    screen.show(report, shown_tables(report, screen.format, full=config.full))
    screen.note(f"Wrote {output_path(config)}, with every score in {report.items} beside it.")
    if page is not None:
        from ahnpl_cli.evaluation.result_page import eval_page

        screen.write_page(page, eval_page(report), force=config.force)
    if page is None:
        screen.note(f"Next: ahnpl inspect {output_path(config)} --html")
