"""Texts a second: ours (distinct, sorted by length, own length) against batches padded to 77.

    python tests/benchmarks/text_tower.py [captions.jsonl] [--texts 1000]

Both ways run in this process on the same ViT-B-32 with random weights, in turns; the best of each
counts. On the CPU the processor's seconds count, so that neighbours on the machine do not; on a GPU
the clock's. Without a file of captions, texts of COCO's lengths are made. Exits with 1 if the ratio
is below 6 or features differ by more than 1e-5.
"""

from __future__ import annotations

import argparse
import random
import sys
from functools import partial
from pathlib import Path

import torch
from clock import timed
from random_model import random_backbone
from torch import Tensor

from ahnpl_cli.backbones.encode import encode_texts
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.data.captions import read_captions

BATCH, RATIO, TOLERANCE = 32, 6.0, 1e-5
# Words and punctuation in COCO captions: mean 11.7, 95th percentile 16, 99th 21.
LENGTHS = (8, 9, 9, 10, 10, 10, 11, 11, 11, 12, 12, 12, 13, 13, 14, 15, 16, 18, 21)
WORDS = ("a", "dog", "red", "table", "on", "the", "man", "with", "two", "street", "riding", "cat")


def made_texts(count: int) -> list[str]:
    """Distinct texts of the lengths that COCO's captions have."""
    draw = random.Random(0)
    return [" ".join(draw.choice(WORDS) for _ in range(draw.choice(LENGTHS))) for _ in range(count)]


@torch.inference_mode()
def padded(model: OpenClipBackbone, texts: list[str]) -> Tensor:
    """Encode as the benchmarks' scripts do: in order, each batch at 77 tokens."""
    rows = []
    for start in range(0, len(texts), BATCH):
        tokens = model.tokenizer(texts[start : start + BATCH]).to(model.device)
        rows.append(model.module.encode_text(tokens, normalize=True).cpu())  # type: ignore[operator]
    return torch.cat(rows)


def main() -> int:
    """Measure both ways and print the ratio."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("captions", nargs="?", type=Path)
    parser.add_argument("--texts", type=int, default=1000)
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--device", default="cpu")
    asked = parser.parse_args()
    found = [r.caption for r in read_captions(asked.captions)] if asked.captions else []
    texts = (found or made_texts(asked.texts))[: asked.texts]
    model = random_backbone(asked.device)
    ways = {
        "padded to 77": partial(padded, model),
        "ours": partial(encode_texts, model, batch_size=BATCH),
    }
    best = dict.fromkeys(ways, float("inf"))
    features: dict[str, Tensor] = {}
    for way in ways.values():
        way(texts[:BATCH])  # Warm up: allocations, the check of the tower, the tokenizer's memory.
    for _ in range(asked.rounds):
        for name, way in ways.items():
            seconds, features[name] = timed(partial(way, texts), asked.device)
            best[name] = min(best[name], seconds)
    gap = float((features["ours"] - features["padded to 77"]).abs().max())
    ratio = best["padded to 77"] / best["ours"]
    print(f"{len(texts)} texts, {len(set(texts))} distinct, batches of {BATCH}, {asked.device}")
    for name, seconds in best.items():
        print(f"{name:>13}: {len(texts) / seconds:8.1f} texts/s")
    print(f"ratio {ratio:.2f} (at least {RATIO:g}), features differ by {gap:.1g}")
    return int(ratio < RATIO or gap > TOLERANCE)


if __name__ == "__main__":
    sys.exit(main())
