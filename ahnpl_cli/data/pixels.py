"""Images as a model takes them: one tensor, or several by name.

Most models take (3, H, W) alone; one that keeps an image's shape takes patches, a mask and the
shape. What stacks, cuts and moves them stands here, so that nobody else asks which it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import torch
from torch import Tensor

Pixels = Tensor | dict[str, Tensor]


def map_pixels(function: Callable[[Tensor], Tensor], pixels: Pixels) -> Pixels:
    """Apply a function to every tensor."""
    if isinstance(pixels, Tensor):
        return function(pixels)
    return {name: function(tensor) for name, tensor in pixels.items()}


def _join(join: Callable[[list[Tensor]], Tensor], parts: Sequence[Pixels]) -> Pixels:
    first = parts[0]
    if isinstance(first, Tensor):
        return join([part for part in parts if isinstance(part, Tensor)])
    return {name: join([part[name] for part in parts]) for name in first}  # type: ignore[index]


def stack(images: Sequence[Pixels]) -> Pixels:
    """Make a batch of images; without any, an empty tensor."""
    return _join(torch.stack, images) if images else torch.zeros(0)


def concatenate(batches: Sequence[Pixels]) -> Pixels:
    """Make one batch of several, of which there is at least one."""
    return _join(torch.cat, batches)


def count(batch: Pixels) -> int:
    """Return how many images a batch holds."""
    return len(batch if isinstance(batch, Tensor) else next(iter(batch.values())))


def unstack(batch: Pixels) -> list[Pixels]:
    """Return the images of a batch."""
    if isinstance(batch, Tensor):
        return list(batch)
    return [{name: rows[i] for name, rows in batch.items()} for i in range(count(batch))]


def split(batch: Pixels, parts: int) -> list[Pixels]:
    """Cut a batch into parts of about equal size, as `torch.tensor_split` does."""
    if isinstance(batch, Tensor):
        return list(torch.tensor_split(batch, parts))
    pieces = {name: torch.tensor_split(rows, parts) for name, rows in batch.items()}
    return [{name: piece[i] for name, piece in pieces.items()} for i in range(parts)]


def size(pixels: Pixels) -> int:
    """Return the bytes that they take."""
    return pixels.nbytes if isinstance(pixels, Tensor) else sum(t.nbytes for t in pixels.values())


def move(pixels: Pixels, device: str | torch.device, *, non_blocking: bool = False) -> Pixels:
    """Return them on a device."""
    return map_pixels(lambda tensor: tensor.to(device, non_blocking=non_blocking), pixels)
