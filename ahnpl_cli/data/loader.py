"""Images of one batch after another: decoded in workers, kept in memory while there is room.

For training on random crops, a crop depends on (seed, step, image) alone, so that neither workers
nor a resume change it.
"""

from __future__ import annotations

import math
import signal
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

import torch
from PIL import Image
from torch import Tensor
from torch.utils.data import DataLoader, Dataset

from ahnpl_cli.data.inputs import Pixels, map_pixels, size, stack, unstack
from ahnpl_cli.data.pixel_cache import PixelCache
from ahnpl_cli.data.tar_shards import Picture
from ahnpl_cli.errors import DataError
from ahnpl_cli.stable_hash import stable_rng
from ahnpl_cli.workers import worker_errors

Preprocess = Callable[[Image.Image], Pixels]
_GIGABYTE = 1_000_000_000
LARGEST_SHAPE = math.log(4 / 3)  # of a crop: width over height, as torchvision has it


@dataclass(frozen=True)
class Loaded:
    """Images of a batch.

    Attributes:
        pixels: of the images that could be decoded, M of them.
        kept: their places in the batch (M,).
        problems: what was wrong with the others, by place.
    """

    pixels: Pixels
    kept: Tensor
    problems: dict[int, str]


@dataclass(frozen=True)
class RandomCrop:
    """CLIP's augmentation in pretraining, which open_clip has as `RandomResizedCrop`.

    Attributes:
        smallest: part of the area that a crop keeps at least.
        side: pixels of the square that a crop is resized to.
        seed: of the crops.
    """

    smallest: float
    side: int
    seed: int

    def __call__(self, image: Image.Image, step: int, number: int) -> Image.Image:
        """Return a crop of an image, as a square.

        Args:
            image: of any size.
            step: of the run.
            number: of the image.
        """
        rng = stable_rng(self.seed, step, number, "crop")
        width, height = image.size
        # Torchvision's rule: ten draws of an area and a shape, of which the first that fits counts.
        for _ in range(10):
            area = width * height * rng.uniform(self.smallest, 1)
            shape = math.exp(rng.uniform(-LARGEST_SHAPE, LARGEST_SHAPE))
            wide, high = round(math.sqrt(area * shape)), round(math.sqrt(area / shape))
            if 0 < wide <= width and 0 < high <= height:
                left, top = rng.randint(0, width - wide), rng.randint(0, height - high)
                box = (left, top, left + wide, top + high)
                break
        else:
            # Torchvision's own way out is the largest crop of an allowed shape, in the middle.
            wide = min(width, round(height * math.exp(LARGEST_SHAPE)))
            high = min(height, round(width * math.exp(LARGEST_SHAPE)))
            left, top = (width - wide) // 2, (height - high) // 2
            box = (left, top, left + wide, top + high)
        return image.resize((self.side, self.side), Image.Resampling.BICUBIC, box=box)


class _Pictures(Dataset[Pixels | str]):
    """Decoded images by number; the message of what went wrong instead of one that is broken."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        preprocess: Preprocess,
        crop: RandomCrop | None,
        disk: PixelCache | None,
    ) -> None:
        self.pictures, self.preprocess, self.crop = pictures, preprocess, crop
        self.disk = disk

    def __getitem__(self, key: tuple[int, int]) -> Pixels | str:
        step, number = key
        kept = self.disk.get(number) if self.disk else None
        if kept is not None:
            return kept
        try:
            image = self.pictures[number].load()
            if self.crop:
                return self.preprocess(self.crop(image, step, number))
            pixels = self.preprocess(image)
            if self.disk:
                self.disk.put(number, pixels)
            return pixels
        except DataError as error:
            # Without the hint: whoever asked knows whether to stop.
            return f"{error.where}: {error.what}"


def _collate(items: list[Pixels | str]) -> tuple[Pixels, list[str | None]]:
    """Few tensors a batch, since each tensor from a worker costs a file descriptor."""
    good = [item for item in items if not isinstance(item, str)]
    return stack(good), [item if isinstance(item, str) else None for item in items]


def _leave_signals_to_parent(worker: int) -> None:
    """Keep decoding on Ctrl-C and SIGTERM, which reach all processes: the parent ends the work."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_IGN)


class ImageLoader:
    """Decodes batches of images ahead of their use."""

    def __init__(
        self,
        pictures: Sequence[Picture],
        preprocess: Preprocess,
        *,
        workers: int = 0,
        cache_gigabytes: float = 0.0,
        pin_memory: bool = False,
        crop: RandomCrop | None = None,
        disk: PixelCache | None = None,
    ) -> None:
        """Prepare; nothing is decoded yet.

        Args:
            pictures: the distinct images.
            preprocess: makes an RGB image what the model takes, such as (3, H, W).
            workers: processes that decode; 0 decodes in this one.
            cache_gigabytes: decoded images are kept until they take this much memory.
            pin_memory: for a faster copy to a GPU.
            crop: takes another crop of an image in each step; then none is kept.
            disk: keeps images over runs.
        """
        self._dataset = _Pictures(pictures, preprocess, crop, None if crop else disk)
        self._workers, self._pin = workers, pin_memory
        self._cache: dict[int, Pixels | str] = {}
        self._room = 0.0 if crop else cache_gigabytes * _GIGABYTE

    def batches(self, plan: Iterable[Sequence[int]], *, first: int = 0) -> Iterator[Loaded]:
        """Yield the images of each batch.

        Args:
            plan: picture numbers of one step after the other.
            first: number of the first step.
        """
        requested: deque[tuple[list[int], list[int]]] = deque()

        def missing() -> Iterator[list[tuple[int, int]]]:
            for step, numbers in enumerate(plan, start=first):
                absent = sorted({n for n in numbers if n not in self._cache})
                requested.append((list(numbers), absent))
                yield [(step, number) for number in absent]

        loader = DataLoader(
            self._dataset,
            batch_sampler=missing(),
            num_workers=self._workers,
            collate_fn=_collate,
            worker_init_fn=_leave_signals_to_parent,
            # Its own, so that starting to load leaves the generator of dropout alone.
            generator=torch.Generator(),
        )
        with worker_errors():
            for pixels, problems in loader:
                numbers, missing_numbers = requested.popleft()
                rows = iter(unstack(pixels))
                fresh = {
                    number: problem or next(rows)
                    for number, problem in zip(missing_numbers, problems, strict=True)
                }
                self._remember(fresh)
                yield self._assemble(numbers, fresh)

    def _remember(self, fresh: dict[int, Pixels | str]) -> None:
        for number, item in fresh.items():
            needed = len(item) if isinstance(item, str) else size(item)
            if number not in self._cache and needed <= self._room:
                self._room -= needed
                # Cloned, or the cache would hold the whole batch that this image is a row of.
                kept = item if isinstance(item, str) else map_pixels(torch.clone, item)
                self._cache[number] = kept

    def _assemble(self, numbers: list[int], fresh: dict[int, Pixels | str]) -> Loaded:
        # The cache may have changed since the batch was asked for, but never loses an image.
        items = [fresh[n] if n in fresh else self._cache[n] for n in numbers]
        problems = {place: item for place, item in enumerate(items) if isinstance(item, str)}
        good = [item for item in items if not isinstance(item, str)]
        kept = [place for place in range(len(items)) if place not in problems]
        pixels = stack(good)
        if self._pin:
            # Here and not by the DataLoader, since stacking makes a new tensor.
            pixels = map_pixels(Tensor.pin_memory, pixels)
        return Loaded(pixels, torch.tensor(kept, dtype=torch.long), problems)
