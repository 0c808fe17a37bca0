"""`ahnpl negatives`: make hard negative captions."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import NegativesConfig

DEFAULT = "negatives.jsonl"


@options_from(NegativesConfig)
def negatives(
    captions: Annotated[
        Path,
        typer.Argument(
            help="Captions: JSONL, COCO or Karpathy JSON, a BLIP list, CSV or TSV, each also "
            "gzipped; - is standard input.",
        ),
    ],
    *,
    config: NegativesConfig,
    screen: Screen,
) -> None:
    """Make hard negative captions: one small change each, fluent, and false of the image.

    Example: ahnpl negatives captions_train2017.json --kinds relation,object,spatial
    """
    from ahnpl_cli.negatives.generate import generate
    from ahnpl_cli.negatives.result_tables import tables

    output = Path(config.output or DEFAULT)
    if config.output is None and not config.dry_run:
        screen.note(f"output: {output}, the default")
    report = generate(captions, output, config, track=screen.track)
    screen.show(report, tables(report))
