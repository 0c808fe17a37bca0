"""One step's loss and gradients, cut at the features.

The loss is computed on detached features; its gradient there is then carried into the towers. The
cut makes three things one: a batch encoded in parts (Gao et al. 2021, GradCache) has the loss and
the gradient of the whole, several processes have those of one, and each term's gradient can be
looked at cheaply.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Losses, Objective
from ahnpl_cli.training.batch import Batch, Part
from ahnpl_cli.training.distributed import gather_batch, world_size

Encoded = tuple[Tensor, Tensor, Tensor]


@dataclass(frozen=True)
class Outcome:
    """What a step computed, before the optimizer.

    Attributes:
        losses: of the whole batch.
        features: of the whole batch, as leaves.
        leaves: own image features, own text features and logit_scale, whose gradients are known.
    """

    losses: Losses
    features: Features
    leaves: Encoded


@dataclass(frozen=True)
class _Chance:
    """States of the generators that dropout draws from."""

    cpu: Tensor
    cuda: Tensor | None

    @classmethod
    def now(cls, device: torch.device) -> _Chance:
        on_gpu = device.type == "cuda"
        return cls(torch.get_rng_state(), torch.cuda.get_rng_state(device) if on_gpu else None)

    def restore(self, device: torch.device) -> None:
        torch.set_rng_state(self.cpu)
        if self.cuda is not None:
            torch.cuda.set_rng_state(self.cuda, device)


@contextlib.contextmanager
def _replayed(before: _Chance | None, device: torch.device) -> Iterator[None]:
    """Run with earlier generator states, so that dropout drops the same, and go back after."""
    if before is None:
        yield
        return
    after = _Chance.now(device)
    before.restore(device)
    yield
    after.restore(device)


def _encode(towers: nn.Module, part: Part, device: torch.device) -> Encoded:
    images = part.images.to(device, non_blocking=True)
    encoded: Encoded = towers(images, [tokens.to(device) for tokens in part.buckets])
    return encoded


def _leaf(encoded: Tensor) -> Tensor:
    return encoded.detach().requires_grad_()


def forward_backward(
    towers: nn.Module,
    objective: Objective,
    batch: Batch,
    *,
    device: torch.device,
    scale: float = 1.0,
    before_backward: Callable[[Outcome], None] | None = None,
) -> Outcome:
    """Add the gradient of the whole batch's loss to every parameter.

    Args:
        towers: a `Encoders`, or DDP around it.
        objective: the losses.
        batch: this process's share.
        device: where the towers are.
        scale: factor on all gradients, of an fp16 gradient scaler.
        before_backward: called while the losses can still be differentiated by the leaves.
    """
    parts = batch.parts
    states: list[_Chance | None] = [None] * len(parts)
    if len(parts) == 1:
        encoded = [_encode(towers, parts[0], device)]
    else:
        encoded = []
        for number, part in enumerate(parts):
            states[number] = _Chance.now(device)
            with torch.no_grad():
                encoded.append(_encode(towers, part, device))
    outcome = _loss(objective, encoded, batch, before_backward)
    if scale != 1.0 and objective.a.grad is not None:
        objective.a.grad.mul_(scale)
    gradients = _split_gradients(outcome.leaves, parts, scale)
    for number, part in enumerate(parts):
        last = number == len(parts) - 1
        with _replayed(states[number], device), _synced(towers, last):
            fresh = encoded[0] if len(parts) == 1 else _encode(towers, part, device)
            _backward(fresh, gradients[number], last)
    return outcome


def _loss(
    objective: Objective,
    encoded: list[Encoded],
    batch: Batch,
    before_backward: Callable[[Outcome], None] | None,
) -> Outcome:
    """Compute losses on leaves, and the leaves' gradients."""
    images = _leaf(torch.cat([part[0] for part in encoded]))
    texts = _leaf(torch.cat([part[1] for part in encoded]))
    scale = _leaf(encoded[0][2].float())
    whole = gather_batch(images, texts, batch.index.to(images.device))
    features = whole[2].features(whole[0], whole[1], scale)
    outcome = Outcome(objective(features), features, (images, texts, scale))
    if before_backward is not None:
        before_backward(outcome)
    outcome.losses.total.backward()  # type: ignore[no-untyped-call]
    return outcome


def _split_gradients(leaves: Encoded, parts: list[Part], scale: float) -> list[Encoded]:
    """Cut the leaves' gradients by parts; DDP takes means over processes, so towers count double.

    Every process knows the whole loss's gradient of logit_scale, but only its own rows'.
    """
    images, texts, temperature = (
        torch.zeros_like(leaf) if leaf.grad is None else leaf.grad * scale for leaf in leaves
    )
    rows = [len(part.images) for part in parts]
    counts = [sum(len(tokens) for tokens in part.buckets) for part in parts]
    return [
        (image * world_size(), text * world_size(), temperature)
        for image, text in zip(torch.split(images, rows), torch.split(texts, counts), strict=True)
    ]


def _backward(encoded: Encoded, gradients: Encoded, last: bool) -> None:
    """Carry gradients into the towers; that of logit_scale once, with the last part."""
    taken = (True, True, last)
    pairs = [
        (out, grad.to(out.dtype))
        for out, grad, take in zip(encoded, gradients, taken, strict=True)
        if take and out.requires_grad
    ]
    torch.autograd.backward([out for out, _ in pairs], [grad for _, grad in pairs])


@contextlib.contextmanager
def _synced(towers: nn.Module, last: bool) -> Iterator[None]:
    """Under DDP exchange gradients with the last part only."""
    quiet = getattr(towers, "no_sync", None)
    if last or quiet is None:
        yield
    else:
        with quiet():
            yield
