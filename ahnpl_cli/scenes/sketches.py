"""Another drawing style, for what fine-tuning must not make a model forget.

A sketch is one shape in outline on paper. `scenes-clip` learned sketches beside the filled things;
no training scene of `ahnpl scenes` holds one, and none of their captions uses these words. So what
a fine-tuned model still knows of them is retention: classes of shapes and of ink, a linear probe,
pages of two sketches with two labels, and retrieval.
"""

from __future__ import annotations

import functools
import random
from dataclasses import dataclass

import numpy as np
from PIL import Image, ImageFilter, ImageOps

from ahnpl_cli.scenes import render
from ahnpl_cli.scenes.render import Pixels
from ahnpl_cli.scenes.world import SHAPES, SIDE

# The shapes of the scenes, and others that no scene has.
SKETCHED_SHAPES = (*SHAPES, "cross", "diamond", "moon", "house")
INKS = {
    "red": (196, 30, 40),
    "green": (30, 130, 60),
    "blue": (40, 70, 200),
    "black": (30, 30, 34),
    "purple": (125, 40, 165),
    "brown": (140, 85, 35),
}
SENTENCES = (
    "a sketch of a {shape}",
    "a {ink} sketch of a {shape}",
    "a {shape} drawn in {ink} ink",
    "an outline of a {shape} in {ink}",
    "a drawing of a {shape} in {ink} ink",
    "a {ink} drawing on paper",
)
SHAPE_PROMPTS = ("a sketch of a {}", "an outline of a {}")
INK_PROMPTS = ("a {} sketch", "a drawing in {} ink")

LABELS_FILE = "labels.csv"
LABELED_SETS = ("shapes", "inks", "pairs")
SPLITS = ("test", "train")
FILES = tuple(f"sketches/{name}/{LABELS_FILE}" for name in LABELED_SETS)
PROMPTS = {
    f"sketches/{name}/templates.txt": INK_PROMPTS if name == "inks" else SHAPE_PROMPTS
    for name in LABELED_SETS
}

STROKE = 2  # pixels of an outline
RADII = (15, 24)  # of a sketch alone on its page
PAIR_RADII = (11, 14)  # of each of two sketches
PAPER = (222, 250)  # how light the paper may be, of 255
GRAIN = 3.0  # standard deviation of the paper's noise


@dataclass(frozen=True, slots=True)
class Sketch:
    """One outlined shape: center and radius in pixels, y growing downwards."""

    shape: str
    ink: str
    x: int
    y: int
    radius: int


@dataclass(frozen=True, slots=True)
class Page:
    """Sketches on one sheet of paper; `paper` is the seed of its tone and grain."""

    sketches: tuple[Sketch, ...]
    paper: int

    def paint(self) -> Image.Image:
        """Return the page as a 64 x 64 RGB image; the same page always gives the same pixels."""
        rng = np.random.default_rng(self.paper)
        tone = rng.uniform(*PAPER)
        canvas: Pixels = (tone + rng.normal(0, GRAIN, (SIDE, SIDE, 3))).astype(np.float32)
        for sketch in self.sketches:
            color = np.asarray(INKS[sketch.ink], np.float32)
            render.blend(canvas, _outline(sketch.shape, sketch.radius), color, sketch)
        return render.to_image(canvas)


@dataclass(frozen=True, slots=True)
class LabeledPage:
    """A page and its labels.

    Attributes:
        page: what is drawn.
        column: `label` where each page has one, `labels` where it has several.
        labels: shapes or an ink.
    """

    page: Page
    column: str
    labels: tuple[str, ...]


def sample_labeled(rng: random.Random, name: str, index: int) -> LabeledPage:
    """Sample a page of a labeled set; every class comes equally often.

    Args:
        rng: source of randomness.
        name: one of `LABELED_SETS`.
        index: of the page.
    """
    if name == "pairs":
        page = sample_pair_page(rng)
        return LabeledPage(page, "labels", tuple(sketch.shape for sketch in page.sketches))
    if name == "inks":
        ink = tuple(INKS)[index % len(INKS)]
        return LabeledPage(sample_page(rng, ink=ink), "label", (ink,))
    shape = SKETCHED_SHAPES[index % len(SKETCHED_SHAPES)]
    return LabeledPage(sample_page(rng, shape=shape), "label", (shape,))


def sample_page(rng: random.Random, shape: str | None = None, ink: str | None = None) -> Page:
    """Sample a page with one sketch, of the shape and the ink given or of any."""
    shape = shape or rng.choice(SKETCHED_SHAPES)
    ink = ink or rng.choice(tuple(INKS))
    radius = rng.randint(*RADII)
    x = rng.randint(radius, SIDE - 1 - radius)
    y = rng.randint(radius, SIDE - 1 - radius)
    return Page((Sketch(shape, ink, x, y, radius),), rng.getrandbits(32))


def sample_pair_page(rng: random.Random) -> Page:
    """Sample a page with two sketches side by side, of different shapes."""
    shapes = rng.sample(SKETCHED_SHAPES, 2)
    sketches = []
    for shape, center in zip(shapes, (SIDE // 4, 3 * SIDE // 4), strict=True):
        ink = rng.choice(tuple(INKS))
        radius = rng.randint(*PAIR_RADII)
        y = rng.randint(radius, SIDE - 1 - radius)
        sketches.append(Sketch(shape, ink, center, y, radius))
    return Page(tuple(sketches), rng.getrandbits(32))


def sample_sentence(rng: random.Random, page: Page) -> str:
    """Sample what to say of a page: of one sketch a sentence, of two their shapes."""
    first = page.sketches[0]
    if len(page.sketches) == 1:
        return rng.choice(SENTENCES).format(shape=first.shape, ink=first.ink)
    second = page.sketches[1]
    return f"sketches of a {first.shape} and a {second.shape}"


@functools.cache
def _outline(shape: str, radius: int) -> Pixels:
    """Return how much of each pixel the outline covers: (2r+1, 2r+1) in [0, 1]."""
    filled = render.oversampled_mask(shape, radius)
    # What the filter eats away from the filled shape is its outline. With a border around it, since
    # the filter leaves alone what touches the edge.
    stroke = STROKE * render.OVERSAMPLING
    bordered = ImageOps.expand(filled, stroke)
    eaten = bordered.filter(ImageFilter.MinFilter(2 * stroke + 1))
    inside = ImageOps.crop(eaten, stroke)
    outline = np.asarray(filled, np.int16) - np.asarray(inside, np.int16)
    return render.shrink(Image.fromarray(outline.astype(np.uint8)), radius)
