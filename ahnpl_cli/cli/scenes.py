"""`ahnpl scenes`: Draw the embedded world."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import ScenesConfig

EPILOG = "Example: ahnpl scenes"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("scenes", epilog=EPILOG)(scenes)


@options_from(ScenesConfig)
def scenes(
    out: Annotated[Path, typer.Argument(help="Folder to write.")],
    *,
    config: ScenesConfig,
    screen: Screen,
) -> None:
    """Draw the embedded world."""
    screen.note(str(config))
