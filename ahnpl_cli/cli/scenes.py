"""`ahnpl scenes`: draw the synthetic scenes."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import ScenesConfig
from ahnpl_cli.errors import ConfigError


@options_from(ScenesConfig)
def scenes(
    out: Annotated[
        Path | None, typer.Argument(help="Folder to write; default: scenes.", show_default=False)
    ] = None,
    *,
    config: ScenesConfig,
    screen: Screen,
) -> None:
    """Draw synthetic scenes: training images with captions, and held-out test suites.

    Writes images, captions.jsonl, exact image negatives, and the suites in the layouts of
    SugarCrepe, ARO, VALSE, Winoground and Karpathy's COCO split, which `ahnpl eval` reads.

    Example: ahnpl scenes world --train 4000 --test 500 --seed 1
    """
    from ahnpl_cli.scenes.generate import generate
    from ahnpl_cli.scenes.result_tables import tables

    if out is not None and config.output is not None:
        raise ConfigError("the folder is named twice", hint="Give OUT or --output, not both.")
    report = generate(
        out or Path(config.output or "scenes"),
        train=config.train,
        test=config.test,
        seed=config.seed,
        workers=config.workers,
        force=config.force,
        track=screen.track,
    )
    screen.show(report, tables(report))
    captions = Path(report.folder) / "captions.jsonl"
    screen.note(f"Next: ahnpl negatives {shlex.quote(str(captions))} --filler corpus")
