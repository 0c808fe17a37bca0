"""`ahnpl runs`: every run in one table."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import RunsConfig
from ahnpl_cli.runs import RUNS


@options_from(RunsConfig)
def runs(
    folder: Annotated[Path, typer.Argument(help="Folder of runs.")] = RUNS,
    *,
    config: RunsConfig,
    screen: Screen,
) -> None:
    """List every run with its recipe, its steps and what its newest evaluations say.

    Example: ahnpl runs --sort sugarcrepe
    """
    from ahnpl_cli.inspection.leaderboard import leaderboard, leaderboard_table, tidy_leaderboard

    rows = leaderboard(folder, sort=config.sort)
    if config.csv:
        screen.format = "csv"
    tidy = screen.format == "csv"
    screen.show(rows, [tidy_leaderboard(rows) if tidy else leaderboard_table(rows)])
    if not any(row.scores for row in rows):
        screen.note(f"Next: ahnpl eval aro valse sugarcrepe --checkpoint {rows[0].run}")
