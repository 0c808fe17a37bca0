"""What locators, painters and judges hand to each other."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from ahnpl_cli.records import CaptionRecord, Negative

Mask = npt.NDArray[np.bool_]  # (height, width)
Box = tuple[int, int, int, int]  # x, y, width, height in pixels

SMALLEST, LARGEST = 0.005, 0.85  # shares of the picture: ours; VisMin drops boxes above 85 %


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why there is no mask, or no picture; `reason` is a key of `PICTURE_REASONS`."""

    reason: str


@dataclass(frozen=True, slots=True)
class Target:
    """A thing that an edit is about.

    Attributes:
        phrase: the thing as the caption has it, such as `red car`.
        noun: its end, where the noun is: `car`, or more words where nothing tells them apart.
        old: the words taken out.
        new: the words put in.
        new_phrase: the phrase with the edit made, such as `blue car`.
    """

    phrase: str
    noun: str
    old: str
    new: str
    new_phrase: str


@dataclass(frozen=True, slots=True)
class Job:
    """A negative whose picture is wanted.

    Attributes:
        key: names the record's pictures: its number, or that and more for a new caption.
        number: of the record in its file, from 0.
        slot: of the negative in its record.
        record: the caption with all its negatives.
        negative: the one to show.
        targets: the things that its edits are about, in the caption's order.
        seed: of everything random about this picture.
        description: what a model is told to paint, where that is more than the caption says.
    """

    key: str
    number: int
    slot: int
    record: CaptionRecord
    negative: Negative
    targets: tuple[Target, ...]
    seed: int
    description: str = ""


@dataclass(frozen=True, slots=True)
class Canvas:
    """A job with what a painter needs.

    Attributes:
        job: what to show.
        image: the original as RGB.
        masks: one per target; empty where the painter needs none.
        restore: paint the true thing into the same place, for `--repaint-original`.
    """

    job: Job
    image: Image.Image
    masks: tuple[Mask, ...] = ()
    restore: bool = False


@dataclass(frozen=True, slots=True)
class Settings:
    """What the parts are built with.

    Attributes:
        image_root: folder that image paths are relative to.
        device: where models compute.
        batch_size: pictures that a model takes at once.
        annotations: COCO's instance and panoptic files.
        cache: folder of indices.
        locator_model: weights of `grounded`: a model, and a segmenter for its boxes.
        threshold: how sure `grounded` must be.
        painter_model: weights of the diffusion painters.
        steps: of denoising; None for the pipeline's own.
        guidance: weight of the prompt; None for the pipeline's own.
        strength: how much noise replaces the original; None for the pipeline's own.
        side: pixels of the square that a diffusion model paints.
        judge_model: weights of the judge `clip`, as `--model` names them.
        blip_model: weights of the judge `blip`.
        margin: by how much the new caption must win.
        min_change: percent of pixels that must differ.
        min_deviation: by how much, in levels of 0 to 255.
    """

    image_root: Path
    device: str = "cpu"
    batch_size: int = 8
    annotations: tuple[Path, ...] = ()
    cache: Path = field(default_factory=Path)
    locator_model: tuple[str, ...] = ()
    threshold: float = 0.3
    painter_model: str | None = None
    steps: int | None = None
    guidance: float | None = None
    strength: float | None = None
    side: int = 512
    judge_model: str | None = None
    blip_model: str | None = None
    margin: float = 0.0
    min_change: float = 14.0
    min_deviation: float = 10.0


def box_of(mask: Mask) -> Box | None:
    """Return the smallest box around a mask; None for an empty one."""
    rows, columns = np.flatnonzero(mask.any(1)), np.flatnonzero(mask.any(0))
    if not len(rows):
        return None
    top, left = int(rows[0]), int(columns[0])
    return left, top, int(columns[-1]) - left + 1, int(rows[-1]) - top + 1


def check_size(mask: Mask) -> Refusal | None:
    """Refuse a mask that is too small to be seen, or nearly the whole picture."""
    share = float(mask.mean())
    if share < SMALLEST:
        return Refusal("too small")
    return Refusal("too large") if share > LARGEST else None
