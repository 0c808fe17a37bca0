"""`ahnpl train`: Fine-tune a CLIP model."""

from __future__ import annotations

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.train_config import TrainConfig

EPILOG = "Example: ahnpl train"


def register(app: typer.Typer) -> None:
    """Add the command to the program."""
    app.command("train", epilog=EPILOG)(train)


@options_from(TrainConfig)
def train(
    *,
    config: TrainConfig,
    screen: Screen,
) -> None:
    """Fine-tune a CLIP model."""
    screen.note(str(config))
