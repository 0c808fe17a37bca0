"""One batch as tensors: images, distinct texts sorted by length, and what belongs together."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ahnpl_cli.data.dataset import TrainingSet
from ahnpl_cli.data.draw import NONE, Draw
from ahnpl_cli.data.inputs import Pixels, TokenTable, count, length_buckets, split
from ahnpl_cli.data.joined import side_by_side
from ahnpl_cli.data.loader import Loaded
from ahnpl_cli.losses.features import Features, TeacherFeatures

# What one more bucket costs, in tokens: little on a CPU, kernel launches on a GPU.
OVERHEAD = {"cpu": 64, "cuda": 4096}


@dataclass(frozen=True)
class Index:
    """Which image and text stand where, and what else the losses ask of a batch.

    Attributes:
        image: each pair's image, as a row of the image features (N,).
        painted: each slot's picture, likewise (N, K), -1 where there is none; (N, 0) if pictures of
            negatives are not used.
        text: each pair's caption, as a row of the text features (N,).
        negative: each slot's negative, likewise (N, K); -1 where there is none.
        positive: other true texts of each pair, likewise (N, P), P 0 if not used.
        valid: which slots hold one (N, K), bool.
        concreteness: rating of each slot's changed word (N, K); NaN if unrated or empty.
        image_ids: number of each pair's image (N,).
        caption_of: images that each slot's text is a true caption of (N, K, M); -1 beyond.
        longer: which slots hold the caption and a false detail more (N, K), bool.
        unit: each pair's units, as rows of the text features (N, U), -1 beyond their number; (N, 0)
            if not used.
        foil: each unit's false twin, likewise (N, U).
        unit_text: numbers of the units' texts, equal where the texts are (N, U).
        foil_text: those of the foils (N, U).
        said: numbers of all units of each pair's image (N, S); -1 beyond.
    """

    image: Tensor
    painted: Tensor
    text: Tensor
    negative: Tensor
    positive: Tensor
    valid: Tensor
    concreteness: Tensor
    image_ids: Tensor
    caption_of: Tensor
    longer: Tensor
    unit: Tensor
    foil: Tensor
    unit_text: Tensor
    foil_text: Tensor
    said: Tensor

    def to(self, device: torch.device) -> Index:
        """Return a copy on a device."""
        return Index(**{name: value.to(device) for name, value in vars(self).items()})

    def features(
        self, images: Tensor, texts: Tensor, scalars: Tensor, odds: Tensor | None = None
    ) -> Features:
        """Give every pair its features.

        Args:
            images: features of all images (M, D).
            texts: features of the distinct texts (U, D).
            scalars: 1/tau, and the bias of a sigmoid model (1,) or (2,).
            odds: a matching head's log-odds of each pair and its valid negatives, in the order of
                `Matches` (P,); None without such a head.
        """
        or_zeros = _with_zeros(texts)
        return Features(
            image_features=images[self.image],
            text_features=texts[self.text],
            negative_features=or_zeros[self.negative],
            image_negative_features=_with_zeros(images)[self.painted],
            image_valid=self.painted >= 0,
            positive_features=or_zeros[self.positive],
            positive_valid=self.positive >= 0,
            unit_features=or_zeros[self.unit],
            foil_features=or_zeros[self.foil],
            unit_valid=self.unit >= 0,
            unit_true=self._said_of(self.unit_text),
            foil_true=self._said_of(self.foil_text),
            longer=self.longer,
            valid=self.valid,
            logit_scale=scalars[0],
            logit_bias=scalars[1] if len(scalars) > 1 else None,
            image_ids=self.image_ids,
            concreteness=self.concreteness,
            also_true=self._also_true(),
            match_odds=None if odds is None else self._by_slot(odds),
        )

    def teacher_features(
        self, images: Tensor | None, texts: Tensor, scalars: Tensor
    ) -> TeacherFeatures:
        """Give every pair its features by a teacher; see `features`."""
        return TeacherFeatures(
            image_features=None if images is None else images[self.image],
            text_features=texts[self.text],
            negative_features=_with_zeros(texts)[self.negative],
            logit_scale=scalars[0],
            logit_bias=scalars[1] if len(scalars) > 1 else None,
        )

    def _by_slot(self, odds: Tensor) -> Tensor:
        """Return log-odds (P,) as (N, 1 + K), 0 in empty slots."""
        scored = with_positive(self.valid)
        return odds.new_zeros(scored.shape).masked_scatter(scored, odds)

    def _said_of(self, texts: Tensor) -> Tensor | None:
        """Return where a text (N, U) is a unit of a row's image (N, N, U)."""
        if texts.shape[1] == 0:
            return None
        said = torch.zeros(len(texts), *texts.shape, dtype=torch.bool, device=texts.device)
        # Column by column: all at once would take as many times the memory.
        for column in self.said.unbind(1):
            said |= (column[:, None, None] == texts) & (texts >= 0)
        return said

    def _also_true(self) -> Tensor | None:
        """Return where a slot's text is a true caption of a row's image (N, N, K)."""
        if self.caption_of.shape[2] == 0:
            return None
        also_true = torch.zeros(
            len(self.text), *self.valid.shape, dtype=torch.bool, device=self.text.device
        )
        # Few texts are captions of any image, and only their columns are compared.
        pair, slot = self.caption_of[..., 0].ge(0).nonzero(as_tuple=True)
        images = self.caption_of[pair, slot]
        also_true[:, pair, slot] = (self.image_ids[:, None, None] == images).any(2)
        return also_true


def _with_zeros(features: Tensor) -> Tensor:
    """Return features (M, D) with a row of zeros behind them, which index -1 stands for."""
    return torch.cat([features, features.new_zeros(1, features.shape[1])])


@dataclass(frozen=True)
class Matches:
    """Texts that a matching head looks at with an image: each pair's caption, then its negatives.

    Attributes:
        tokens: ids (P, L), padded to the longest.
        image: row of each one's image among those of the part (P,).
    """

    tokens: Tensor
    image: Tensor

    def to(self, device: torch.device) -> Matches:
        """Return a copy on a device."""
        return Matches(self.tokens.to(device), self.image.to(device))


@dataclass(frozen=True)
class Part:
    """What is encoded at once.

    Attributes:
        images: M of them, such as (M, 3, H, W).
        buckets: distinct texts as ids (U_b, L_b), ascending in length.
        matches: of the part's images, for a matching head; None without one.
    """

    images: Pixels
    buckets: list[Tensor]
    matches: Matches | None = None


@dataclass(frozen=True)
class Batch:
    """One process's share of a step.

    Attributes:
        parts: its images and texts, in the order of the index.
        index: see `Index`.
    """

    parts: list[Part]
    index: Index


def make_batch(
    data: TrainingSet,
    draw: Draw,
    loaded: Loaded,
    *,
    parts: int = 1,
    overhead: int = 64,
    matching: bool = False,
) -> Batch:
    """Pack a batch.

    Args:
        data: the pairs.
        draw: the texts and pictures of this process's pairs.
        loaded: its `pictures`; pairs whose image is broken are left out, and of a negative whose
            picture is broken the text alone is used.
        parts: how many parts are encoded one after the other; fewer if there is too little.
        overhead: cost of one more length bucket, in tokens.
        matching: whether a matching head looks at each pair and its negatives.
    """
    tokens = draw.tokens or data.tokens
    if draw.beside.shape[1]:
        loaded = side_by_side(loaded, len(draw.rows))
    # Where each picture stands among those that could be read.
    read = loaded.kept.numpy()
    position = np.full(len(draw.pictures), NONE, np.int64)
    position[read] = np.arange(len(read))
    pairs = len(draw.rows)
    painted = _positions(draw.painted, draw.painted_once)
    painted = np.where(painted < 0, NONE, position[pairs + painted])
    # Pairs whose image broke are gone from here on.
    kept = read[read < pairs]
    draw = draw.take(kept)
    # Each distinct text is encoded once, texts of one length beside each other.
    behind = (draw.negative, draw.positive, draw.unit, draw.foil)
    further = [numbers[numbers >= 0] for numbers in behind]
    texts = np.unique(np.concatenate([draw.text, *further]))
    texts = texts[np.argsort(tokens.lengths[texts], kind="stable")]
    index = Index(
        image=torch.from_numpy(position[kept]),
        painted=torch.from_numpy(painted[kept]),
        text=torch.from_numpy(_positions(draw.text, texts)),
        negative=torch.from_numpy(_positions(draw.negative, texts)),
        positive=torch.from_numpy(_positions(draw.positive, texts)),
        valid=torch.from_numpy(draw.valid),
        concreteness=torch.from_numpy(draw.concreteness),
        # A joined image is its own, whatever its halves are.
        image_ids=torch.from_numpy(draw.rows if draw.tokens else draw.picture),
        caption_of=torch.from_numpy(draw.caption_of),
        longer=torch.from_numpy(draw.valid & data.is_longer[: draw.valid.shape[1]]),
        unit=torch.from_numpy(_positions(draw.unit, texts)),
        foil=torch.from_numpy(_positions(draw.foil, texts)),
        unit_text=torch.from_numpy(draw.unit),
        foil_text=torch.from_numpy(draw.foil),
        said=torch.from_numpy(draw.said),
    )
    # No part may be empty: the encoders need something to encode.
    parts = max(1, min(parts, len(kept), len(texts)))
    images = split(loaded.pixels, parts)
    pieces = np.array_split(texts, parts)
    encoded_together: list[Part] = []
    start = 0
    for pixels, piece in zip(images, pieces, strict=True):
        own = slice(start, start + count(pixels))
        matches = _matches(tokens, draw, own) if matching else None
        encoded_together.append(Part(pixels, _buckets(tokens, piece, overhead), matches))
        start = own.stop
    return Batch(encoded_together, index)


def with_positive(valid: Tensor) -> Tensor:
    """Return which texts of each pair are matched (N, 1 + K): its caption, and valid negatives."""
    return torch.cat([torch.ones_like(valid[:, :1], dtype=torch.bool), valid], dim=1)


def _matches(tokens: TokenTable, draw: Draw, own: slice) -> Matches | None:
    """Return what a matching head looks at with the images of some pairs, pair by pair."""
    valid = draw.valid[own]
    # A part may hold pictures of negatives alone.
    if not len(valid):
        return None
    texts = np.concatenate([draw.text[own, None], draw.negative[own]], axis=1)
    scored = np.concatenate([np.ones((len(valid), 1), dtype=bool), valid], axis=1)
    image, _ = np.nonzero(scored)
    return Matches(tokens.padded(texts[scored]), torch.from_numpy(image))


def _positions(numbers: NDArray[np.int64], distinct: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return where each number stands among the distinct ones; -1, an empty slot, stays."""
    if not len(distinct):
        return np.full_like(numbers, NONE)
    by_number = np.argsort(distinct)
    ranks = np.searchsorted(distinct, numbers, sorter=by_number).clip(max=len(distinct) - 1)
    return np.where(numbers < 0, NONE, by_number[ranks])


def _buckets(tokens: TokenTable, texts: NDArray[np.int64], overhead: int) -> list[Tensor]:
    """Return token ids of texts of similar length together, padded to the longest."""
    ends = length_buckets(tokens.lengths[texts].tolist(), overhead=overhead)
    starts = [0, *ends[:-1]]
    return [tokens.padded(texts[a:b]) for a, b in zip(starts, ends, strict=True)]
