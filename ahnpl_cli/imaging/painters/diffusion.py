"""What the painters on diffusers share: loading a pipeline, calling it on a batch, sizes.

Pickled weights are refused (`use_safetensors=True`). Each picture has a generator of its own, so
that it depends on its seed and not on its neighbors in a batch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from PIL.Image import Image, Resampling

from ahnpl_cli.backbones.transformers.pretrained import quiet
from ahnpl_cli.errors import ModelError
from ahnpl_cli.imaging.base import Canvas, Job, Refusal, Settings
from ahnpl_cli.imaging.extras import require
from ahnpl_cli.imaging.weights import describe, pipeline_folder
from ahnpl_cli.records import PartInfo

MULTIPLE = 8  # pixels: what pipelines of latent diffusion want sides to be a multiple of
BLACK = 8  # brightest level of a picture that counts as blacked out (ours)


class Pipeline:
    """A diffusers pipeline on a device.

    Args:
        part: name of the painter, for reports.
        kind: the pipeline's class in diffusers, such as `AutoPipelineForInpainting`; a pipeline
            that edits by instruction has a class of its own, which its folder names.
        settings: the model, the device, steps, guidance and strength.

    Raises:
        ConfigError: diffusers is not installed.
        ModelError: the pipeline is unavailable, or has pickled weights.
    """

    def __init__(self, part: str, kind: str, settings: Settings) -> None:
        require("diffusers")
        import diffusers
        from diffusers.utils import logging

        name = str(settings.painter_model)
        folder = pipeline_folder(name)
        # What matters is said by us: a blacked-out picture is a reason of rejection.
        logging.set_verbosity_error()
        logging.disable_progress_bar()
        try:
            with quiet():
                self._pipe: Any = getattr(diffusers, kind).from_pretrained(
                    folder, use_safetensors=True, local_files_only=True
                )
        except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
            raise _not_loaded(name, error) from error
        # Half precision is for GPUs: on a CPU it is slow, and not all operations know it.
        dtype = torch.float16 if settings.device.startswith("cuda") else torch.float32
        self._pipe.to(settings.device, dtype)
        self._pipe.set_progress_bar_config(disable=True)
        self.info: PartInfo = describe(part, name, folder)
        self._options = {
            "num_inference_steps": settings.steps,
            "guidance_scale": settings.guidance,
            "strength": settings.strength,
        }

    def __call__(
        self, prompts: Sequence[str], seeds: Sequence[int], **inputs: Any
    ) -> list[Image | Refusal]:
        """Return one picture per prompt.

        Args:
            prompts: what to paint.
            seeds: of each picture's noise.
            inputs: what else the pipeline takes, such as `image` and `mask_image`.
        """
        options = {name: value for name, value in self._options.items() if value is not None}
        # On the CPU, so that a seed gives the same noise on each device.
        generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]
        output = self._pipe(prompt=list(prompts), generator=generators, **inputs, **options)
        flagged = getattr(output, "nsfw_content_detected", None) or [False] * len(prompts)
        pictures: list[Image | Refusal] = []
        for picture, flag in zip(output.images, flagged, strict=True):
            black = flag or is_black(picture)
            pictures.append(Refusal("black picture") if black else picture.convert("RGB"))
        return pictures


def _not_loaded(name: str, error: Exception) -> ModelError:
    reason = " ".join(str(error).split())[:200]
    if "safetensors" in reason and isinstance(error, OSError):
        hint = "Where you trust it, load it with diffusers and call save_pretrained."
        return ModelError("its weights would have to be unpickled", where=name, hint=hint)
    hint = "Is it a pipeline for this painter?"
    return ModelError(f"cannot be loaded ({reason})", where=name, hint=hint)


def is_black(picture: Image) -> bool:
    """Whether a picture is what a safety checker leaves."""
    return int(np.asarray(picture).max()) < BLACK


def model_size(size: tuple[int, int], side: int) -> tuple[int, int]:
    """Return the width and height to paint at: the longer one is `side`, both multiples of 8."""
    scale = side / max(size)
    width, height = (max(1, round(edge * scale / MULTIPLE)) * MULTIPLE for edge in size)
    return width, height


def by_size(sizes: Sequence[tuple[int, int]]) -> dict[tuple[int, int], list[int]]:
    """Return size -> indices: only pictures of one size can be painted together."""
    groups: dict[tuple[int, int], list[int]] = {}
    for index, size in enumerate(sizes):
        groups.setdefault(size, []).append(index)
    return groups


def resized(picture: Image, size: tuple[int, int]) -> Image:
    """Return a picture in another size."""
    return picture if picture.size == size else picture.resize(size, Resampling.LANCZOS)


class WholePainter:
    """Paints whole pictures from their captions.

    Args:
        part: name of the painter, for reports.
        kind: see `Pipeline`.
        settings: of the pipeline, and how large to paint.
    """

    needs_masks = False
    exact = False

    def __init__(self, part: str, kind: str, settings: Settings) -> None:
        self.pipeline = Pipeline(part, kind, settings)
        self.info = self.pipeline.info
        self.side = settings.side

    def refuses(self, job: Job, names: frozenset[str] | None) -> str | None:
        """Any caption can be painted."""
        return None

    def prompt(self, canvas: Canvas) -> str:
        """Return the caption that the new picture shows."""
        record = canvas.job.record
        return record.caption if canvas.restore else canvas.job.negative.caption

    def inputs(self, batch: list[Canvas], size: tuple[int, int]) -> dict[str, Any]:
        """Return what the pipeline is given beside the captions, by canvases and their size."""
        raise NotImplementedError

    def paint(self, canvases: Sequence[Canvas]) -> list[Image | Refusal]:
        """Paint pictures, those of one size together.

        Returns:
            A picture of the photo's size per canvas, or why there is none.
        """
        sizes = [model_size(canvas.image.size, self.side) for canvas in canvases]
        pictures: list[Image | Refusal] = [Refusal("not found")] * len(canvases)
        for size, indices in by_size(sizes).items():
            batch = [canvases[i] for i in indices]
            prompts = [self.prompt(canvas) for canvas in batch]
            seeds = [canvas.job.seed for canvas in batch]
            painted = self.pipeline(prompts, seeds, **self.inputs(batch, size))
            for i, picture in zip(indices, painted, strict=True):
                if not isinstance(picture, Refusal):
                    picture = resized(picture, canvases[i].image.size)
                pictures[i] = picture
        return pictures
