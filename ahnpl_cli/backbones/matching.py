"""Models that score a picture with a text as one pair: judges, and rows of `ahnpl eval`.

A matcher has no features to compare; it looks at both at once. A name says how it is used:
`itm:NAME` asks the matching head, `itc:NAME` the contrastive head, and `caption:NAME` how likely a
generative model finds the text as the picture's caption.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from importlib import import_module
from itertools import islice
from typing import Protocol, TypeVar

import torch
from PIL import Image
from torch import Tensor

from ahnpl_cli.backbones import HEADS
from ahnpl_cli.data.images import ImageRef

T = TypeVar("T")


class Matcher(Protocol):
    """Scores pairs of a picture and a text; higher is a better match."""

    @property
    def info(self) -> dict[str, str]:
        """What a report must say: name, architecture, source, head, weights_sha256."""
        ...

    def encode_images(self, images: Sequence[Image.Image]) -> Tensor:
        """Return what the model keeps of N RGB pictures: one row each."""
        ...

    def score(self, rows: Tensor, texts: Sequence[str]) -> Tensor:
        """Return the scores (N,), float32 on the CPU, of N rows with N texts, pair by pair."""
        ...


def load_matcher(model: str, *, device: str = "cpu") -> Matcher:
    """Return the matcher of a name such as `itm:Salesforce/blip-itm-base-coco` or `itm:FOLDER`.

    Args:
        model: head and name.
        device: where to put it: cpu, cuda or mps.

    Raises:
        ModelError: the model is unavailable, or has no such head.
    """
    head, _, name = model.partition(":")
    module, _, function = HEADS[head].partition(":")
    load: Callable[..., Matcher] = getattr(import_module(module), function)
    return load(name, device=device)


def _batches(items: Iterable[T], size: int) -> Iterator[list[T]]:
    iterator = iter(items)
    while batch := list(islice(iterator, size)):
        yield batch


@torch.inference_mode()
def match(
    matcher: Matcher,
    images: Sequence[Image.Image | ImageRef],
    texts: Sequence[str],
    *,
    batch_size: int = 32,
) -> Tensor:
    """Return the score of each picture with its text: (N,), float32.

    Each distinct picture is encoded once.

    Args:
        matcher: the model.
        images: N RGB pictures, or where they are; one object, or equal places, are one picture.
        texts: N texts.
        batch_size: pictures encoded, and pairs scored, at once.

    Raises:
        DataError: a picture cannot be decoded.
    """
    pairs: dict[int | ImageRef, list[int]] = {}
    for place, image in enumerate(images):
        pairs.setdefault(image if isinstance(image, ImageRef) else id(image), []).append(place)
    scores = torch.empty(len(images))
    for group in _batches(pairs.values(), batch_size):
        rows = matcher.encode_images([_open(images[places[0]]) for places in group])
        asked = [(row, place) for row, places in enumerate(group) for place in places]
        for batch in _batches(asked, batch_size):
            places = [place for _, place in batch]
            chosen = rows[[row for row, _ in batch]]
            scores[places] = matcher.score(chosen, [texts[place] for place in places])
    return scores


def _open(image: Image.Image | ImageRef) -> Image.Image:
    return image.load() if isinstance(image, ImageRef) else image
