"""`ahnpl images`: paint hard negative images."""

from __future__ import annotations

import shlex
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
        if not verdicts.written:
            screen.note(f"Next: {_training(Path(verdicts.output), config)}")
        return
    if config.as_benchmark is not None:
        root = Path(config.image_root) if config.image_root else negatives.parent
        export = write_benchmark(negatives, root, Path(config.as_benchmark), force=config.force)
        screen.show(export, [export_table(export)])
        screen.note(f"Next: ahnpl eval gnm bivlc --data {shlex.quote(export.folder)}")
        return
    output = Path(config.output or DEFAULT)
    if config.output is None and not config.dry_run:
        screen.note(f"output: {output}, the default")
    report = generate(negatives, output, config, track=screen.track)
    screen.show(report, tables(report))
    if not report.dry_run and config.shard is None:
        screen.note(f"Next: {_training(Path(report.output), config)}")


def _training(records: Path, config: ImagesConfig) -> str:
    """Return the command that trains on pictures, by the recipe that is made for them."""
    from ahnpl_cli.cli.options import training_line

    root = Path(config.image_root) if config.image_root else None
    return f"{training_line(records, root)} --objective trohn"
