"""`ahnpl images`: paint hard negative images."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import ImagesConfig

DEFAULT = "images"


@options_from(ImagesConfig)
def images(
    negatives: Annotated[
        Path,
        typer.Argument(
            help="What `ahnpl negatives` wrote, also gzipped; - is standard input.",
        ),
    ],
    *,
    config: ImagesConfig,
    screen: Screen,
) -> None:
    """Paint hard negative images: pictures that show what negative captions say.

    Example: ahnpl images negatives.jsonl --image-root coco --annotations instances_train2017.json
    """
    from ahnpl_cli.imaging.generate import generate
    from ahnpl_cli.reporting.images import tables

    output = Path(config.output or DEFAULT)
    if config.output is None and not config.dry_run:
        screen.note(f"output: {output}, the default")
    report = generate(negatives, output, config, track=screen.track)
    screen.show(report, tables(report))
