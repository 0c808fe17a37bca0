"""`ahnpl eval`: Evaluate models on compositional benchmarks."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen, page_path
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.errors import ConfigError


@options_from(EvalConfig)
def eval(
    suites: Annotated[
        list[str] | None,
        typer.Argument(
            help="Benchmarks, such as aro valse sugarcrepe; or `compare A.json B.json` for two "
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

    Example: ahnpl eval aro valse sugarcrepe --checkpoint runs/ahnpl --model scenes-tiny
    """
    names = suites or []
    if config.list:
        _list(config, screen)
    elif names[:1] == ["compare"]:
        _compare(names[1:], config, screen)
    else:
        _evaluate(names, config, screen)


def _list(config: EvalConfig, screen: Screen) -> None:
    from ahnpl_cli.evaluation.availability import list_suites
    from ahnpl_cli.reporting.eval_list import listing_tables

    listings = list_suites(config, track=screen.track)
    screen.show(listings, listing_tables(listings))


def _compare(paths: list[str], config: EvalConfig, screen: Screen) -> None:
    from ahnpl_cli.evaluation.compare_files import compare_saved
    from ahnpl_cli.evaluation.output import check_new, write_json
    from ahnpl_cli.reporting.eval import comparison_tables

    if len(paths) != 2:
        raise ConfigError("compare takes two files", hint="Write: ahnpl eval compare A.json B.json")
    a, b = map(Path, paths)
    if config.output is not None:
        check_new(Path(config.output), force=config.force)
    comparisons = compare_saved(a, b, samples=config.bootstrap, seed=config.seed)
    screen.show(comparisons, comparison_tables(comparisons))
    if config.output is not None:
        write_json(Path(config.output), comparisons)
        screen.note(f"Wrote {config.output}.")


def _evaluate(names: list[str], config: EvalConfig, screen: Screen) -> None:
    from ahnpl_cli.evaluation.output import output_path
    from ahnpl_cli.evaluation.run import evaluate
    from ahnpl_cli.reporting.eval import eval_tables

    page = page_path(config, output_path(config).with_suffix(".html"))
    report = evaluate(names, config, track=screen.track)
    screen.show(report, eval_tables(report, screen.format))
    screen.note(f"Wrote {output_path(config)}, with every score in {report.items} beside it.")
    if page is not None:
        from ahnpl_cli.reporting.page_eval import eval_page

        screen.write_page(page, eval_page(report), force=config.force)
