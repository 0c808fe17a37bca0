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
            help="What `ahnpl negatives` wrote, also gzipped; - is standard input. With --review "
            "and --as-benchmark: an images.jsonl.",
        ),
    ],
    *,
    config: ImagesConfig,
    screen: Screen,
) -> None:
    """Paint hard negative images: pictures that show what negative captions say.

    Example: ahnpl images negatives.jsonl --image-root coco --annotations instances_train2017.json
    """
    from ahnpl_cli.files import STDIN, open_bytes

    if negatives != STDIN:
        open_bytes(negatives).close()  # A mistyped path is told before torch is imported.
    from ahnpl_cli.imaging.benchmark_files import write_benchmark
    from ahnpl_cli.imaging.generate import generate
    from ahnpl_cli.imaging.result_tables import export_table, review_table, tables
    from ahnpl_cli.imaging.review import review

    if config.review is not None:
        verdicts = review(negatives, Path(config.review))
        screen.show(verdicts, [review_table(verdicts)])
        return
    if config.as_benchmark is not None:
        root = Path(config.image_root) if config.image_root else negatives.parent
        export = write_benchmark(negatives, root, Path(config.as_benchmark), force=config.force)
        screen.show(export, [export_table(export)])
        return
    output = Path(config.output or DEFAULT)
    if config.output is None and not config.dry_run:
        screen.note(f"output: {output}, the default")
    report = generate(negatives, output, config, track=screen.track)
    screen.show(report, tables(report))
