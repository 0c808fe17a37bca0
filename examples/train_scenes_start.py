"""Train the small CLIPs that ship with ahnpl by plain contrast alone.

    python examples/train_scenes_start.py scenes-tiny --output scenes_tiny
    python examples/train_scenes_start.py scenes-clip --output scenes_clip

`scenes-tiny` comes from nothing, by two lessons. First single things, "a red circle on the left":
without them nothing learns shape or place. Then scenes whose captions name one thing and its place,
count, or list two: the image side has to hold which thing is where, the text side needs no word
order, and so the model ends where the papers find CLIP: it knows objects and attributes and reads a
caption as a bag of words.

`scenes-clip` goes on from `scenes-tiny` at CLIP's temperature: the scale 1/tau is held at 100, as
OpenAI's models end, which gives cosines CLIP's narrow spread. It also learns sketches, which no
fine-tuning on scenes exercises, so that forgetting can be measured.

Writes the weights as the package ships them, and `recipe.json` with the checksum and with
accuracies on a tuning split of held-out scenes (never on the ones that `ahnpl scenes` writes).
"""

from __future__ import annotations

import argparse
import hashlib
import json
import math
import random
from collections.abc import Callable
from dataclasses import asdict, dataclass, replace
from pathlib import Path

import numpy as np
import open_clip
import torch
from measure_scenes_start import (
    TUNING,
    accuracies,
    encode_text,
    geometry,
    prepare,
    sketch_accuracies,
)
from PIL import Image
from safetensors.numpy import save
from torch import Tensor
from torch.nn import functional

from ahnpl_cli import __version__
from ahnpl_cli.scenes import render, sketches, world
from ahnpl_cli.scenes.captions import (
    MentionRates,
    sample_description,
    sample_scene,
    sample_true_place,
)
from ahnpl_cli.scenes.grammar import sample_style, say
from ahnpl_cli.scenes.meanings import Count, Listing, Meaning, Placement, Quantity
from ahnpl_cli.scenes.start import CONFIG, IDS, RECIPE, SHIPPED, TABLE, pack, read_weights
from ahnpl_cli.scenes.world import Scene
from ahnpl_cli.stable_hash import stable_rng

PACKAGED = Path(world.__file__).parent / "scenes_tiny"
# At open_clip's scale places are lost among the features of the last grid, and never learned.
POSITION_SCALE = 20.0
CAPTIONS_PER_IMAGE = 2
SHARE_OF_SKETCHES = 0.35

SceneSampler = Callable[[random.Random], Scene]
MeaningSampler = Callable[[random.Random, Scene], Meaning]
Captioned = tuple[Image.Image, list[str]]


@dataclass(frozen=True)
class Lesson:
    """One part of the curriculum.

    Attributes:
        name: a key of `SAMPLERS`.
        scenes: distinct images.
        steps: optimizer steps.
        batch_size: image-caption pairs a step.
        lr: peak learning rate.
        final_lr: share of it at the last step.
        warmup: steps of linear warmup.
        scale: 1/tau to hold; None to learn it, at most 100.
    """

    name: str
    scenes: int
    steps: int
    batch_size: int
    lr: float
    final_lr: float
    warmup: int = 50
    scale: float | None = None


@dataclass(frozen=True)
class Start:
    """A model that ships with the package: what it goes on from, and its lessons."""

    base: str | None
    lessons: tuple[Lesson, ...]


STARTS = {
    "scenes-tiny": Start(
        None,
        (
            Lesson("singles", scenes=8000, steps=500, batch_size=128, lr=2e-3, final_lr=0.0),
            Lesson("bags", scenes=20000, steps=900, batch_size=128, lr=1.5e-3, final_lr=0.05),
        ),
    ),
    "scenes-clip": Start(
        "scenes-tiny",
        (
            Lesson(
                name="bags-and-sketches",
                scenes=20000,
                steps=900,
                batch_size=128,
                lr=1e-3,
                final_lr=0.02,
                scale=100.0,
            ),
        ),
    ),
}


def sample_single(rng: random.Random) -> Scene:
    while True:
        scene = world.sample_apart(rng, 1)
        if not world.is_held_out(scene):
            return scene


def sample_of_single(rng: random.Random, scene: Scene) -> Meaning:
    item = sample_description(rng, scene.appearances[0], MentionRates(color=0.9, size=0.35))
    if rng.random() < 0.8:
        return Placement(((item, sample_true_place(rng, item, scene)),))
    return Listing((item,))


def sample_of_bag(rng: random.Random, scene: Scene) -> Meaning:
    if scene.layout == "group":
        return sample_of_group(rng, scene)
    appearances = rng.sample(scene.appearances, len(scene.appearances))
    if rng.random() < 0.75:
        item = sample_description(rng, appearances[0], MentionRates(color=0.9, size=0.35))
        return Placement(((item, sample_true_place(rng, item, scene)),))
    rates = MentionRates(color=0.9, size=0.2)
    count = rng.choice((1, 2, 2))
    items = [sample_description(rng, appearance, rates) for appearance in appearances[:count]]
    return Listing(tuple(items))


def sample_of_group(rng: random.Random, scene: Scene) -> Meaning:
    item = sample_description(rng, scene.appearances[0], MentionRates(color=0.8, size=0.2))
    number = len(item.among(scene.things))
    if number != 2 and rng.random() < 0.3:
        return Quantity(item, number > 2)
    return Count(((item, number),))


def captioned_scene(
    rng: random.Random, sample: SceneSampler, sample_meaning: MeaningSampler
) -> Captioned:
    """Sample a scene and what to say of it."""
    scene = sample(rng)
    texts = []
    for _ in range(CAPTIONS_PER_IMAGE):
        style = replace(sample_style(rng), definite=False)
        texts.append(say(sample_meaning(rng, scene), style))
    return render.paint(scene), texts


def captioned_page(rng: random.Random) -> Captioned:
    """Sample a page of sketches and what to say of it."""
    alone = rng.random() < 0.75
    page = sketches.sample_page(rng) if alone else sketches.sample_pair_page(rng)
    texts = [sketches.sample_sentence(rng, page) for _ in range(CAPTIONS_PER_IMAGE)]
    return page.paint(), texts


def captioned_single(rng: random.Random) -> Captioned:
    """Sample one filled thing and its captions."""
    return captioned_scene(rng, sample_single, sample_of_single)


def captioned_bag(rng: random.Random) -> Captioned:
    """Sample a scene of several things and captions that read as a bag of words."""
    return captioned_scene(rng, sample_scene, sample_of_bag)


def captioned_bag_or_page(rng: random.Random) -> Captioned:
    """Sample a scene or, less often, a page of sketches."""
    return captioned_page(rng) if rng.random() < SHARE_OF_SKETCHES else captioned_bag(rng)


SAMPLERS: dict[str, Callable[[random.Random], Captioned]] = {
    "singles": captioned_single,
    "bags": captioned_bag,
    "bags-and-sketches": captioned_bag_or_page,
}


class Data:
    """Images and captions of a lesson, ready for the model."""

    def __init__(self, lesson: Lesson, seed: int, length: int) -> None:
        tokenizer = open_clip.SimpleTokenizer(context_length=length)
        images, texts = [], []
        for index in range(lesson.scenes):
            rng = stable_rng(seed, "start", lesson.name, index, digest="sha256")
            image, captions_of_image = SAMPLERS[lesson.name](rng)
            images.append(np.asarray(image))
            texts += captions_of_image
        self.images = torch.from_numpy(np.stack(images))
        self.tokens = tokenizer(texts).view(lesson.scenes, CAPTIONS_PER_IMAGE, length)

    def batch(self, size: int, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Images (N, 64, 64, 3) as bytes and tokens (N, L), trimmed to the longest."""
        rows = torch.randperm(len(self.images), generator=generator)[:size]
        which = torch.randint(CAPTIONS_PER_IMAGE, (size,), generator=generator)
        tokens = self.tokens[rows, which]
        return self.images[rows], tokens[:, : int((tokens != 0).sum(1).max())]


def optimizer_of(model: open_clip.CLIP, lr: float) -> torch.optim.AdamW:
    """AdamW without decay on embeddings, norms, biases and the scale."""
    kept = [n for n, p in model.named_parameters() if p.ndim < 2 or "embedding" in n]
    groups = [
        {
            "params": [p for n, p in model.named_parameters() if (n in kept) == fixed],
            "weight_decay": d,
        }
        for fixed, d in ((True, 0.0), (False, 0.1))
    ]
    return torch.optim.AdamW(groups, lr=lr, betas=(0.9, 0.98), eps=1e-6, fused=True)


def teach(model: open_clip.CLIP, lesson: Lesson, seed: int, config: dict) -> None:
    """One lesson of plain contrast: linear warmup, cosine decay."""
    model.logit_scale.requires_grad_(lesson.scale is None)
    if lesson.scale is not None:
        model.logit_scale.data.fill_(math.log(lesson.scale))
    data = Data(lesson, seed, config["model_cfg"]["text_cfg"]["context_length"])
    generator = torch.Generator().manual_seed(seed)
    optimizer, targets = optimizer_of(model, lesson.lr), torch.arange(lesson.batch_size)
    model.train()
    for step in range(lesson.steps):
        past = max(0, step - lesson.warmup) / max(1, lesson.steps - lesson.warmup)
        decay = lesson.final_lr + (1 - lesson.final_lr) * 0.5 * (1 + math.cos(math.pi * past))
        for group in optimizer.param_groups:
            group["lr"] = lesson.lr * min(1, (step + 1) / lesson.warmup) * decay
        images, tokens = data.batch(lesson.batch_size, generator)
        image_features = model.encode_image(prepare(images, config["preprocess_cfg"]), True)
        logits = model.logit_scale.exp() * image_features @ encode_text(model, tokens).T
        cross = functional.cross_entropy
        loss = (cross(logits, targets) + cross(logits.T, targets)) / 2
        optimizer.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        with torch.no_grad():
            model.logit_scale.clamp_(0, math.log(100))
        if (step + 1) % 100 == 0:
            print(f"{lesson.name} {step + 1}/{lesson.steps} loss {loss.item():.3f}", flush=True)


def packed(model: open_clip.CLIP, fresh: Tensor, used_before: np.ndarray) -> bytes:
    """The weights as shipped: half precision, and the rows of the token table that were trained."""
    arrays = {name: value.numpy() for name, value in model.state_dict().items()}
    changed = np.flatnonzero((arrays[TABLE] != fresh.numpy()).any(axis=1))
    used = np.union1d(changed, used_before).astype(np.int32)
    shipped = pack(arrays, used)
    print(f"{len(shipped[IDS])} of {len(arrays[TABLE])} rows of the token table are used")
    return save(shipped)


def fresh_model(config: dict) -> open_clip.CLIP:
    """An untrained model."""
    model = open_clip.CLIP(**config["model_cfg"])
    with torch.no_grad():
        model.visual.attnpool.positional_embedding.mul_(POSITION_SCALE)
    return model


def main() -> None:
    """Train, measure and write."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("name", choices=STARTS)
    parser.add_argument("--output", type=Path, required=True)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--threads", type=int, default=1, help="the result may differ with it")
    parser.add_argument("--items", type=int, default=500, help="tuning items a suite")
    parser.add_argument("--shrink", type=int, default=1, help="divide all amounts, for a trial run")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    torch.manual_seed(options.seed)
    config = json.loads((PACKAGED / CONFIG).read_text(encoding="utf-8"))
    start = STARTS[options.name]
    model = fresh_model(config)
    used = np.zeros(0, np.int32)
    if start.base is not None:
        arrays, used = read_weights(start.base)
        model.load_state_dict({name: torch.from_numpy(a) for name, a in arrays.items()})
    fresh = model.token_embedding.weight.detach().clone()
    lessons = [
        replace(
            lesson, scenes=lesson.scenes // options.shrink, steps=lesson.steps // options.shrink
        )
        for lesson in start.lessons
    ]
    for number, lesson in enumerate(lessons):
        teach(model, lesson, options.seed + number, config)
    weights = packed(model, fresh, used)
    options.output.mkdir(parents=True, exist_ok=True)
    (options.output / SHIPPED).write_bytes(weights)
    recipe = {
        "sha256": hashlib.sha256(weights).hexdigest(),
        "script": f"examples/train_scenes_start.py {options.name}",
        "seed": options.seed,
        "base": start.base,
        "lessons": [asdict(lesson) for lesson in lessons],
        "position_scale": POSITION_SCALE,
        "versions": {
            "ahnpl": __version__,
            "torch": torch.__version__,
            "open_clip": open_clip.__version__,
        },
        "geometry": geometry(model, config, options.items),
        "tuning": {
            **TUNING,
            "items": options.items,
            "accuracy": accuracies(model, config, options.items),
            "sketches": sketch_accuracies(model, config, options.items),
        },
    }
    text = (PACKAGED / CONFIG).read_text(encoding="utf-8")
    (options.output / CONFIG).write_text(text, encoding="utf-8")
    (options.output / RECIPE).write_text(json.dumps(recipe, indent=1) + "\n", encoding="utf-8")
    print(json.dumps({"geometry": recipe["geometry"], "tuning": recipe["tuning"]}, indent=1))


if __name__ == "__main__":
    main()
