"""A tiny data set of real images and captions with negatives, and options that train on it."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from ahnpl_cli.config import (
    LossConfig,
    MemoryConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
    WeightConfig,
)

COLOURS = {"red": (220, 30, 30), "green": (30, 200, 30), "blue": (30, 30, 220), "white": (250,) * 3}
NAMES = list(COLOURS)


def negative(kind: str, caption: str, concreteness: float | None = None) -> dict[str, Any]:
    made = {"kind": kind, "caption": caption, "edits": [], "filler": "test"}
    return made if concreteness is None else {**made, "concreteness": concreteness}


def recolored(caption: str, old: str, new: str) -> dict[str, Any]:
    """The caption with another color, and where the word stands if it stands there once."""
    made = negative("attribute", caption.replace(old, new), 4.0)
    start = caption.index(old)
    edit = {"start": start, "end": start + len(old), "old": old, "new": new}
    return made if caption.count(old) > 1 else {**made, "edits": [edit]}


def record(number: int) -> dict[str, Any]:
    """Two colors side by side; every third has no swap, and one in five no negative at all.

    Negatives have pictures, but for those of one kind; two records share one.
    """
    left, right = NAMES[number % 4], NAMES[(number // 4 + 1 + number) % 4]
    caption = f"a {left} square left of a {right} one"
    if number % 2:
        caption = f"a photo of {caption}, seen from the front"
    negatives = [
        recolored(caption, left, NAMES[(number + 2) % 4]),
        negative("attribute", caption.replace(right, NAMES[(number + 3) % 4]), 2.0),
        negative("object", caption.replace("square", "circle")),
    ]
    if number % 3:
        negatives.insert(0, negative("relation", f"a {right} square left of a {left} one"))
    for place, made in enumerate(negatives):
        if made["kind"] != "object":
            made["image"] = f"painted/{3 if number == 5 else number}-{place}.png"
    return {
        "id": f"r{number}",
        "image": f"images/{number // 2}.png",
        "caption": caption,
        "negatives": [] if number % 5 == 4 else negatives,
        "positives": [{"kind": "rewrite", "caption": f"{right} beside {left}, {number}"}]
        if number % 4
        else [],
        "units": units(left, right) if number % 6 else [],
    }


def units(left: str, right: str) -> list[dict[str, Any]]:
    """Two things and their relation, false by a word; two records share many of them."""
    other = next(name for name in NAMES if name not in (left, right))
    return [
        {"kind": "entity", "caption": f"a {left} square", "foil": f"a {other} square"},
        {"kind": "entity", "caption": f"a {right} one", "foil": f"a {left} one"},
        {
            "kind": "relation",
            "caption": f"a {left} square left of a {right} one",
            "foil": f"a {left} square below a {right} one",
        },
        {"kind": "entity", "caption": "one", "foil": "ONE"},
    ]


@pytest.fixture(scope="session")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twenty-four captions of twelve images, as `ahnpl negatives` writes them."""
    folder = tmp_path_factory.mktemp("data")
    (folder / "images").mkdir()
    records = [record(number) for number in range(24)]
    for number in range(12):
        image = Image.new("RGB", (32, 32), COLOURS[NAMES[number % 4]])
        image.paste(COLOURS[NAMES[(number + 1) % 4]], (16, number, 32, 32))
        image.save(folder / "images" / f"{number}.png")
    (folder / "painted").mkdir()
    for number, entry in enumerate(records):
        for place, made in enumerate(entry["negatives"]):
            if "image" in made:
                image = Image.new("RGB", (32, 32), COLOURS[NAMES[(number + place) % 4]])
                image.paste(COLOURS[NAMES[(number + place + 2) % 4]], (place * 8, 0, 32, number))
                image.save(folder / made["image"])
    path = folder / "negatives.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in records))
    return path


@pytest.fixture
def make_config(data: Path, tiny_model_folder: Path, tmp_path: Path) -> Callable[..., TrainConfig]:
    """Gives options for a run of a few steps; flat names reach into the groups."""
    groups = {
        "weights": WeightConfig(),
        "losses": LossConfig(),
        "optimizer": OptimizerConfig(batch_size=8, steps=6, lr=1e-3, warmup=2),
        "memory": MemoryConfig(),
        "run": RunConfig(log_every=1),
    }

    def make(**options: Any) -> TrainConfig:
        made = {
            name: replace(group, **{k: options.pop(k) for k in vars(group) & options.keys()})
            for name, group in groups.items()
        }
        base = {
            "output": str(tmp_path / "run"),
            "data": (str(data),),
            "checkpoint": str(tiny_model_folder),
            "device": "cpu",
            "workers": 0,
        }
        return TrainConfig(**{**base, **made, **options})

    return make
