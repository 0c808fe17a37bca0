"""NegBench's two tasks on scenes: multiple choice and retrieval with negated captions.

As in NegBench, the right answer stands first in the file, and a question has one option that says
what is there and what is not, one that affirms what is absent and one that denies what is present.
"""

from __future__ import annotations

import random

from ahnpl_cli.scenes import captions, edits, world
from ahnpl_cli.scenes.world import SHAPES, Scene

Record = dict[str, object]

MCQ_FILE = "negbench/COCO_val_mcq_llama3.1_rephrased.csv"
PLAIN_FILE = "negbench/COCO_val_retrieval.csv"
NEGATED_FILE = "negbench/COCO_val_negated_retrieval_llama3.1_rephrased_affneg_true.csv"
FILES = (MCQ_FILE, PLAIN_FILE, NEGATED_FILE)
IMAGE_FOLDER = "data/coco/images/"  # before each path in the authors' files
FIRST_NUMBER = 52_000_000
CAPTIONS_PER_IMAGE = 5

TEMPLATES = ("positive", "hybrid", "negative")
AFFIRMED = (
    "A {} is present in this image.",
    "This image shows a {}.",
    "This image features a {}.",
)
BOTH_AFFIRMED = (
    "A {} and a {} are present in this image.",
    "This image shows a {} with a {}.",
    "This image features a {} and a {}.",
)
DENIED = (
    "There is no {} in this image.",
    "A {} is not present in this image.",
    "This image does not feature a {}.",
)
HYBRID = (
    "This image features a {}, but no {} is present.",
    "This image shows a {}, with no {} in sight.",
    "A {} is present in this image, but there is no {}.",
)
NEGATED = (
    "{caption}, but there is no {absent} in sight",
    "{caption}, with no {absent} in the picture",
    "no {absent} is in sight, but {caption}",
)


def image(index: int) -> str:
    """Return the path of an image, relative to the output folder."""
    return f"val2017/{FIRST_NUMBER + index:012d}.jpg"


def sample_scene(rng: random.Random) -> Scene:
    """Sample a scene of two or three things, of the combinations kept for testing."""
    while True:
        scene = world.sample_apart(rng, rng.choice(world.FEW))
        if world.is_held_out(scene):
            return scene


def records(rng: random.Random, scene: Scene, index: int) -> dict[str, Record]:
    """Return the record of each file."""
    absent = edits.sample_absent_shape(rng, scene)
    present, beside = rng.sample([a.shape for a in scene.appearances], 2)
    template = TEMPLATES[index % len(TEMPLATES)]
    path = IMAGE_FOLDER + image(index)
    plain = _plain_captions(rng, scene)
    negated = []
    for caption in plain:
        form = rng.choice(NEGATED)
        negated.append(form.format(caption=caption, absent=absent))
    return {
        MCQ_FILE: {
            "image_path": path,
            "correct_answer": 0,
            "caption_0": _right_answer(rng, template, present, beside, absent),
            "caption_1": rng.choice(HYBRID).format(absent, present),
            "caption_2": rng.choice(AFFIRMED).format(absent),
            "caption_3": rng.choice(DENIED).format(present),
            "correct_answer_template": template,
        },
        PLAIN_FILE: _retrieval_record(scene, index, plain),
        NEGATED_FILE: _retrieval_record(scene, index, negated),
    }


def _right_answer(rng: random.Random, template: str, present: str, beside: str, absent: str) -> str:
    if template == "positive":
        return rng.choice(BOTH_AFFIRMED).format(present, beside)
    if template == "negative":
        return rng.choice(DENIED).format(absent)
    return rng.choice(HYBRID).format(present, absent)


def _plain_captions(rng: random.Random, scene: Scene) -> list[str]:
    sampled = captions.sample_captions(rng, scene, CAPTIONS_PER_IMAGE)
    texts = []
    for caption in sampled:
        text = caption.text.rstrip(".")
        # A negation before or after it takes no second capital.
        texts.append(f"{text[0].lower()}{text[1:]}")
    return texts


def _retrieval_record(scene: Scene, index: int, texts: list[str]) -> Record:
    present = [appearance.shape for appearance in scene.appearances]
    absent = [shape for shape in SHAPES if shape not in present]
    # The authors' files hold lists as Python writes them.
    return {
        "positive_objects": repr(present),
        "negative_objects": repr(absent),
        "filepath": IMAGE_FOLDER + image(index),
        "image_id": FIRST_NUMBER + index,
        "captions": repr(texts),
    }
