"""`ahnpl embed`: Write features of images, captions and negatives."""

from __future__ import annotations

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import EmbedConfig

EPILOG = "Example: ahnpl embed"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("embed", epilog=EPILOG)(embed)


@options_from(EmbedConfig)
def embed(
    *,
    config: EmbedConfig,
    screen: Screen,
) -> None:
    """Write features of images, captions and negatives."""
    screen.note(str(config))
