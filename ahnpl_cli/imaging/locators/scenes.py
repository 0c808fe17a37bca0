"""Locator `scenes`: the world knows where its things are."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from PIL.Image import Image

from ahnpl_cli.imaging.base import Job, Mask, Refusal, Settings, Target
from ahnpl_cli.imaging.drawn_scenes import DrawnScenes
from ahnpl_cli.records import PartInfo
from ahnpl_cli.scenes.grammar import plural
from ahnpl_cli.scenes.meanings import Description
from ahnpl_cli.scenes.render import shape_mask
from ahnpl_cli.scenes.world import COLORS, SHAPES, SIDE, SIZES, Scene, Thing

COVERED = 0.5  # share of a pixel that a shape must cover


class SceneLocator:
    """Finds things of a scene by shape, color and size."""

    info = PartInfo("scenes")

    def __init__(self, settings: Settings) -> None:
        self.scenes = DrawnScenes(settings.image_root)

    def locate(self, jobs: Sequence[tuple[Job, Image]]) -> list[tuple[Mask, ...] | Refusal]:
        """Return the masks of the things named."""
        return [self._locate(job) for job, _ in jobs]

    def names(self, image: str) -> frozenset[str] | None:
        """Return the shapes in a scene."""
        scene = self.scenes.scene(image)
        return (
            None
            if scene is None
            else frozenset(appearance.shape for appearance in scene.appearances)
        )

    def _locate(self, job: Job) -> tuple[Mask, ...] | Refusal:
        scene = self.scenes.scene(job.record.image)
        if scene is None:
            return Refusal("unknown scene")
        masks: list[Mask] = []
        for target in job.targets:
            mask = _mask(scene, target)
            if isinstance(mask, Refusal):
                return mask
            masks.append(mask)
        return tuple(masks)


def _mask(scene: Scene, target: Target) -> Mask | Refusal:
    words = target.phrase.lower().split()
    shape = next((name for name in SHAPES if {name, plural(name)} & set(words)), None)
    if shape is None:
        return Refusal("not found")
    color = next((word for word in words if word in COLORS), None)
    size = next((word for word in words if word in SIZES), None)
    things = Description(shape, color, size).among(scene.things)
    if not things:
        return Refusal("not found")
    if len(things) > 1 and plural(shape) not in words:
        return Refusal("several instances")
    mask: Mask = np.logical_or.reduce([_covered(thing) for thing in things])
    return mask


def _covered(thing: Thing) -> Mask:
    """The pixels of one thing."""
    reach = thing.radius
    # With a margin all around, a thing at the edge needs no clipping.
    padded = np.zeros((SIDE + 2 * SIDE, SIDE + 2 * SIDE), bool)
    top, left = SIDE + thing.y - reach, SIDE + thing.x - reach
    shape = shape_mask(thing.appearance.shape, reach) >= COVERED
    padded[top : top + 2 * reach + 1, left : left + 2 * reach + 1] = shape
    return padded[SIDE : 2 * SIDE, SIDE : 2 * SIDE]
