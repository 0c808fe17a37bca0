"""Writes a picture that is kept, and what its record says of it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL.Image import Image

from ahnpl_cli.files import write_atomic
from ahnpl_cli.imaging.base import Box, Mask, box_of
from ahnpl_cli.imaging.extras import has
from ahnpl_cli.imaging.judges import Painted
from ahnpl_cli.imaging.output import PICTURES
from ahnpl_cli.imaging.painters import Painter
from ahnpl_cli.imaging.pictures import Original, encode
from ahnpl_cli.records import Negative, Painting

PER_FOLDER = 250  # records whose pictures share a folder
WHOLE = 0.85  # share of the picture from which an outline says nothing
FEW_POINTS = 0.004  # of a contour's length: how far an outline may be off


@dataclass(frozen=True, slots=True)
class Accepted:
    """A picture that is kept."""

    painted: Painted
    painter: Painter
    scores: dict[str, float]


def save(
    accepted: Accepted,
    original: Original,
    restored: Image | None,
    *,
    folder: Path,
    locator: str,
) -> Negative:
    """Write a picture and, if there is one, the original repainted.

    Args:
        accepted: the picture.
        original: what it was painted over.
        restored: the true thing painted into the same place.
        folder: of the output.
        locator: what found the thing.

    Returns:
        The negative with the picture's path and how it was made.
    """
    painter, canvas = accepted.painter, accepted.painted.canvas
    job, info = canvas.job, painter.info
    name = f"{PICTURES}/{job.number // PER_FOLDER:05d}/{job.key}-{job.slot}"
    prompt = painter.prompt(canvas)
    box, outline = _outline(accepted.painted.region, bool(canvas.masks))
    painting = Painting(
        engine=info.name,
        locator=locator if painter.needs_masks else "none",
        model=info.model,
        revision=info.revision,
        seed=job.seed if info.model else None,
        prompt=prompt,
        box=box,
        outline=outline,
        scores=accepted.scores,
    )
    provenance: dict[str, object] = {
        "painter": info.name,
        "model": info.model,
        "revision": info.revision,
        "seed": painting.seed,
        "original": job.record.image,
        "caption": job.negative.caption,
    }
    path = f"{name}{original.suffix}"
    write_atomic(folder / path, encode(accepted.painted.picture, original, provenance))
    if restored is not None:
        path_restored = f"{name}-original{original.suffix}"
        true = {**provenance, "caption": job.record.caption}
        write_atomic(folder / path_restored, encode(restored, original, true))
        painting = replace(painting, repainted=path_restored)
    return replace(job.negative, image=path, painter=painting)


def _outline(region: Mask, masked: bool) -> tuple[Box | None, tuple[tuple[int, ...], ...]]:
    """The box around what was painted and, of a mask, its outline in few points."""
    if region.mean() > WHOLE:
        return None, ()
    if not masked or not has("cv2"):
        return box_of(region), ()
    import cv2

    contours, _ = cv2.findContours(
        region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    polygons: list[tuple[int, ...]] = []
    for contour in contours:
        tolerance = max(1.0, FEW_POINTS * cv2.arcLength(contour, True))
        points = cv2.approxPolyDP(contour, tolerance, True).reshape(-1)
        if len(points) >= 6:
            polygons.append(tuple(map(int, points)))
    return box_of(region), tuple(polygons)
