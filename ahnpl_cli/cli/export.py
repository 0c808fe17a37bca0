"""`ahnpl export`: Write a checkpoint for other programs."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import ExportConfig


@options_from(ExportConfig)
def export(
    checkpoint: Annotated[
        Path, typer.Argument(help="Folder of a model, or a run, such as runs/ahnpl.")
    ],
    *,
    config: ExportConfig,
    screen: Screen,
) -> None:
    """Write a checkpoint for other programs, with a model card and a check of its features.

    Example: ahnpl export runs/ahnpl --to transformers -o clip-ahnpl
    """
    from ahnpl_cli.backbones.load import model_folder

    model_folder(checkpoint)  # A mistyped path is told before torch is imported.
    from ahnpl_cli.exporting.run import export as run
    from ahnpl_cli.exporting.run import tables

    report = run(checkpoint, config)
    screen.show(report, tables(report))
    if report.to == "transformers":
        model = shlex.quote(f"transformers:{report.folder}")
        screen.note(f"Next: ahnpl eval aro valse sugarcrepe --model {model}")
    else:
        # What reads the other forms is no command of ours.
        screen.note(f"Next: {Path(report.folder) / 'README.md'} says how it is loaded.")
