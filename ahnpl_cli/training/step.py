"""One step's loss and gradients, cut at the features.

The loss is computed on detached features; its gradient there is then carried into the encoders. The
cut makes three things one: a batch encoded in parts (Gao et al. 2021, GradCache) has the loss and
the gradient of the whole, several processes have those of one, and each term's gradient can be
looked at cheaply.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from ahnpl_cli.data.inputs import count, move
from ahnpl_cli.losses.features import Features, TeacherFeatures
from ahnpl_cli.losses.objective import Losses, Objective
from ahnpl_cli.training.batch import Batch, Part
from ahnpl_cli.training.distributed import gather_batch, gather_rows, world_size
from ahnpl_cli.training.teachers import Taught, Teacher

# Image features, features of the distinct texts, scalars, and log-odds of a matching head.
Encoded = tuple[Tensor, Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class RngState:
    """States of the generators that dropout draws from."""

    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> RngState:
        """Return the current states."""
        on_gpu = device.type == "cuda"
        return cls(torch.get_rng_state(), torch.cuda.get_rng_state(device) if on_gpu else None)

    def restore(self, device: torch.device) -> None:
        """Go back to these states."""
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda, device)


@dataclass(frozen=True)
class EncodedBatch:
    """Features of this process's share of a batch.

    Attributes:
        batch: images and texts, in parts.
        parts: what is made of each part; with a graph if there is one part, without if there are
            more.
        rng: generator states before each part, where parts are encoded again for their gradient.
        taught: what each teacher makes of the same images and texts.
    """

    batch: Batch
    parts: list[Encoded]
    rng: list[RngState | None]
    taught: dict[str, Taught]


@dataclass(frozen=True)
class Outcome:
    """The loss of a step.

    Attributes:
        losses: of the whole batch.
        features: of the whole batch, computed from the leaves.
        leaves: own image features, own text features, the scalars and own log-odds, cut off from
            the encoders.
    """

    losses: Losses
    features: Features
    leaves: Encoded


def encode(
    encoders: nn.Module,
    batch: Batch,
    device: torch.device,
    teachers: Mapping[str, Teacher] | None = None,
) -> EncodedBatch:
    """Encode this process's images and texts.

    Args:
        encoders: an `Encoders`, or DDP around it.
        batch: this process's share.
        device: where the encoders are.
        teachers: models that encode them too, by name.
    """
    encoded: list[Encoded] = []
    states: list[RngState | None] = []
    if len(batch.parts) == 1:
        encoded.append(_encode_part(encoders, batch.parts[0], device))
        states.append(None)
    else:
        for part in batch.parts:
            states.append(RngState.now(device))
            # Without a graph, whose activations are what does not fit; `backward` encodes again.
            with torch.no_grad():
                encoded.append(_encode_part(encoders, part, device))
    taught: dict[str, Taught] = {}
    if teachers:
        images = torch.cat([part[0] for part in encoded])
        taught = {name: each.encode(batch, device, images) for name, each in teachers.items()}
    return EncodedBatch(batch, encoded, states, taught)


def gather_features(encoded: EncodedBatch) -> tuple[Features, Encoded]:
    """Return the features of the whole batch, all processes' shares, and their own leaves."""
    # Cut here: what follows costs features, not activations.
    images = _leaf(torch.cat([part[0] for part in encoded.parts]))
    texts = _leaf(torch.cat([part[1] for part in encoded.parts]))
    scalars = _leaf(encoded.parts[0][2].float())
    odds = _leaf(torch.cat([part[3] for part in encoded.parts]).float())
    index = encoded.batch.index.to(images.device)
    all_images, all_texts, all_index = gather_batch(images, texts, index)
    all_odds = torch.cat(gather_rows(odds)) if encoded.batch.parts[0].matches else None
    features = all_index.features(all_images, all_texts, scalars, all_odds)
    teachers: dict[str, TeacherFeatures] = {}
    for name, taught in encoded.taught.items():
        # Rows of the same images and texts, so that the index is theirs too.
        seen = None if taught.images is None else torch.cat(gather_rows(taught.images))
        read = torch.cat(gather_rows(taught.texts))
        teachers[name] = all_index.teacher_features(seen, read, taught.scalars)
    features = replace(features, teachers=teachers)
    return features, (images, texts, scalars, odds)


def compute_loss(objective: Objective, encoded: EncodedBatch, *, plain: bool = False) -> Outcome:
    """Return the loss of the whole batch, all processes' shares together."""
    features, leaves = gather_features(encoded)
    return Outcome(objective(features, plain=plain), features, leaves)


def backward(
    encoders: nn.Module,
    objective: Objective,
    encoded: EncodedBatch,
    outcome: Outcome,
    *,
    device: torch.device,
    scale: float = 1.0,
) -> None:
    """Add the gradient of the whole batch's loss to every parameter.

    Args:
        encoders: as for `encode`.
        objective: its `a` gets a gradient too.
        encoded: what `encode` returned.
        outcome: what `compute_loss` made of it.
        device: where the encoders are.
        scale: factor on all gradients, of an fp16 gradient scaler.
    """
    outcome.losses.total.backward()  # type: ignore[no-untyped-call]
    # `a` is behind no encoder, so that its gradient does not pass through the factor below.
    if scale != 1.0 and objective.a.grad is not None:
        objective.a.grad.mul_(scale)
    parts = encoded.batch.parts
    gradients = _split_gradients(outcome.leaves, parts, scale)
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        with _replayed(encoded.rng[number], device), _synchronized(encoders, last):
            graph = encoded.parts[0] if len(parts) == 1 else _encode_part(encoders, part, device)
            _backward_part(graph, gradients[number], last)


def _encode_part(encoders: nn.Module, part: Part, device: torch.device) -> Encoded:
    images = move(part.images, device, non_blocking=True)
    matches = part.matches.to(device) if part.matches else None
    encoded: Encoded = encoders(images, [tokens.to(device) for tokens in part.buckets], matches)
    return encoded


def _leaf(encoded: Tensor) -> Tensor:
    return encoded.detach().requires_grad_()


def _split_gradients(leaves: Encoded, parts: list[Part], scale: float) -> list[Encoded]:
    """Cut the leaves' gradients by parts; DDP takes means over processes, so features count double.

    Every process knows the whole loss's gradient of the scalars, but only its own rows'. A bias
    that no term reads gets a gradient of 0, since DDP waits for every parameter's.
    """
    images, texts, scalars, odds = (
        torch.zeros_like(leaf) if leaf.grad is None else leaf.grad * scale for leaf in leaves
    )
    counts = [
        (
            count(part.images),
            sum(len(tokens) for tokens in part.buckets),
            len(part.matches.image) if part.matches else 0,
        )
        for part in parts
    ]
    image_rows, text_rows, match_rows = (list(rows) for rows in zip(*counts, strict=True))
    times = world_size()
    return [
        (image * times, text * times, scalars, match * times)
        for image, text, match in zip(
            torch.split(images, image_rows),
            torch.split(texts, text_rows),
            torch.split(odds, match_rows),
            strict=True,
        )
    ]


def _backward_part(encoded: Encoded, gradients: Encoded, last: bool) -> None:
    """Carry gradients into the encoders; that of the scalars once, with the last part."""
    outputs: list[Tensor] = []
    output_gradients: list[Tensor] = []
    for output, gradient, counts in zip(encoded, gradients, (True, True, last, True), strict=True):
        if counts and output.requires_grad:
            outputs.append(output)
            output_gradients.append(gradient.to(output.dtype))
    torch.autograd.backward(outputs, output_gradients)


@contextlib.contextmanager
def _replayed(before: RngState | None, device: torch.device) -> Iterator[None]:
    """Run with earlier generator states, so that dropout drops the same, and go back after."""
    if before is None:
        yield
        return
    after = RngState.now(device)
    before.restore(device)
    yield
    after.restore(device)


@contextlib.contextmanager
def _synchronized(encoders: nn.Module, last: bool) -> Iterator[None]:
    """Under DDP exchange gradients with the last part only."""
    without_exchange = getattr(encoders, "no_sync", None)
    if last or without_exchange is None:
        yield
    else:
        with without_exchange():
            yield
