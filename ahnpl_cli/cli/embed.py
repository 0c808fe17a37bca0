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
    sources: Annotated[
        list[Path] | None,
        typer.Argument(
            help="Negatives, or captions in any format that ahnpl negatives reads, tar shards and "
            "parquet too; a folder of images; a .txt file with a text a line; - is standard "
            "input. Default: negatives.jsonl.",
            metavar="[SOURCE]...",
        ),
    ] = None,
    *,
    config: EmbedConfig,
    screen: Screen,
) -> None:
    """Write features of images, captions and negatives to safetensors.

    Each distinct image and text is computed once, and float32 features are found again by eval,
    train --dry-run and inspect. If interrupted, run the same command again to resume.

    Example: ahnpl embed negatives.jsonl --image-root val2017 --perturb
    """
    from ahnpl_cli.backbones.load import check_model
    from ahnpl_cli.embedding.sources import check_images, open_source

    # Before torch is imported, which takes seconds.
    paths = sources or [Path("negatives.jsonl")]
    source = open_source(paths, config)
    for path, file in zip(paths, source.paths, strict=True):
        if path != file:
            screen.note(f"{path}: reading the captions in {file}.")
    if config.on_error == "stop":
        check_images(source)
    check_model(config.model, config.pretrained, config.checkpoint)
    screen.note(f"{source}: loading PyTorch and the model.")
    from ahnpl_cli.embedding.layout import tables
    from ahnpl_cli.embedding.run import embed as run

    report = run(paths, config, track=screen.track)
    screen.show(report, tables(report))
    # One part of several has no index yet that could be looked at.
    if not report.dry_run and report.shard is None:
        screen.note(f"Next: ahnpl inspect {shlex.quote(report.folder)}")
