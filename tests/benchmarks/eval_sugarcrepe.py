"""SugarCrepe items a second: `ahnpl eval` against one image, caption and negative at a time.

    python tests/benchmarks/eval_sugarcrepe.py DATA [--limit N]

DATA holds SugarCrepe's annotations and whatever of val2017 there is. Both ways run in this process
on the same ViT-B-32 with random weights, without a cache: the official script's loop, which encodes
image, caption and negative of every item at 77 tokens, and ours, which encodes each distinct image
and text once, in batches, at its own length. On the CPU the processor's seconds count, so that
neighbours on the machine do not. Exits with 1 if the ratio is below 3 or any verdict differs.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path
from typing import TypeVar

import torch
from clock import timed
from random_model import random_backbone

from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.evaluation.benchmarks.base import LoadOptions
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.sugarcrepe import BENCHMARK
from ahnpl_cli.evaluation.scoring.features import encode
from ahnpl_cli.evaluation.scoring.items import Item
from ahnpl_cli.evaluation.scoring.judging import ItemTask

RATIO, CONTEXT = 3.0, 77
T = TypeVar("T")


@torch.inference_mode()
def one_at_a_time(model: OpenClipBackbone, items: list[Item]) -> list[bool]:
    """Return verdicts as SugarCrepe's `main_eval.py` gets them."""
    verdicts = []
    for item in items:
        (ref,) = item.images
        pixels = model.preprocess(ref.load())[None].to(model.device)
        image = model.module.encode_image(pixels, normalize=True)  # type: ignore[operator]
        scores = []
        for text in item.texts:
            tokens = model.tokenizer([text]).to(model.device)
            assert tokens.shape == (1, CONTEXT)
            features = model.module.encode_text(tokens, normalize=True)  # type: ignore[operator]
            scores.append(float(image[0] @ features[0]))
        verdicts.append(scores[0] > scores[1])
    return verdicts


def ours(model: OpenClipBackbone, task: ItemTask) -> list[bool]:
    """Return verdicts as `ahnpl eval` gets them."""
    features = encode(model, task.images(), task.texts(), batch_size=64)
    outcome = task.score(features)
    return [all(verdict.correct.values()) for verdict in outcome.verdicts]


def main() -> int:
    """Measure both ways and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data", type=Path)
    parser.add_argument("--limit", type=int, help="items a file")
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    folders, options = DataFolders([asked.data]), LoadOptions(limit=asked.limit)
    copy = BENCHMARK.copy_of(folders, BENCHMARK.find(folders), options)
    task = BENCHMARK.load(copy).task
    assert isinstance(task, ItemTask)
    items, model = task.scored, random_backbone(asked.device)
    images, texts = (
        len({ref for i in items for ref in i.images}),
        {t for i in items for t in i.texts},
    )
    print(f"{len(items):,} items, {images:,} distinct images, {len(texts):,} distinct texts")
    encode(model, items[0].images, items[0].texts, batch_size=1)  # first use checks the text tower
    fast, mine = timed(lambda: ours(model, task), asked.device)
    slow, theirs = timed(lambda: one_at_a_time(model, items), asked.device)
    for name, seconds in (("one at a time", slow), ("ours", fast)):
        print(f"{name:14s} {seconds:8.2f} s  {len(items) / seconds:8.1f} items/s")
    differing = sum(a != b for a, b in zip(mine, theirs, strict=True))
    print(f"ratio {slow / fast:.2f} (at least {RATIO}); verdicts that differ: {differing}")
    return int(slow / fast < RATIO or differing > 0)


if __name__ == "__main__":
    sys.exit(main())
