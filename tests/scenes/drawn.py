"""Reading drawn files and pictures in tests."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from ahnpl_cli.data.images import ImageRef

TRAIN, TEST, SEED = 9, 7, 3  # of the world in `conftest`


def read(path: Path) -> Any:
    text = path.read_text(encoding="utf-8")
    return (
        [json.loads(line) for line in text.splitlines()]
        if path.suffix == ".jsonl"
        else json.loads(text)
    )


def records(world: Path, file: str) -> list[dict[str, Any]]:
    if file.endswith(".csv"):
        with (world / file).open(newline="", encoding="utf-8") as table:
            return list(csv.DictReader(table))
    tree = read(world / file)
    return list(tree.values()) if isinstance(tree, dict) else tree


def pixels(source: Image.Image | Path) -> np.ndarray:
    image = ImageRef(source).load() if isinstance(source, Path) else source
    return np.asarray(image, dtype=int)
