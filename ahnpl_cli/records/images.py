"""What `ahnpl images` reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ahnpl_cli.records.schema import SCHEMA


@dataclass(frozen=True, slots=True)
class PartInfo:
    """A locator, painter or judge, as reports and pictures name it.

    Attributes:
        name: as `--locator`, `--painter` or `--judge` names it.
        model: name or folder of its weights; None without a model.
        revision: of the weights; None if not known.
        license: of the weights as their folder states it; None if it does not, or without a model.
    """

    name: str
    model: str | None = None
    revision: str | None = None
    license: str | None = None


@dataclass(frozen=True, slots=True)
class ImagesReport:
    """What `ahnpl images` made; written as `images.meta.json`.

    Attributes:
        output: the file of records.
        captions: records written, with or without pictures.
        negatives: negatives of the kinds asked for.
        painted: painter -> pictures kept.
        rejected: kind -> reason -> negatives without a picture.
        locator: what found the things.
        painters: what painted, in the order of trying.
        judges: what looked at the pictures.
        why: one sentence on the choice of the parts.
        skipped_list: the first broken records and images, with place and reason.
        options: all that decides the output.
        input_sha256: of the file of negatives.
        bytes: size of the file of records.
        versions: of the packages used.
        seconds: of this run; what an interrupted run had done is not counted.
        pictures_per_second: kept or not, of this run, loading included.
        resumed: captions that an interrupted run had done.
        dry_run: whether nothing was written.
        language_models: what added captions and negatives.
        schema: version of this layout.
    """

    output: str
    captions: int
    negatives: int
    painted: dict[str, int]
    rejected: dict[str, dict[str, int]]
    locator: PartInfo
    painters: tuple[PartInfo, ...]
    judges: tuple[PartInfo, ...]
    why: str
    skipped_list: tuple[str, ...]
    options: dict[str, Any]
    input_sha256: str
    bytes: int
    versions: dict[str, str]
    seconds: float
    pictures_per_second: float
    resumed: int = 0
    dry_run: bool = False
    language_models: tuple[PartInfo, ...] = ()
    schema: int = SCHEMA


@dataclass(frozen=True, slots=True)
class ReviewReport:
    """What became of a reviewer's table.

    Attributes:
        output: the table to fill in, or the file of records without what was dropped.
        pictures: that were to be looked at.
        kept: marked `keep`.
        dropped: marked `drop`; their negatives have no picture any more.
        open: not marked; their pictures stay.
        written: whether the table was written now, to be filled in.
    """

    output: str
    pictures: int
    kept: int
    dropped: int
    open: int
    written: bool


@dataclass(frozen=True, slots=True)
class BenchmarkExport:
    """Test files made of pictures.

    Attributes:
        folder: where they are.
        groups: of GNM's layout: a photo and one to three painted ones.
        pairs: of BiVLC's layout: a photo and a painted one.
    """

    folder: str
    groups: int
    pairs: int
