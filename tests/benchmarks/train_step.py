"""Steps a second of our training step and of a plain one, same model, batch and loss.

The plain step is how the released code does it: every slot of every pair is encoded, valid or not,
each text padded to 77 tokens, images and texts in one go. Both take the whole step: forward, loss,
backward and AdamW. Ours draws no weights of its own; the losses are compared before timing.

    python tests/benchmarks/train_step.py NEGATIVES.jsonl --image-root IMAGES
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Callable
from pathlib import Path

import torch
from random_model import random_backbone
from torch import Tensor

from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.data.dataset import TrainingSet
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.data.loader import Loaded
from ahnpl_cli.data.tar_shards import resolve_files
from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import recipe
from ahnpl_cli.training.batch import OVERHEAD, make_batch
from ahnpl_cli.training.encoders import Encoders, parameter_groups
from ahnpl_cli.training.step import backward, compute_loss, encode

SLOTS = 4
PLACEHOLDER = "###"


def read(args: argparse.Namespace, backbone: OpenClipBackbone) -> TrainingSet:
    """The pairs with the four kinds of the papers."""
    records = read_records(Path(args.data))
    papers = ("swap", "attribute", "action", "object")
    kept = (
        record.__class__(
            record.id,
            record.image,
            record.caption,
            tuple(n for n in record.negatives if n.kind in papers),
        )
        for record in records
    )
    return TrainingSet(resolve_files(kept, Path(args.image_root)), backbone.tokenize)


def load(data: TrainingSet, backbone: OpenClipBackbone, size: int) -> Loaded:
    pixels = [
        backbone.preprocess(data.pictures[p].load()) for p in data.picture_of[data.rows[:size]]
    ]
    return Loaded(torch.stack(pixels), torch.arange(size), {})


class Plain:
    """N x (1+K) texts at 77 tokens, loss and backward in one graph."""

    def __init__(
        self, data: TrainingSet, backbone: OpenClipBackbone, objective: Objective, loaded: Loaded
    ) -> None:
        self.backbone, self.objective, self.pixels = backbone, objective, loaded.pixels
        size = len(loaded.pixels)
        self.draw = data.draw(data.rows[:size], seed=0, epoch=0)
        self.image_ids = torch.from_numpy(data.picture_of[data.rows[:size]])
        blank = backbone.tokenizer([PLACEHOLDER])[0]
        rows = []
        for text, negatives in zip(self.draw.text, self.draw.negative, strict=True):
            for row in (text, *negatives):
                own = data.tokens.padded(torch.tensor([row]).numpy())[0] if row >= 0 else blank
                rows.append(torch.nn.functional.pad(own, (0, 77 - len(own))))
        self.tokens = torch.stack(rows)

    def step(self) -> Tensor:
        device, (size, slots) = self.backbone.device, self.draw.valid.shape
        texts = self.backbone.module.encode_text(self.tokens.to(device))  # type: ignore[operator]
        texts = torch.nn.functional.normalize(texts.float(), dim=-1).view(size, 1 + slots, -1)
        features = Features(
            image_features=self.backbone.encode_image(self.pixels),
            text_features=texts[:, 0],
            negative_features=texts[:, 1:],
            valid=torch.from_numpy(self.draw.valid).to(device),
            logit_scale=self.backbone.logit_scale,
            image_ids=self.image_ids.to(device),
            concreteness=torch.from_numpy(self.draw.concreteness).to(device),
        )
        loss: Tensor = self.objective(features).total
        loss.backward()  # type: ignore[no-untyped-call]
        return loss.detach()


class Ours:
    """What `ahnpl train` does in a step, from numbers of pairs on."""

    def __init__(
        self, data: TrainingSet, backbone: OpenClipBackbone, objective: Objective, loaded: Loaded
    ) -> None:
        self.data, self.objective, self.loaded = data, objective, loaded
        self.encoders = Encoders(backbone)
        self.device = torch.device(backbone.device)

    def step(self) -> Tensor:
        rows = self.data.rows[: len(self.loaded.pixels)]
        batch = make_batch(
            self.data,
            self.data.draw(rows, seed=0, epoch=0),
            self.loaded,
            overhead=OVERHEAD[self.device.type],
        )
        encoded = encode(self.encoders, batch, self.device)
        outcome = compute_loss(self.objective, encoded)
        backward(self.encoders, self.objective, encoded, outcome, device=self.device)
        return outcome.losses.total.detach()


def timed(
    step: Callable[[], Tensor], optimizer: torch.optim.Optimizer, device: str
) -> tuple[float, float]:
    """Seconds of one step by the clock, and of this process's CPU time, blind to other jobs."""
    clock, cpu = time.perf_counter(), time.process_time()
    step()
    optimizer.step()
    optimizer.zero_grad()
    if device == "cuda":
        torch.cuda.synchronize()
    return time.perf_counter() - clock, time.process_time() - cpu


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("data")
    parser.add_argument("--image-root", required=True)
    parser.add_argument("--model", default="ViT-B-32-quickgelu")
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--rounds", type=int, default=5)
    args = parser.parse_args()
    backbone = random_backbone(args.device, args.model)
    data = read(args, backbone)
    loaded = load(data, backbone, args.batch_size)
    objective = Objective(recipe("ahnpl"), len(data.kinds)).to(args.device)
    plain, ours = (kind(data, backbone, objective, loaded) for kind in (Plain, Ours))
    optimizer = torch.optim.AdamW(list(parameter_groups(backbone.module, (), 0.1)), lr=0.0)
    losses = float(plain.step()), float(ours.step())
    optimizer.zero_grad()
    slots = plain.draw.valid.size
    print(
        f"{args.model} on {args.device}, {torch.get_num_threads()} threads, N={args.batch_size}, "
        f"K={len(data.kinds)}: {int(plain.draw.valid.sum())} of {slots} slots valid"
    )
    print(f"loss: plain {losses[0]:.6f}, ours {losses[1]:.6f}", flush=True)
    assert abs(losses[0] - losses[1]) < 1e-4
    # Taken in turns, so that a busy machine is as busy for both.
    rounds = []
    for number in range(args.rounds):
        rounds.append([timed(one.step, optimizer, args.device) for one in (plain, ours)])
        (slow, slow_cpu), (fast, fast_cpu) = rounds[-1]
        print(
            f"round {number + 1}: plain {slow:.2f} s ({slow_cpu:.2f} CPU), ours {fast:.2f} s "
            f"({fast_cpu:.2f} CPU)",
            flush=True,
        )
    for kind, name in enumerate(("clock", "CPU time")):
        slow, fast = (statistics.median(r[who][kind] for r in rounds) for who in (0, 1))
        print(f"steps a second by {name}: {slow / fast:.2f} times the plain step")


if __name__ == "__main__":
    main()
