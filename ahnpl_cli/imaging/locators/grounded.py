"""Locator `grounded`: models find the phrase in the picture.

By the model that `--locator-model` names first: SAM 3 takes the phrase and gives masks, CLIPSeg
gives one soft mask, and a zero-shot detector (Grounding DINO, OWLv2) gives boxes, which a SAM 2,
named second, turns into masks. Without it the boxes are the masks.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
import transformers
from PIL.Image import Image
from torch import Tensor, nn

from ahnpl_cli.backbones.transformers.named import find_folder
from ahnpl_cli.backbones.transformers.pretrained import (
    SAFE,
    read_config,
    read_part,
    require_safetensors,
)
from ahnpl_cli.errors import ConfigError, ModelError
from ahnpl_cli.imaging.base import Job, Mask, Refusal, Settings, check_size
from ahnpl_cli.imaging.weights import describe
from ahnpl_cli.records import PartInfo

MASK_THRESHOLD = 0.5  # of a pixel: SAM 3's default, and where CLIPSeg's sigmoid turns
TEXT_THRESHOLD = 0.25  # Grounding DINO's default, and GNM's
SINGULAR_S = ("ss", "us", "is")  # ends of words that are no plurals


class _Segmenter(Protocol):
    """Finds phrases.

    Attributes:
        folder: of its weights.
    """

    folder: Path

    def segment(self, images: Sequence[Image], phrases: Sequence[str]) -> list[list[Mask]]:
        """Return the masks of each phrase in its picture."""
        ...


def _load(name: str, kind: str, device: str) -> tuple[Any, Any, Path]:
    """Return model, processor and folder."""
    folder = find_folder(name)
    require_safetensors(folder)
    classes: Any = transformers
    model = read_part(
        "its weights",
        folder,
        lambda: getattr(classes, kind).from_pretrained(folder, use_safetensors=True, **SAFE),
    )
    processor = read_part(
        "its processor", folder, lambda: classes.AutoProcessor.from_pretrained(folder, **SAFE)
    )
    return model.eval().to(device), processor, folder


class _Sam3:
    def __init__(self, name: str, settings: Settings) -> None:
        self.model, self.processor, self.folder = _load(name, "Sam3Model", settings.device)
        self.threshold = settings.threshold

    def segment(self, images: Sequence[Image], phrases: Sequence[str]) -> list[list[Mask]]:
        inputs = self.processor(images=list(images), text=list(phrases), return_tensors="pt")
        outputs = self.model(**inputs.to(self.model.device))
        instances = self.processor.post_process_instance_segmentation(
            outputs,
            threshold=self.threshold,
            mask_threshold=MASK_THRESHOLD,
            target_sizes=_sizes(images),
        )
        return [[_mask(mask) for mask in each["masks"]] for each in instances]


class _ClipSeg:
    def __init__(self, name: str, settings: Settings) -> None:
        kind = "CLIPSegForImageSegmentation"
        self.model, self.processor, self.folder = _load(name, kind, settings.device)
        self.threshold = settings.threshold

    def segment(self, images: Sequence[Image], phrases: Sequence[str]) -> list[list[Mask]]:
        inputs = self.processor(
            images=list(images), text=list(phrases), padding=True, return_tensors="pt"
        )
        logits = self.model(**inputs.to(self.model.device)).logits
        logits = logits.reshape(len(images), 1, *logits.shape[-2:])
        masks: list[list[Mask]] = []
        for image, row in zip(images, logits, strict=True):
            size = (image.height, image.width)
            soft = nn.functional.interpolate(row[None].float(), size, mode="bilinear")
            mask = _mask(soft[0, 0].sigmoid() > self.threshold)
            masks.append([mask] if mask.any() else [])
        return masks


class _Detector:
    def __init__(self, name: str, settings: Settings, segmenter: str | None) -> None:
        kind = "AutoModelForZeroShotObjectDetection"
        self.model, self.processor, self.folder = _load(name, kind, settings.device)
        self.threshold = settings.threshold
        self.sam: Any = None
        if segmenter is not None:
            self.sam, self.sam_processor, _ = _load(segmenter, "Sam2Model", settings.device)

    def segment(self, images: Sequence[Image], phrases: Sequence[str]) -> list[list[Mask]]:
        boxes = self._detect(images, phrases)
        masks: list[list[Mask]] = []
        for image, own_boxes in zip(images, boxes, strict=True):
            if not len(own_boxes):
                masks.append([])
            elif self.sam is None:
                masks.append([_box_mask(image, box) for box in own_boxes])
            else:
                masks.append(self._segment(image, own_boxes))
        return masks

    def _detect(self, images: Sequence[Image], phrases: Sequence[str]) -> list[Tensor]:
        """Boxes (N, 4) of each phrase, as x and y of two corners."""
        # Grounding DINO was trained on phrases that end in a full stop; OWLv2 takes lists.
        dino = "dino" in self.model.config.model_type
        text: Any = [f"{phrase}." for phrase in phrases] if dino else [[p] for p in phrases]
        inputs = self.processor(
            images=list(images), text=text, padding=True, return_tensors="pt"
        ).to(self.model.device)
        outputs = self.model(**inputs)
        options: dict[str, Any] = {"threshold": self.threshold, "target_sizes": _sizes(images)}
        if dino:
            options |= {"input_ids": inputs["input_ids"], "text_threshold": TEXT_THRESHOLD}
        detected = self.processor.post_process_grounded_object_detection(outputs, **options)
        return [each["boxes"].float().cpu() for each in detected]

    def _segment(self, image: Image, boxes: Tensor) -> list[Mask]:
        inputs = self.sam_processor(
            images=image, input_boxes=[boxes.tolist()], return_tensors="pt"
        ).to(self.sam.device)
        outputs = self.sam(**inputs, multimask_output=False)
        masks = self.sam_processor.post_process_masks(
            outputs.pred_masks.cpu(), inputs["original_sizes"].cpu()
        )
        return [_mask(mask) for mask in masks[0][:, 0]]


class GroundedLocator:
    """Asks models where a phrase is."""

    def __init__(self, settings: Settings) -> None:
        if not settings.locator_model:
            hint = "Name SAM 3, CLIPSeg or a detector with --locator-model."
            raise ConfigError("the locator grounded needs a model", hint=hint)
        name, *more = settings.locator_model
        model_type = str(read_config(find_folder(name))["model_type"])
        self.segmenter = _segmenter(name, model_type, settings, more[0] if more else None)
        self.info: PartInfo = describe("grounded", ", ".join([name, *more]), self.segmenter.folder)
        self.batch_size = settings.batch_size

    def names(self, image: str) -> frozenset[str] | None:
        """Nothing is known before it is asked for."""
        return None

    def locate(self, jobs: Sequence[tuple[Job, Image]]) -> list[tuple[Mask, ...] | Refusal]:
        """Return a mask per target."""
        pairs = [(image, target) for job, image in jobs for target in job.targets]
        masks: list[Mask | Refusal] = []
        for start in range(0, len(pairs), self.batch_size):
            batch = pairs[start : start + self.batch_size]
            with torch.inference_mode():
                segmented = self.segmenter.segment(
                    [image for image, _ in batch], [target.phrase for _, target in batch]
                )
            for (_, target), instances in zip(batch, segmented, strict=True):
                masks.append(_joined(instances, many=_is_plural(target.noun)))
        results: list[tuple[Mask, ...] | Refusal] = []
        remaining = iter(masks)
        for job, _ in jobs:
            own = [next(remaining) for _ in job.targets]
            refused = next((mask for mask in own if isinstance(mask, Refusal)), None)
            results.append(refused or tuple(own))  # type: ignore[arg-type]
        return results


def _segmenter(name: str, model_type: str, settings: Settings, second: str | None) -> _Segmenter:
    if model_type.startswith("sam3"):
        return _Sam3(name, settings)
    if model_type == "clipseg":
        return _ClipSeg(name, settings)
    detectors: Any = transformers.AutoModelForZeroShotObjectDetection
    config: Any = transformers.CONFIG_MAPPING
    if model_type in config and config[model_type] in detectors._model_mapping:
        return _Detector(name, settings, second)
    hint = "Name SAM 3, CLIPSeg or a zero-shot detector."
    raise ModelError(f"a {model_type} finds no phrases", where=name, hint=hint)


def _joined(instances: Sequence[Mask], *, many: bool) -> Mask | Refusal:
    if not instances:
        return Refusal("not found")
    if len(instances) > 1 and not many:
        return Refusal("several instances")
    mask: Mask = np.logical_or.reduce(instances)
    return check_size(mask) or mask


def _is_plural(noun: str) -> bool:
    last = noun.lower().rpartition(" ")[2]
    irregular = ("people", "men", "women", "children", "sheep")
    return last in irregular or last.endswith("s") and not last.endswith(SINGULAR_S)


def _sizes(images: Sequence[Image]) -> list[tuple[int, int]]:
    return [(image.height, image.width) for image in images]


def _mask(mask: Tensor) -> Mask:
    array: Mask = mask.bool().cpu().numpy()
    return array


def _box_mask(image: Image, box: Tensor) -> Mask:
    mask = np.zeros((image.height, image.width), bool)
    left, top, right, bottom = (max(0, round(float(edge))) for edge in box)
    mask[top:bottom, left:right] = True
    return mask
