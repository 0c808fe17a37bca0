"""`ahnpl frontier`: Weigh gain against retention between a start and a run."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen, page_path
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import FrontierConfig
from ahnpl_cli.runs import check_runs


@options_from(FrontierConfig)
def frontier(
    runs: Annotated[
        list[str], typer.Argument(help="Folders of runs, such as runs/ahnpl.", metavar="RUN...")
    ],
    *,
    config: FrontierConfig,
    screen: Screen,
) -> None:
    """Weigh gain against retention between a start and a run.

    Weights between the two checkpoints, without training, by WiSE-FT and LiNeS: each point is
    measured on suites of gain and of retention. --budget chooses a point on half of the items, and
    --write saves it as a checkpoint.

    Example: ahnpl frontier runs/ahnpl --budget 'retention >= -1' --write runs/ahnpl-kept
    """
    folders = [Path(run) for run in runs]
    # Before torch is imported, which takes seconds.
    check_runs(folders)
    screen.note("Loading PyTorch, the suites and the models.")
    from ahnpl_cli.frontier.result_tables import frontier_page, frontier_tables
    from ahnpl_cli.frontier.run import REPORT, output_folder
    from ahnpl_cli.frontier.run import frontier as measure

    output = output_folder(folders, config)
    page = page_path(config, output / "frontier.html")
    report = measure(folders, config, track=screen.track)
    screen.show(report, frontier_tables(report))
    screen.note(f"Wrote {output / REPORT}, with every result beside it.")
    if config.write is not None:
        written = shlex.quote(config.write)
        screen.note(f"Wrote {config.write}.")
        screen.note(f"Next: ahnpl eval aro valse sugarcrepe --checkpoint {written}")
    else:
        # Every point is in the cache by now, so that choosing one costs no forward pass.
        budget = "" if config.budget else "--budget 'retention >= -1' "
        kept = shlex.quote(f"{runs[0].rstrip('/')}-kept")
        screen.note(f"Next: the same with {budget}--write {kept} saves a point.")
    if page is not None:
        screen.write_page(page, frontier_page(report), force=config.force)
