"""What `ahnpl images` reports."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from ahnpl_cli.records.captions import SCHEMA

# Why a negative has no picture: the words of reports and what they mean.
PICTURE_REASONS = {
    "no edits": "nobody knows which words of the caption were changed",
    "no painter": "no chosen painter can show such an edit",
    "no noun": "no thing stands beside the changed word",
    "not found": "the locator finds no such thing in the picture",
    "several instances": "the caption speaks of one, the picture has several (GNM 3.1.5)",
    "too small": "what would be painted covers less than 0.5 % of the picture",
    "too large": "what would be painted covers more than 85 % of the picture (VisMin)",
    "other color": "too little of the thing has the color that the caption names",
    "gray picture": "the photo has no colors",
    "things overlap": "the two things to exchange lie over each other",
    "sizes differ": "one of the two things to exchange is more than nine times the other",
    "adjectives": "the nouns swap places and their adjectives stay, which no exchange shows",
    "two sides": "the caption speaks of left and right more than once: a mirror turns all of them",
    "lettering": "the picture may hold text or a one-sided thing, which a mirror gives away",
    "unknown scene": "no drawn scene belongs to the picture",
    "cannot be drawn": "no scene makes the negative true and the caption false",
    "black picture": "the pipeline's safety checker blacked it out",
    "barely changed": "too few pixels differ from the original (GNM 3.1.5)",
    "variations look alike": "too few pixels differ among the variations of a thing (GNM 3.1.5)",
    "old caption fits": "a judge prefers the old caption on the new picture",
    "does not fit": "a judge does not find the new caption in the new picture",
    "no JSON list": "the language model's answer is none (of its concepts)",
    "field missing": "of a concept: object, keyword or description",
    "too many words": "a concept's keyword has more than three, or its description more than 30",
    "not in the caption": "a concept is about a thing that the caption does not name",
    "nothing new": "a concept says what the caption says, or another concept",
    "unreadable image": "the image is missing or broken (--on-error skip)",
    "enough pictures": "its image has as many as --per-image allows",
}


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
