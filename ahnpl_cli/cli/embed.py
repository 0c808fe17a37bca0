"""`ahnpl embed`: Write features of images, captions and negatives."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import EmbedConfig


@options_from(EmbedConfig)
def embed(
    source: Annotated[
        Path,
        typer.Argument(
            help="Captions or negatives (.jsonl, .jsonl.gz, or - for stdin), a folder of images, "
            "or a .txt file with a text a line."
        ),
    ] = Path("negatives.jsonl"),
    *,
    config: EmbedConfig,
    screen: Screen,
) -> None:
    """Write features of images, captions and negatives to safetensors.

    Each distinct image and text is computed once, and float32 features are found again by eval,
    train --dry-run and inspect. If interrupted, run the same command again to resume.

    Example: ahnpl embed negatives.jsonl --image-root val2017 --perturb
    """
    from ahnpl_cli.backbones.locate import check_model
    from ahnpl_cli.embedding.sources import check_images, check_source

    # Before torch is imported, which takes seconds.
    check_source(source)
    if config.on_error == "stop":
        check_images(source, config.image_root)
    check_model(config.model, config.pretrained, config.checkpoint)
    screen.note(f"{source}: loading PyTorch and the model.")
    from ahnpl_cli.embedding.result_tables import tables
    from ahnpl_cli.embedding.run import embed as run

    report = run(source, config, track=screen.track)
    screen.show(report, tables(report))
    # One part of several has no index yet that could be looked at.
    if not report.dry_run and report.shard is None:
        screen.note(f"Next: ahnpl inspect {shlex.quote(report.folder)}")
