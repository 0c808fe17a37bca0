"""Paints a scene: flat shapes with smooth edges over a soft texture."""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw

from ahnpl_cli.scenes.world import SIDE, Scene, Thing

Pixels = npt.NDArray[np.float32]

RGB = {
    "red": (214, 40, 40),
    "green": (46, 150, 67),
    "blue": (40, 90, 220),
    "yellow": (240, 205, 40),
    "white": (245, 245, 245),
    "black": (22, 22, 26),
}
OVERSAMPLING = 4
TEXTURES = 96
TEXTURE_SIDE = 2 * SIDE


def paint(scene: Scene) -> Image.Image:
    """The scene as a 64 x 64 RGB image; the same scene always gives the same pixels."""
    rng = np.random.default_rng(scene.texture)
    canvas = _background(rng, SIDE)
    _paint(canvas, scene.things, rng)
    return _image(canvas)


def paint_quarters(scenes: Sequence[Scene]) -> Image.Image:
    """Four scenes as the quarters of one 128 x 128 image, row by row, over one texture."""
    canvas = _background(np.random.default_rng(scenes[0].texture), TEXTURE_SIDE)
    for index, scene in enumerate(scenes):
        top, left = SIDE * (index // 2), SIDE * (index % 2)
        quarter = canvas[top : top + SIDE, left : left + SIDE]
        _paint(quarter, scene.things, np.random.default_rng(scene.texture))
    return _image(canvas)


def _image(canvas: Pixels) -> Image.Image:
    return Image.fromarray(np.clip(canvas, 0, 255).astype(np.uint8))


def _paint(canvas: Pixels, things: Sequence[Thing], rng: np.random.Generator) -> None:
    # One shade per color, so that exchanging two appearances changes nothing but the appearances.
    shades = {color: rng.uniform(-10, 10, 3) for color in RGB}
    for thing in things:
        mask = shape_mask(thing.appearance.shape, thing.radius)
        color = np.asarray(RGB[thing.appearance.color]) + shades[thing.appearance.color]
        _blend(canvas, mask, color.astype(np.float32), thing.x, thing.y)


def _blend(canvas: Pixels, mask: Pixels, color: Pixels, x: int, y: int) -> None:
    radius, height, width = mask.shape[0] // 2, canvas.shape[0], canvas.shape[1]
    left, top = x - radius, y - radius
    right, bottom = min(left + mask.shape[1], width), min(top + mask.shape[0], height)
    inside = mask[max(-top, 0) : bottom - top, max(-left, 0) : right - left, None]
    region = canvas[max(top, 0) : bottom, max(left, 0) : right]
    region += inside * (color - region)


def _background(rng: np.random.Generator, side: int) -> Pixels:
    texture = _textures()[int(rng.integers(TEXTURES))]
    row, column = rng.integers(TEXTURE_SIDE - side + 1, size=2)
    return texture[row : row + side, column : column + side].copy()


@functools.cache
def _textures() -> tuple[Pixels, ...]:
    rng = np.random.default_rng(20260)
    return tuple(_texture(rng) for _ in range(TEXTURES))


def _texture(rng: np.random.Generator) -> Pixels:
    """Blotches, faint stripes and grain around a middle grey-ish tone that no color name has."""
    base = rng.uniform(110, 165, 3)
    blotches = np.clip(base + rng.normal(0, 10, (16, 16, 3)), 0, 255).astype(np.uint8)
    size = (TEXTURE_SIDE, TEXTURE_SIDE)
    soft = np.asarray(Image.fromarray(blotches).resize(size, Image.Resampling.BICUBIC))
    angle, period = rng.uniform(0, math.pi), rng.uniform(5, 20)
    rows, columns = np.mgrid[:TEXTURE_SIDE, :TEXTURE_SIDE]
    phase = (columns * math.cos(angle) + rows * math.sin(angle)) * 2 * math.pi / period
    stripes = rng.uniform(0, 8) * np.sin(phase)[..., None]
    grain = rng.normal(0, 4, (*size, 3))
    texture: Pixels = (soft + stripes + grain).astype(np.float32)
    return texture


@functools.cache
def shape_mask(shape: str, radius: int) -> Pixels:
    """How much of each pixel the shape covers: (2r+1, 2r+1) in [0, 1]."""
    side = 2 * radius + 1
    big = Image.new("L", (side * OVERSAMPLING, side * OVERSAMPLING), 0)
    _outline(ImageDraw.Draw(big), shape, side * OVERSAMPLING / 2)
    small = big.resize((side, side), Image.Resampling.BOX)
    return np.asarray(small, np.float32) / np.float32(255)


def _outline(pen: ImageDraw.ImageDraw, shape: str, half: float) -> None:
    def oval(x: float, y: float, rx: float, ry: float, fill: int) -> None:
        box = (x - rx, y - ry, x + rx, y + ry)
        pen.ellipse([half + (half - 1) * edge for edge in box], fill=fill)

    if shape == "circle":
        oval(0, 0, 1, 1, 255)
    elif shape == "ring":
        oval(0, 0, 1, 1, 255)
        oval(0, 0, 0.55, 0.55, 0)
    else:
        points = [(half + (half - 1) * x, half + (half - 1) * y) for x, y in _corners(shape)]
        pen.polygon(points, fill=255)


def _corners(shape: str) -> list[tuple[float, float]]:
    if shape == "square":
        return [(-0.85, -0.85), (0.85, -0.85), (0.85, 0.85), (-0.85, 0.85)]
    if shape == "triangle":
        return [(0, -0.95), (0.95, 0.8), (-0.95, 0.8)]
    turns = [k * math.pi / 5 for k in range(10)]
    if shape == "star":
        reach = [1 if k % 2 == 0 else 0.42 for k in range(10)]
        pairs = zip(reach, turns, strict=True)
        return [(r * math.sin(t), -r * math.cos(t)) for r, t in pairs]
    return [_heart(2 * math.pi * k / 60) for k in range(60)]


def _heart(t: float) -> tuple[float, float]:
    y = 13 * math.cos(t) - 5 * math.cos(2 * t) - 2 * math.cos(3 * t) - math.cos(4 * t)
    return 16 * math.sin(t) ** 3 / 17, -y / 17
