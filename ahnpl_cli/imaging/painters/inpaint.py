"""Painter `inpaint`: repaints the thing inside its mask by a diffusion model (GNM 3.1.4).

As GNM's repository does, a square around the thing is cut out, painted at the model's own size and
put back; outside of the mask the photo keeps its bytes. diffusers' own `padding_mask_crop` takes
one picture at a time, so cutting and putting back are done here.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from PIL import Image as Images
from PIL.Image import Image, Resampling
from PIL.ImageFilter import GaussianBlur, MaxFilter

from ahnpl_cli.imaging.base import Box, Canvas, Job, Mask, Refusal, Settings, box_of
from ahnpl_cli.imaging.painters.diffusion import Pipeline, by_size, model_size, resized
from ahnpl_cli.imaging.targets import content_edits

AROUND = 1.5  # of the thing's longer side: how much the model sees of what is around it (ours)
GROWN = 9  # pixels of the filter that widens a mask, so that no rim of the old thing is left (ours)
FEATHER = 2.0  # pixels by which the new thing is blended in (ours)
THING_KINDS = ("object", "swap", "attribute", "attribute_swap")  # their edits are of things


class Inpaint:
    """Paints the new noun phrase in the place of the old."""

    needs_masks = True
    exact = False

    def __init__(self, settings: Settings) -> None:
        self.pipeline = Pipeline("inpaint", "AutoPipelineForInpainting", settings)
        self.info = self.pipeline.info
        self.side = settings.side

    def refuses(self, job: Job, names: frozenset[str] | None) -> str | None:
        """Every edit must be about a thing."""
        if job.negative.kind not in THING_KINDS:
            return "no painter"
        edits = content_edits(job.negative.edits)
        return None if len(job.targets) == len(edits) else "no noun"

    def prompt(self, canvas: Canvas) -> str | None:
        """Return the phrases that are painted."""
        return ", ".join(_prompts(canvas))

    def paint(self, canvases: Sequence[Canvas]) -> list[Image | Refusal]:
        """Return the pictures, one thing after the other painted in each."""
        pictures: list[Image | Refusal] = [canvas.image for canvas in canvases]
        turns = max((len(canvas.masks) for canvas in canvases), default=0)
        for turn in range(turns):
            open_: list[int] = []
            for index, canvas in enumerate(canvases):
                if turn < len(canvas.masks) and not isinstance(pictures[index], Refusal):
                    open_.append(index)
            now = [replace(canvases[i], image=pictures[i]) for i in open_]  # type: ignore[arg-type]
            for index, picture in zip(open_, self._paint(now, turn), strict=True):
                pictures[index] = picture
        return pictures

    def _paint(self, canvases: Sequence[Canvas], turn: int) -> list[Image | Refusal]:
        """Paint one thing of each picture, those of one size together."""
        boxes = [_square(canvas.masks[turn]) for canvas in canvases]
        sizes = [model_size(box[2:], self.side) for box in boxes]
        pictures: list[Image | Refusal] = [Refusal("not found")] * len(canvases)
        for size, indices in by_size(sizes).items():
            crops = [_cut(canvases[i].image, boxes[i]) for i in indices]
            masks = [_cut(_grown(canvases[i].masks[turn]), boxes[i]) for i in indices]
            painted = self.pipeline(
                [_prompts(canvases[i])[turn] for i in indices],
                [canvases[i].job.seed + turn for i in indices],
                image=[resized(crop, size) for crop in crops],
                mask_image=[mask.resize(size, Resampling.NEAREST) for mask in masks],
                width=size[0],
                height=size[1],
            )
            for i, picture in zip(indices, painted, strict=True):
                if isinstance(picture, Refusal):
                    pictures[i] = picture
                else:
                    pictures[i] = _put_back(canvases[i], picture, boxes[i], turn)
        return pictures


def _prompts(canvas: Canvas) -> list[str]:
    """What is painted into each mask: the description of the concept, if there is one."""
    job = canvas.job
    if canvas.restore:
        return [target.phrase for target in job.targets]
    if job.description and len(job.targets) == 1:
        return [job.description]
    return [target.new_phrase for target in job.targets]


def _square(mask: Mask) -> Box:
    """A square around a thing, as much of it as the picture has room for."""
    box = box_of(mask)
    assert box is not None  # empty masks are refused as too small
    height, width = mask.shape
    side = round(AROUND * max(box[2:]))
    w, h = min(side, width), min(side, height)
    x = min(max(box[0] + box[2] // 2 - w // 2, 0), width - w)
    y = min(max(box[1] + box[3] // 2 - h // 2, 0), height - h)
    return x, y, w, h


def _cut(image: Image, box: Box) -> Image:
    x, y, width, height = box
    return image.crop((x, y, x + width, y + height))


def _grown(mask: Mask) -> Image:
    """A mask as a picture, a little wider than the thing."""
    return Images.fromarray(mask.astype(np.uint8) * 255).filter(MaxFilter(GROWN))


def _put_back(canvas: Canvas, painted: Image, box: Box, turn: int) -> Image:
    """Blend what was painted into the photo, inside the mask and a soft edge around it."""
    whole = canvas.image.copy()
    whole.paste(resized(painted, box[2:]), box[:2])
    soft = _grown(canvas.masks[turn]).filter(GaussianBlur(FEATHER))
    return Images.composite(whole, canvas.image, soft)
