"""Painter `edit`: changes the whole photo by the negative caption.

A pipeline that follows instructions (InstructPix2Pix, Qwen-Image-Edit, FLUX Kontext) is used as it
is; any other starts from the photo with noise (`AutoPipelineForImage2Image`), as Slipform does with
sdxl-turbo.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from PIL.Image import Image

from ahnpl_cli.files import read_object
from ahnpl_cli.imaging.base import Canvas, Job, Refusal, Settings
from ahnpl_cli.imaging.painters.diffusion import Pipeline, caption_of, paint_whole, resized
from ahnpl_cli.imaging.weights import INDEX, pipeline_folder

INSTRUCTED = ("Pix2Pix", "Edit", "Kontext")  # in the names of such pipelines' classes


class EditByInstruction:
    """Edits photos."""

    needs_masks = False
    exact = False

    def __init__(self, settings: Settings) -> None:
        index = read_object(pipeline_folder(str(settings.painter_model)) / INDEX)
        name = str(index.get("_class_name"))
        instructed = any(part in name for part in INSTRUCTED)
        kind = "DiffusionPipeline" if instructed else "AutoPipelineForImage2Image"
        self.pipeline = Pipeline("edit", kind, settings)
        self.info = self.pipeline.info
        self.side = settings.side

    def refuses(self, job: Job, names: frozenset[str] | None) -> str | None:
        """Any caption can be asked for."""
        return None

    def prompt(self, canvas: Canvas) -> str | None:
        """Return the caption."""
        return caption_of(canvas)

    def paint(self, canvases: Sequence[Canvas]) -> list[Image | Refusal]:
        """Return the edited photos."""
        return paint_whole(self.pipeline, canvases, self.side, _inputs)


def _inputs(batch: list[Canvas], size: tuple[int, int]) -> dict[str, Any]:
    return {"image": [resized(canvas.image, size) for canvas in batch]}
