"""Two small worlds: drawn scenes, and photos of our own making with COCO's annotations."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
from photos import CATEGORIES, PHOTOS, SIDE, draw_photo, exchanged, polygon, replaced

from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.records import CaptionRecord, Negative
from ahnpl_cli.scenes.generate import generate as draw_world
from ahnpl_cli.scenes.world import COLORS, SHAPES


def _scene_negatives(caption: str) -> tuple[Negative, ...]:
    """A color and a shape of a caption changed to ones that it does not name."""
    words = caption.lower().replace(".", "").split()
    negatives = []
    color = next((word for word in COLORS if word in words), None)
    if color is not None:
        new = next(word for word in COLORS if word not in words)
        negatives.append(replaced(caption.lower(), color, new, "attribute"))
    shape = next((word for word in SHAPES if word in words), None)
    if shape is not None:
        new = next(word for word in SHAPES if word not in words)
        negatives.append(replaced(caption.lower(), shape, new, "object"))
    return tuple(negatives)


@pytest.fixture(scope="session")
def scenes(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of `ahnpl scenes` with negatives.jsonl; do not write into it."""
    folder = tmp_path_factory.mktemp("scenes")
    draw_world(folder, train=24, test=1, workers=1)
    records = []
    for record in read_records(folder / "captions.jsonl"):
        if record.caption == record.caption.lower():
            negatives = _scene_negatives(record.caption)
            records.append(CaptionRecord(record.id, record.image, record.caption, negatives))
    write_records(folder / "negatives.jsonl", records)
    return folder


@pytest.fixture(scope="session")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Photos in `images`, `instances.json` in COCO's layout and negatives.jsonl."""
    folder = tmp_path_factory.mktemp("photos")
    (folder / "images").mkdir()
    images, annotations, records = [], [], []
    for number, (name, (caption, things, changes)) in enumerate(PHOTOS.items(), 1):
        picture = draw_photo([(box, color) for _, box, color in things])
        picture.save(folder / "images" / name, quality=88, subsampling=2)
        images.append({"id": number, "file_name": name, "height": SIDE[1], "width": SIDE[0]})
        for category, box, _ in things:
            annotations.append(
                {
                    "id": len(annotations),
                    "image_id": number,
                    "category_id": category,
                    "iscrowd": 0,
                    "area": (box[2] - box[0]) * (box[3] - box[1]),
                    "segmentation": [polygon(box)],
                }
            )
        negatives = tuple(
            exchanged(caption, old, new) if kind == "swap" else replaced(caption, old, new, kind)
            for old, new, kind in changes
        )
        records.append(CaptionRecord(f"p{number}", f"images/{name}", caption, negatives))
    content = {
        "images": images,
        "annotations": annotations,
        "categories": [{"id": key, "name": name} for key, name in CATEGORIES.items()],
    }
    (folder / "instances.json").write_text(json.dumps(content))
    write_records(folder / "negatives.jsonl", records)
    return folder


@pytest.fixture
def record_of(photos: Path) -> Callable[[int], CaptionRecord]:
    """Gives the record of a photo by its number."""
    records = list(read_records(photos / "negatives.jsonl"))
    return lambda number: records[number - 1]
