"""Hard negatives of captions in memory: the workflow of the command, without files of your own."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.negatives.generate import generate
from ahnpl_cli.records import DEFAULT_KINDS, CaptionRecord


def hard_negatives(
    captions: Iterable[str | CaptionRecord],
    kinds: Sequence[str] = DEFAULT_KINDS,
    **options: Any,
) -> list[CaptionRecord]:
    """Make hard negatives of captions, as `ahnpl negatives` does.

    Args:
        captions: texts, each taken as the caption of an image of its own; or records, whose
            captions of the same image are never made negatives of each other.
        kinds: which kinds to make; see `ahnpl docs negatives`.
        **options: further options of the command by name, such as `filler="corpus"`, `per_kind=3`
            or `seed=1`.

    Returns:
        The captions in order, each with its negatives.

    Raises:
        AhnplError: an option or a caption is wrong, or a model is not available.

    Example:
        >>> (record,) = hard_negatives(["a dog on a red bed"], ["relation"], filler="corpus")
        >>> record.negatives[0].caption
        'a bed on a red dog'
    """
    config = NegativesConfig(kinds=tuple(kinds), **options)
    # The workflow streams from file to file, so that it can resume; here the files are its own.
    with tempfile.TemporaryDirectory(prefix="ahnpl-") as folder:
        source = Path(folder) / "captions.jsonl"
        output = Path(folder) / "negatives.jsonl"
        write_records(source, _records(captions))
        generate(source, output, config)
        return list(read_records(output))


def _records(captions: Iterable[str | CaptionRecord]) -> Iterable[CaptionRecord]:
    for number, caption in enumerate(captions):
        if isinstance(caption, str):
            caption = CaptionRecord(id=str(number), image=f"image {number}", caption=caption)
        yield caption
