"""The options of every command that reads captions in other programs' formats."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

from ahnpl_cli.config.options import group, opt


@dataclass(frozen=True, kw_only=True)
class CaptionsConfig:
    """How files of captions are read."""

    input_format: Literal[
        "auto", "jsonl", "coco", "karpathy", "blip", "csv", "tsv", "visual-genome", "text"
    ] = opt("auto", "Format of the captions; auto looks into the file.")
    id_column: str | None = opt(
        None, "Column or field of the id; default: id, else records are numbered."
    )
    image_column: str | None = opt(
        None, "Column or field of the image; default: image, filepath, file_name and the like."
    )
    caption_column: str | None = opt(
        None, "Column or field of the caption; default: caption, title, text and the like."
    )
    split: str | None = opt(None, "Karpathy split to read; default: train and restval.")


def captions_group() -> Any:
    """`--input-format` and what belongs to it."""
    return group(CaptionsConfig, "Captions")
