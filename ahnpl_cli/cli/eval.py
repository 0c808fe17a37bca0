"""`ahnpl eval`: Evaluate models on compositional benchmarks."""

from __future__ import annotations

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import EvalConfig

EPILOG = "Example: ahnpl eval"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("eval", epilog=EPILOG)(eval)


@options_from(EvalConfig)
def eval(
    *,
    config: EvalConfig,
    screen: Screen,
) -> None:
    """Evaluate models on compositional benchmarks."""
    screen.note(str(config))
