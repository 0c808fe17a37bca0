"""BiVLC groups a second: `ahnpl eval` against the authors' own batches.

    python tests/benchmarks/eval_bivlc.py DATA [--limit N]

DATA holds BiVLC in a layout that `ahnpl eval` reads. Both ways run in this process on the same
ViT-B-32 with random weights, without a cache: `evaluate_BiVLC` of the authors' `CLIP_utils.py`,
which encodes both images and both captions of every group of a batch, at 77 tokens, and takes the
diagonals of four matrices; and ours, each distinct image and text once, at its own length. On the
CPU the processor's seconds count. Exits with 1 if ours is slower or any verdict differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import torch
from clock import timed
from random_model import random_backbone
from torch import Tensor

from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks.base import LoadOptions
from ahnpl_cli.evaluation.benchmarks.bivlc import BENCHMARK
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.scoring.features import encode
from ahnpl_cli.evaluation.scoring.items import Item
from ahnpl_cli.evaluation.scoring.judging import ItemTask

BATCH = 64
Verdict = tuple[bool, bool, bool]


@torch.inference_mode()
def in_batches(model: OpenClipBackbone, items: list[Item]) -> list[Verdict]:
    """Return I2T, T2I and group of each item, batch by batch as the authors do."""

    def images(refs: list[ImageRef]) -> Tensor:
        pixels = torch.stack([model.preprocess(ref.load()) for ref in refs])
        features: Tensor = model.module.encode_image(pixels.to(model.device), normalize=True)  # type: ignore[operator]
        return features

    def texts(captions: list[str]) -> Tensor:
        tokens = model.tokenizer(captions).to(model.device)
        features: Tensor = model.module.encode_text(tokens, normalize=True)  # type: ignore[operator]
        return features

    verdicts: list[Verdict] = []
    for start in range(0, len(items), BATCH):
        batch = items[start : start + BATCH]
        image = [images([item.images[k] for item in batch]) for k in range(2)]
        text = [texts([item.texts[k] for item in batch]) for k in range(2)]
        s = {(c, i): torch.diagonal(text[c] @ image[i].T) for c in range(2) for i in range(2)}
        to_text = (s[0, 0] > s[1, 0]) & (s[1, 1] > s[0, 1])
        to_image = (s[0, 0] > s[0, 1]) & (s[1, 1] > s[1, 0])
        both = to_text & to_image
        rows = torch.stack([to_text, to_image, both], dim=1).tolist()
        verdicts += [(row[0], row[1], row[2]) for row in rows]
    return verdicts


def ours(model: OpenClipBackbone, task: ItemTask) -> list[Verdict]:
    """Return the same verdicts as `ahnpl eval` gets them."""
    features = encode(model, task.images(), task.texts(), batch_size=BATCH)
    found = [verdict.correct for verdict in task.score(features).verdicts]
    return [(row["text"], row["image"], row["group"]) for row in found]


def main() -> int:
    """Measure both ways and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit", type=int, help="groups")
    parser.add_argument("--device", default="cpu")
    options = parser.parse_args()
    folders = DataFolders([options.data])
    copy = BENCHMARK.copy_of(folders, BENCHMARK.find(folders), LoadOptions(limit=options.limit))
    task = BENCHMARK.load(copy).task
    assert isinstance(task, ItemTask)
    items, model = task.scored, random_backbone(options.device)
    images, texts = len(set(task.images())), len(set(task.texts()))
    print(f"{len(items):,} groups, {images:,} distinct images, {texts:,} distinct texts")
    encode(model, items[0].images, items[0].texts, batch_size=1)  # first use checks the text tower
    fast, own = timed(lambda: ours(model, task), options.device)
    slow, authors = timed(lambda: in_batches(model, items), options.device)
    for name, seconds in (("authors", slow), ("ours", fast)):
        print(f"{name:8s} {seconds:8.2f} s  {len(items) / seconds:8.1f} groups/s")
    differing = sum(a != b for a, b in zip(own, authors, strict=True))
    print(f"ratio {slow / fast:.2f}; groups whose verdicts differ: {differing}")
    return int(slow < fast or differing > 0)


if __name__ == "__main__":
    sys.exit(main())
