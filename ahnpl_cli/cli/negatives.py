"""`ahnpl negatives`: make hard negative captions."""

from __future__ import annotations

import tempfile
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import CaptionsConfig, NegativesConfig
from ahnpl_cli.errors import ConfigError

DEFAULT = "negatives.jsonl"


@options_from(NegativesConfig)
def negatives(
    captions: Annotated[
        list[Path],
        typer.Argument(
            help="Captions: JSONL, CSV, TSV, COCO, Karpathy, Visual Genome or BLIP JSON, parquet, "
            "plain text, tar shards, a folder with metadata.jsonl; - is standard input.",
            metavar="CAPTIONS...",
        ),
    ],
    *,
    config: NegativesConfig,
    screen: Screen,
) -> None:
    """Make hard negative captions: one small change each, fluent, and false of the image.

    Of tar shards (img2dataset's, webdataset's) shards are made that `ahnpl train` takes.

    Example: ahnpl negatives captions_train2017.json --kinds relation,object,spatial

    Example: ahnpl negatives shards/*.tar -o shards-negatives
    """
    from ahnpl_cli.data.gather import caption_file, must_be_gathered
    from ahnpl_cli.negatives.generate import generate
    from ahnpl_cli.negatives.result_tables import tables

    sources = [caption_file(path) for path in captions]
    if must_be_gathered(sources):
        _of_many(sources, config, screen)
        return
    output = Path(config.output or DEFAULT)
    if config.output is None and not config.dry_run:
        screen.note(f"output: {output}, the default")
    report = generate(sources[0], output, config, track=screen.track)
    screen.show(report, tables(report))
    if not config.dry_run and config.shard is None:
        _next(output, sources[0], screen)


def _next(output: Path, source: Path, screen: Screen) -> None:
    """Say which command goes on, with the folder that the first image is in."""
    from ahnpl_cli.cli.options import training_line
    from ahnpl_cli.data.archives import exists
    from ahnpl_cli.data.images import find_root
    from ahnpl_cli.data.jsonl import read_records

    first = next(read_records(output), None)
    if first is None or first.image == f"line-{first.id}":
        return  # Plain text has no images to train on.
    root = None
    if not exists(output.parent / first.image):
        root = find_root(first.image, source.parent) or Path("FOLDER")
    screen.note(f"Next: {training_line(output, root)}")


def _of_many(sources: list[Path], config: NegativesConfig, screen: Screen) -> None:
    """Make negatives of several files, or of tar shards, parquet and saved data sets."""
    from ahnpl_cli.cli.options import training_line
    from ahnpl_cli.data.archives import is_shards
    from ahnpl_cli.data.gather import gather, layout_of
    from ahnpl_cli.data.tar_output import pack
    from ahnpl_cli.negatives.generate import generate
    from ahnpl_cli.negatives.result_tables import tables

    shards = [path for path in sources if is_shards(path.name)]
    if shards and len(shards) < len(sources):
        what = "tar shards and other captions in one call"
        raise ConfigError(
            what, hint="Make negatives of each by itself; train takes several --data."
        )
    output = Path(config.output or ("shards-negatives" if shards else DEFAULT))
    folder = output if shards else output.parent
    records = output / DEFAULT if shards else output
    layout = layout_of(config.captions, "ahnpl negatives")
    plain = replace(config, captions=CaptionsConfig())
    stem = records.name.split(".")[0]

    def make(folder: Path) -> None:
        joined = folder / f"{stem}.captions.jsonl"
        gather(sources, layout, joined, folder / f"{stem}.images", on_error=config.on_error)
        report = generate(joined, records, plain, track=screen.track)
        screen.show(report, tables(report))

    if config.dry_run:
        # What an earlier call has gathered beside the output stays as it is.
        with tempfile.TemporaryDirectory() as temporary:
            make(Path(temporary))
        return
    screen.note(f"output: {output}; the captions are gathered beside it first.")
    make(records.parent)
    if shards:
        written = pack(shards, records, folder, on_error=config.on_error, track=screen.track)
        number = f"{len(written)} shards are" if len(written) > 1 else "1 shard is"
        screen.note(f"{number} in {folder}, images and negatives together.")
        screen.note(f"Next: {training_line(records, None, f'{folder}/*.tar')}")
    else:
        _next(records, sources[0], screen)
