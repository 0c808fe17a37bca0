"""`ahnpl negatives`: Make hard negative captions."""

from __future__ import annotations

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import NegativesConfig

EPILOG = "Example: ahnpl negatives"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("negatives", epilog=EPILOG)(negatives)


@options_from(NegativesConfig)
def negatives(
    *,
    config: NegativesConfig,
    screen: Screen,
) -> None:
    """Make hard negative captions."""
    screen.note(str(config))
