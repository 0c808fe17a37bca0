"""`ahnpl inspect`: Look at examples, files, runs."""

from __future__ import annotations

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import InspectConfig

EPILOG = "Example: ahnpl inspect"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("inspect", epilog=EPILOG)(inspect)


@options_from(InspectConfig)
def inspect(
    *,
    config: InspectConfig,
    screen: Screen,
) -> None:
    """Look at examples, files, runs."""
    screen.note(str(config))
