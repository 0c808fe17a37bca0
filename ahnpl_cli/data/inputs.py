"""What a model takes: images as pixels, texts as token ids, made once and kept without padding.

Most models take images (3, H, W) alone; one that keeps an image's shape takes patches, a mask and
the shape. What stacks, cuts and moves them stands here, so that nobody else asks which it is.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ahnpl_cli.progress import Track, silent

Pixels = Tensor | dict[str, Tensor]
Tokenize = Callable[[Sequence[str]], Tensor]

# Texts tokenised at once: enough to be quick, few enough that padding to the longest is cheap.
_CHUNK = 4096
_LONGEST = 1 << 16  # tokens of a text


# Images


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


# Texts


def trim(tokens: Tensor, pad_id: int) -> Tensor:
    """Return tokens (N, L) without the columns at the end that are padding in every row."""
    used = (tokens != pad_id).any(dim=0).nonzero()
    return tokens[:, : int(used[-1]) + 1] if len(used) else tokens[:, :1]


def pad(tokens: Tensor, length: int, pad_id: int) -> Tensor:
    """Return tokens (N, L) with padding up to `length` columns."""
    return nn.functional.pad(tokens, (0, length - tokens.shape[1]), value=pad_id)


class TokenTable:
    """Token ids of many texts, ragged: 4 bytes a token.

    Attributes:
        lengths: tokens of each text (T,).
        hashes: equal where the ids are equal (T,): texts that differ in case only, or behind the
            end of the context.
    """

    def __init__(
        self,
        texts: Sequence[str],
        tokenize: Tokenize,
        *,
        pad_id: int = 0,
        track: Track = silent,
    ) -> None:
        """Tokenize.

        Args:
            texts: T distinct texts.
            tokenize: returns ids (N, L), padded at the end.
            pad_id: the id that they are padded with.
            track: shows progress.
        """
        self._pad_id = pad_id
        parts = [np.zeros(0, np.int32)]
        lengths = [np.zeros(0, np.int64)]
        hashes = [np.zeros(0, np.uint64)]
        # A sum of ids under random odd weights, modulo 2**64.
        generator = np.random.default_rng(0)
        weights = generator.integers(2**63, size=_LONGEST, dtype=np.uint64) * 2 + 1
        starts = range(0, len(texts), _CHUNK)
        for start in track(starts, description="Tokenizing texts", unit="chunks"):
            chunk = texts[start : start + _CHUNK]
            tokens = tokenize(chunk).numpy()
            width = tokens.shape[1]
            positions = np.arange(1, width + 1)
            # Padding may also stand inside a text (id 0 is "!" for CLIP): the last other id counts.
            length = ((tokens != pad_id) * positions).max(1, initial=1)
            is_used = positions <= length[:, None]
            parts.append(tokens[is_used].astype(np.int32))
            lengths.append(length)
            # From 1, so that id 0 weighs something too.
            used = np.where(is_used, tokens + 1, 0).astype(np.uint64)
            hashes.append((used * weights[:width]).sum(1))
        self.lengths: NDArray[np.int64] = np.concatenate(lengths)
        self.hashes: NDArray[np.uint64] = np.concatenate(hashes)
        self._flat = np.concatenate(parts)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])

    def padded(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the texts of `rows` at the length of the longest: (N, L) int64."""
        length = int(self.lengths[rows].max())
        tokens = np.full((len(rows), length), self._pad_id, np.int64)
        for line, row in enumerate(rows):
            start, end = self._starts[row : row + 2]
            tokens[line, : end - start] = self._flat[start:end]
        return torch.from_numpy(tokens)


def length_buckets(lengths: Sequence[int], *, most: int = 4, overhead: int = 64) -> list[int]:
    """Cut ascending lengths into buckets that cost least when each is padded to its longest.

    Args:
        lengths: tokens of each text, ascending.
        most: how many buckets there may be.
        overhead: what starting one more costs, in tokens.

    Returns:
        The end of each bucket, as an index into `lengths`; the last is `len(lengths)`.
    """
    # A cut between texts of one length only costs.
    last_of_length = {length: index + 1 for index, length in enumerate(lengths)}
    # best[e] = (cost, cuts) of the texts before index e, exact by dynamic programming.
    best: dict[int, tuple[int, list[int]]] = {0: (0, [])}
    for _ in range(most):
        for end in last_of_length.values():
            longest = lengths[end - 1]
            choices = [best[end]] if end in best else []
            for start, (cost, cuts) in best.items():
                if start >= end or len(cuts) >= most:
                    continue
                padded = (end - start) * longest
                choices.append((cost + padded + overhead, [*cuts, end]))
            best[end] = min(choices)
    return best[len(lengths)][1] if lengths else []
