"""`ahnpl demo`: Run every stage on the embedded world, end to end."""

from __future__ import annotations

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import DemoConfig

EPILOG = "Example: ahnpl demo"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("demo", epilog=EPILOG)(demo)


@options_from(DemoConfig)
def demo(
    *,
    config: DemoConfig,
    screen: Screen,
) -> None:
    """Run every stage on the embedded world, end to end."""
    screen.note(str(config))
