"""Paints a scene: flat shapes with smooth edges over a soft texture."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ahnpl_cli.scenes.world import SIDE, Scene, Thing

Pixels = npt.NDArray[np.float32]
Point = tuple[float, float]

RGB = {
    "red": (214, 40, 40),
    "green": (46, 150, 67),
    "blue": (40, 90, 220),
    "yellow": (240, 205, 40),
    "white": (245, 245, 245),
    "black": (22, 22, 26),
}
SHADE = 10  # how far a color may differ from scene to scene, of 255
OVERSAMPLING = 4
TEXTURES = 96
TEXTURE_SIDE = 2 * SIDE
TEXTURE_SEED = 20260
STAR_INNER = 0.42  # radius of a star's inner corners; its points reach 1
RING_HOLE = 0.55
HEART_POINTS = 60
MOON_BITE = (0.45, 0.85)  # how far the disc that is cut from a moon stands to its right; its radius
CROSS_ARM = 0.32


class Placed(Protocol):
    """Something with a center and a radius in pixels."""

    @property
    def x(self) -> int:
        """Column of the center."""

    @property
    def y(self) -> int:
        """Row of the center."""

    @property
    def radius(self) -> int:
        """Half the side, without the center."""


def paint(scene: Scene) -> Image.Image:
    """Return the scene as a 64 x 64 RGB image; the same scene always gives the same pixels."""
    rng = np.random.default_rng(scene.texture)
    canvas = _background(rng, SIDE)
    _paint_things(canvas, scene.things, rng)
    return to_image(canvas)


def paint_quarters(scenes: Sequence[Scene]) -> Image.Image:
    """Return four scenes as the quarters of one 128 x 128 image, row by row, over one texture."""
    canvas = _background(np.random.default_rng(scenes[0].texture), TEXTURE_SIDE)
    for index, scene in enumerate(scenes):
        top = SIDE * (index // 2)
        left = SIDE * (index % 2)
        # A view: what is painted on it is painted on the canvas.
        quarter = canvas[top : top + SIDE, left : left + SIDE]
        _paint_things(quarter, scene.things, np.random.default_rng(scene.texture))
    return to_image(canvas)


@functools.cache
def shape_mask(shape: str, radius: int) -> Pixels:
    """Return how much of each pixel the shape covers: (2r+1, 2r+1) in [0, 1]."""
    return shrink(oversampled_mask(shape, radius), radius)


def oversampled_mask(shape: str, radius: int) -> Image.Image:
    """Return the filled shape at four times its size, white on black, (2r+1) * 4 pixels a side."""
    side = (2 * radius + 1) * OVERSAMPLING
    large = Image.new("L", (side, side), 0)
    _fill_shape(ImageDraw.Draw(large), shape, side / 2)
    return large


def shrink(large: Image.Image, radius: int) -> Pixels:
    """Return an oversampled mask as coverage of pixels: (2r+1, 2r+1) in [0, 1]."""
    side = 2 * radius + 1
    # Filled at four times the size and averaged, since PIL's own edges are jagged.
    small = large.resize((side, side), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


@functools.cache
def textures() -> tuple[Pixels, ...]:
    """Return the textures, (128, 128, 3) each, that backgrounds are cut from."""
    rng = np.random.default_rng(TEXTURE_SEED)
    return tuple(_make_texture(rng) for _ in range(TEXTURES))


def to_image(canvas: npt.NDArray[np.floating[Any]]) -> Image.Image:
    """Return a canvas (H, W, 3) of values up to 255 as an image."""
    clipped = np.clip(canvas, 0, 255)
    return Image.fromarray(clipped.astype(np.uint8))


def _paint_things(canvas: Pixels, things: Sequence[Thing], rng: np.random.Generator) -> None:
    # One shade per color, so that exchanging two appearances changes nothing but them.
    shades = {color: rng.uniform(-SHADE, SHADE, 3) for color in RGB}
    for thing in things:
        mask = shape_mask(thing.appearance.shape, thing.radius)
        color_name = thing.appearance.color
        color = np.asarray(RGB[color_name]) + shades[color_name]
        blend(canvas, mask, color.astype(np.float32), thing)


def blend(canvas: Pixels, mask: Pixels, color: Pixels, thing: Placed) -> None:
    """Paint a mask in one color where a thing is; what is outside the canvas is cut off.

    Args:
        canvas: (H, W, 3), painted on in place.
        mask: (2r+1, 2r+1), how much of each pixel is covered.
        color: (3,), of 255.
        thing: where.
    """
    height, width, _ = canvas.shape
    left = thing.x - thing.radius
    top = thing.y - thing.radius
    right = min(thing.x + thing.radius + 1, width)
    bottom = min(thing.y + thing.radius + 1, height)
    first_row = max(top, 0)
    first_column = max(left, 0)
    region = canvas[first_row:bottom, first_column:right]
    coverage = mask[first_row - top : bottom - top, first_column - left : right - left]
    # In place: the region is a view of the canvas.
    region += coverage[..., None] * (color - region)


def _background(rng: np.random.Generator, side: int) -> Pixels:
    texture = textures()[int(rng.integers(TEXTURES))]
    row, column = rng.integers(TEXTURE_SIDE - side + 1, size=2)
    return texture[row : row + side, column : column + side].copy()


def _make_texture(rng: np.random.Generator) -> Pixels:
    """Make blotches, faint stripes and grain around a gray-ish tone that no color name has."""
    base = rng.uniform(110, 165, 3)
    blotches = to_image(base + rng.normal(0, 10, (16, 16, 3)))
    size = (TEXTURE_SIDE, TEXTURE_SIDE)
    soft = np.asarray(blotches.resize(size, Image.Resampling.BICUBIC))
    angle = rng.uniform(0, math.pi)
    period = rng.uniform(5, 20)
    rows, columns = np.mgrid[:TEXTURE_SIDE, :TEXTURE_SIDE]
    distance = columns * math.cos(angle) + rows * math.sin(angle)
    phase = distance * 2 * math.pi / period
    amplitude = rng.uniform(0, 8)
    stripes = amplitude * np.sin(phase)[..., None]
    grain = rng.normal(0, 4, (*size, 3))
    texture: Pixels = (soft + stripes + grain).astype(np.float32)
    return texture


def _fill_shape(pen: ImageDraw.ImageDraw, shape: str, half: float) -> None:
    """Fill a shape on a square image whose side is twice `half`."""
    if shape in ("circle", "ring"):
        _fill_disc(pen, half, radius=1, fill=255)
        if shape == "ring":
            _fill_disc(pen, half, radius=RING_HOLE, fill=0)
        return
    if shape == "moon":
        aside, radius = MOON_BITE
        _fill_disc(pen, half, radius=1, fill=255)
        _fill_disc(pen, half, radius=radius, fill=0, aside=aside)
        return
    # One pixel inside, so that no outline is cut off by the image's edge.
    scale = half - 1
    points = [(half + scale * x, half + scale * y) for x, y in _corners(shape)]
    pen.polygon(points, fill=255)


def _fill_disc(
    pen: ImageDraw.ImageDraw, half: float, *, radius: float, fill: int, aside: float = 0
) -> None:
    scaled = (half - 1) * radius
    low = half - scaled
    high = half + scaled
    right = (half - 1) * aside
    pen.ellipse([low + right, low, high + right, high], fill=fill)


def _corners(shape: str) -> list[Point]:
    """Return the corners of a polygon in a square from -1 to 1, y growing downwards."""
    if shape == "square":
        return [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]
    if shape == "triangle":
        return [(0, -0.95), (0.95, 0.8), (-0.95, 0.8)]
    if shape == "star":
        return [_star_corner(k) for k in range(10)]
    if shape == "diamond":
        return [(0, -1), (0.7, 0), (0, 1), (-0.7, 0)]
    if shape == "cross":
        return _cross_corners()
    if shape == "house":
        return [(0, -0.95), (0.8, -0.1), (0.8, 0.85), (-0.8, 0.85), (-0.8, -0.1)]
    step = 2 * math.pi / HEART_POINTS
    return [_heart_point(k * step) for k in range(HEART_POINTS)]


def _cross_corners() -> list[Point]:
    arm = CROSS_ARM
    quarter = [(arm, -1), (arm, -arm), (1, -arm)]
    corners: list[Point] = []
    for _ in range(4):
        corners += quarter
        quarter = [(-y, x) for x, y in quarter]  # a quarter turn to the right
    return corners


def _star_corner(k: int) -> Point:
    """Return corner `k` of ten: points and inner corners in turn."""
    turn = k * math.pi / 5
    reach = 1 if k % 2 == 0 else STAR_INNER
    return reach * math.sin(turn), -reach * math.cos(turn)


def _heart_point(t: float) -> Point:
    # The well-known heart curve, scaled by its width.
    x = 16 * math.sin(t) ** 3
    y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
    return x / 17, -y / 17
