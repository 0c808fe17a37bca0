"""Several processes: who they are, and the features of all of them in each."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Iterator
from dataclasses import fields, replace
from types import FrameType
from typing import Any, NoReturn, TypeVar

import numpy as np
import torch
import torch.distributed as dist
from numpy.typing import NDArray
from torch import Tensor

from ahnpl_cli.training.batch import Index

T = TypeVar("T")


def world_size() -> int:
    """Return the number of processes."""
    return dist.get_world_size() if dist.is_initialized() else 1


def is_first_process() -> bool:
    """Whether this process is the one that writes and speaks."""
    if dist.is_initialized():
        return dist.get_rank() == 0
    # torchrun says it before the processes know each other.
    return os.environ.get("RANK", "0") == "0"


def of_first_process(value: T) -> T:
    """Return what the first process found, in every process."""
    if world_size() == 1:
        return value
    values = [value]
    dist.broadcast_object_list(values, src=0)
    return values[0]


def local_share(rows: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return this process's share of a batch."""
    rank = dist.get_rank() if dist.is_initialized() else 0
    return np.array_split(rows, world_size())[rank]


def gather_rows(own: Tensor) -> list[Tensor]:
    """Return the rows of every process in order of rank, the own ones as they are.

    Args:
        own: (N, ...), with N free to differ among processes.
    """
    if world_size() == 1:
        return [own]
    sizes = [torch.zeros(1, dtype=torch.long, device=own.device) for _ in range(world_size())]
    dist.all_gather(sizes, torch.tensor([len(own)], device=own.device))
    # Distinct texts differ in number, and all_gather wants equal shapes.
    longest = int(torch.cat(sizes).max())
    # Backends exchange rows of one shape, and not all of them exchange bool.
    sent = own.detach().to(torch.uint8) if own.dtype == torch.bool else own.detach()
    room = sent.new_zeros(longest, *own.shape[1:])
    room[: len(own)] = sent
    received = [torch.empty_like(room) for _ in sizes]
    dist.all_gather(received, room)
    rows = [part[: int(size)].to(own.dtype) for part, size in zip(received, sizes, strict=True)]
    # What arrived has no graph; the own rows keep theirs.
    rows[dist.get_rank()] = own
    return rows


def gather_batch(images: Tensor, texts: Tensor, index: Index) -> tuple[Tensor, Tensor, Index]:
    """Return features and index of the whole batch.

    The loss of the whole batch, computed in each process, gives each the gradient of its own rows.

    Args:
        images: features of the own images (M, D).
        texts: own text features (U, D).
        index: of the own pairs.

    Returns:
        The same for all processes, with rows counted over all of them.
    """
    if world_size() == 1:
        return images, texts, index
    all_images, all_texts = gather_rows(images), gather_rows(texts)
    images_before = sum(len(rows) for rows in all_images[: dist.get_rank()])
    texts_before = sum(len(rows) for rows in all_texts[: dist.get_rank()])
    shifted = replace(
        index,
        image=index.image + images_before,
        painted=torch.where(index.painted < 0, -1, index.painted + images_before),
        text=index.text + texts_before,
        negative=torch.where(index.negative < 0, -1, index.negative + texts_before),
        positive=torch.where(index.positive < 0, -1, index.positive + texts_before),
        unit=torch.where(index.unit < 0, -1, index.unit + texts_before),
        foil=torch.where(index.foil < 0, -1, index.foil + texts_before),
    )
    whole: dict[str, Tensor] = {}
    for field in fields(Index):
        whole[field.name] = torch.cat(gather_rows(getattr(shifted, field.name)))
    return torch.cat(all_images), torch.cat(all_texts), Index(**whole)


class StopRequest:
    """Turns SIGTERM and Ctrl-C into a request that a run heeds after its next step.

    Used as a context around the steps. A second Ctrl-C interrupts at once.

    Attributes:
        interruptible: while true, a signal ends the process at once: nothing is lost by it.
    """

    SIGNALS = (signal.SIGTERM, signal.SIGINT)

    def __init__(self) -> None:
        self.interruptible = False
        self._received = 0
        self._previous: dict[int, Any] = {}

    def __enter__(self) -> StopRequest:
        # Python lets only the main thread set handlers; elsewhere signals keep their meaning.
        if threading.current_thread() is threading.main_thread():
            for number in self.SIGNALS:
                self._previous[number] = signal.signal(number, self._receive)
        return self

    def __exit__(self, *error: object) -> None:
        for number, handler in self._previous.items():
            signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        again = self._received == number == signal.SIGINT
        self._received = number
        if again or self.interruptible:
            end_by(number)

    @contextlib.contextmanager
    def at_once(self) -> Iterator[None]:
        """Let signals end the process at once while the block runs."""
        self.interruptible = True
        try:
            yield
        finally:
            self.interruptible = False

    def received(self) -> int:
        """Return the signal that any process has received, the same in all of them; 0 if none."""
        if world_size() == 1:
            return self._received
        # NCCL exchanges what is on a GPU only.
        device = "cuda" if dist.get_backend() == "nccl" else "cpu"
        largest = torch.tensor(self._received, device=device)
        dist.all_reduce(largest, dist.ReduceOp.MAX)
        return int(largest)


def end_by(number: int) -> NoReturn:
    """End this process as a signal would, but with what is open closed in order."""
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
