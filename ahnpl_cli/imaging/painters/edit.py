"""Painter `edit`: changes the whole photo by the negative caption.

A pipeline that follows instructions (InstructPix2Pix, Qwen-Image-Edit, FLUX Kontext) is used as it
is; any other starts from the photo with noise (`AutoPipelineForImage2Image`), as Slipform does with
sdxl-turbo.
"""

from __future__ import annotations

from typing import Any

from ahnpl_cli.files import read_object
from ahnpl_cli.imaging.base import Canvas, Settings
from ahnpl_cli.imaging.painters.diffusion import WholePainter, resized
from ahnpl_cli.imaging.weights import INDEX, pipeline_folder

INSTRUCTED = ("Pix2Pix", "Edit", "Kontext")  # in the names of such pipelines' classes


class EditByInstruction(WholePainter):
    """Edits photos."""

    def __init__(self, settings: Settings) -> None:
        index = read_object(pipeline_folder(str(settings.painter_model)) / INDEX)
        name = str(index.get("_class_name"))
        instructed = any(part in name for part in INSTRUCTED)
        kind = "DiffusionPipeline" if instructed else "AutoPipelineForImage2Image"
        super().__init__("edit", kind, settings)

    def inputs(self, batch: list[Canvas], size: tuple[int, int]) -> dict[str, Any]:
        """Return the photos."""
        return {"image": [resized(canvas.image, size) for canvas in batch]}
