"""Small benchmarks in the official layouts, with images that differ, for the tests here."""

import json
import random
from pathlib import Path
from typing import Any

from PIL import Image

from ahnpl_cli.evaluation.report import EvalReport

LIST = "red blue dog cat on under a the two small large street table horse runs sits"
WORDS = tuple(LIST.split())


def draw(path: Path, seed: object, size: tuple[int, int] = (48, 40)) -> None:
    """Write an image of random blocks; JPEG or PNG by its suffix."""
    path.parent.mkdir(parents=True, exist_ok=True)
    rng = random.Random(str(seed))
    small = Image.frombytes("RGB", (4, 4), rng.randbytes(48))
    small.resize(size, Image.Resampling.NEAREST).save(path)


def sentence(seed: object, words: int = 6) -> str:
    """Return words drawn from a short list."""
    rng = random.Random(str(seed))
    return " ".join(rng.choice(WORDS) for _ in range(words))


def dump(path: Path, tree: Any) -> None:
    """Write JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(tree), encoding="utf-8")


SUGARCREPE = ("add_obj", "add_att", "replace_obj", "replace_att", "replace_rel")
SUGARCREPE += ("swap_obj", "swap_att")


def write_sugarcrepe(root: Path, n: int = 5, *, growing: int = 0) -> Path:
    """Write SugarCrepe with `n` items a file; keys leave out 1, as swap_obj's leave out 108.

    Args:
        root: where to.
        n: items of the first file.
        growing: how many more each file has than the one before.
    """
    for place, subset in enumerate(SUGARCREPE):
        records = {}
        for i in range(n + growing * place):
            image = f"{(i % 3) + 1:012d}.jpg"
            draw(root / "val2017" / image, image)
            records[str(i if i == 0 else i + 1)] = {
                "filename": image,
                "caption": sentence((subset, i, "true")),
                "negative_caption": sentence((subset, i, "false")),
            }
        dump(root / "sugarcrepe" / f"{subset}.json", records)
    return root


VALSE_IMAGES = {
    "existence": ("visual7w", "v7w_{}.jpg"),
    "plurals": ("val2017", "{:012d}.jpg"),
    "counting-hard": ("visual7w", "v7w_{}.jpg"),
    "counting-small-quant": ("visual7w", "v7w_{}.jpg"),
    "counting-adversarial": ("visual7w", "v7w_{}.jpg"),
    "relations": ("val2017", "{:012d}.jpg"),
    "action-replacement": ("images_512", "running_{}.jpg"),
    "actant-swap": ("images_512", "running_{}.jpg"),
    "coreference-standard": ("train2014", "COCO_train2014_{:012d}.jpg"),
    "coreference-hard": ("VisualDialog_val2018", "VisualDialog_val2018_{:012d}.jpg"),
    "foil-it": ("val2014", "COCO_val2014_{:012d}.jpg"),
}


def write_valse(root: Path, n: int = 4, pieces: tuple[str, ...] = tuple(VALSE_IMAGES)) -> Path:
    """Write VALSE with `n` records a piece, the third of which two annotators rejected."""
    for piece in pieces:
        records = {}
        for i in range(n):
            folder, name = VALSE_IMAGES[piece]
            if piece == "coreference-standard" and i == 1:
                folder, name = "val2014", "COCO_val2014_{:012d}.jpg"
            draw(root / folder / name.format(i), (piece, i))
            records[f"{piece}_{i}"] = {
                "dataset": "x",
                "image_file": name.format(i),
                "caption": sentence((piece, i, "true")),
                "foil": sentence((piece, i, "false")),
                "mturk": {"foil": 2, "caption": 1, "other": 0}
                if i == 2
                else {"foil": 0, "caption": 2, "other": 1},
            }
        dump(root / "valse" / f"{piece}.json", records)
    return root


RELATIONS = ("to the left of", "wearing", "near", "to the left of", "behind")


def write_aro(root: Path, *, attributes: int = 27, relations: int = 10) -> Path:
    """Write both VG files: `near` is symmetric; one attribute pair has 25 items, one fewer."""
    made = []
    for i in range(relations):
        made.append(_vg(root, i, "relation") | {"relation_name": RELATIONS[i % 5]})
    dump(root / "aro" / "visual_genome_relation.json", made)
    made = []
    for i in range(attributes):
        pair = ["red", "small"] if i < 25 else ["small", "red"]
        made.append(_vg(root, i, "attribute") | {"attributes": pair})
    dump(root / "aro" / "visual_genome_attribution.json", made)
    return root


def _vg(root: Path, i: int, kind: str) -> dict[str, Any]:
    image = f"{2300000 + i % 4}.jpg"
    draw(root / "aro" / "images" / image, image, (64, 56))
    return {
        "image_id": i,
        "image_path": image,
        "bbox_x": i % 7,
        "bbox_y": 3,
        "bbox_w": 30 + i % 5,
        "bbox_h": 40,
        "true_caption": sentence((kind, i, "true")),
        "false_caption": sentence((kind, i, "false")),
    }


CAPTIONS = (
    "A red dog sits on the small table near a blue cat.",
    "Two horses, one large and one small, run down the street.",
    "The man's blue car is parked under an old tree. It is raining.",
    "A cat.",
    "A cat.",
)


def write_karpathy(root: Path, images: int = 4) -> Path:
    """Write a BLIP-style COCO test file: five captions an image, six for the first."""
    records = []
    for i in range(images):
        image = f"val2014/COCO_val2014_{i:012d}.jpg"
        draw(root / image, image)
        own = [f"{CAPTIONS[k]} {WORDS[i]}" if k < 3 else CAPTIONS[k] for k in range(5)]
        own[4] = f"A {WORDS[i]} dog # {i}!"
        records.append({"image": image, "caption": [*own, *(["A moped."] if i == 0 else [])]})
    dump(root / "coco_karpathy_test.json", records)
    return root


def write_flickr(root: Path, images: int = 3) -> Path:
    """Write a BLIP-style Flickr30k test file."""
    records = []
    for i in range(images):
        image = f"flickr30k-images/{1000 + i}.jpg"
        draw(root / image, image)
        records.append({"image": image, "caption": [sentence((i, k)) for k in range(5)]})
    dump(root / "flickr30k_test.json", records)
    return root


def write_winoground(root: Path, n: int = 6) -> Path:
    """Write Winoground as examples.jsonl with stems, and PNG files with an alpha channel."""
    folder = root / "winoground"
    lines = []
    for i in range(n):
        for k in range(2):
            draw(folder / "images" / f"ex_{i}_img_{k}.png", (i, k))
        record = {
            "id": i,
            "image_0": f"ex_{i}_img_0",
            "image_1": f"ex_{i}_img_1",
            "caption_0": sentence((i, 0)),
            "caption_1": sentence((i, 1)),
            "tag": "Noun",
            "secondary_tag": "",
            "num_main_preds": 1,
            "collapsed_tag": ("Object", "Relation")[i % 2],
        }
        lines.append(json.dumps(record))
    (folder / "examples.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


CLASSES = ("big_cat", "dog", "horse")


def write_folders(root: Path, train: int = 0, test: int = 4) -> Path:
    """Write class folders `pets/train|test/CLASS`, half as many dogs as of the others."""
    home = root / "pets"
    for split, n in (("train", train), ("test", test)):
        for name in CLASSES:
            for i in range(n if name != "dog" else n // 2):
                draw(home / split / name / f"{split}_{name}_{i}.png", (name, split, i))
    return root


def accuracy(report: EvalReport, suite: str, name: str, model: int = 0) -> float | None:
    """Return the percent of a row or average of a report."""
    found = report.models[model].suites[suite]
    rows = {row.name: row.accuracy for row in (*found.subsets, *found.details)}
    return {**rows, **found.averages, **found.values}[name]
