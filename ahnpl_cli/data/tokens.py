"""Texts as token ids, made once and kept without padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from ahnpl_cli.progress import Track, silent

Tokenize = Callable[[Sequence[str]], Tensor]

# Texts tokenised at once: enough to be quick, few enough that padding to the longest is cheap.
_CHUNK = 4096
_LONGEST = 1 << 16  # tokens of a text


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
        weights = np.random.default_rng(0).integers(2**63, size=_LONGEST, dtype=np.uint64) * 2 + 1
        starts = range(0, len(texts), _CHUNK)
        for start in track(starts, description="Tokenizing texts", unit="chunks"):
            tokens = tokenize(texts[start : start + _CHUNK]).numpy()
            positions = np.arange(1, tokens.shape[1] + 1)
            # Padding may also stand inside a text (id 0 is "!" for CLIP): the last other id counts.
            length = ((tokens != pad_id) * positions).max(1, initial=1)
            parts.append(tokens[positions <= length[:, None]].astype(np.int32))
            lengths.append(length)
            used = np.where(positions <= length[:, None], tokens + 1, 0).astype(np.uint64)
            hashes.append((used * weights[: tokens.shape[1]]).sum(1))
        self.lengths: NDArray[np.int64] = np.concatenate(lengths)
        self.hashes: NDArray[np.uint64] = np.concatenate(hashes)
        self._flat = np.concatenate(parts)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])

    def padded(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the texts of `rows` at the length of the longest: (N, L) int64."""
        length = int(self.lengths[rows].max())
        tokens = np.full((len(rows), length), self._pad_id, np.int64)
        for line, row in enumerate(rows):
            ids = self._flat[self._starts[row] : self._starts[row + 1]]
            tokens[line, : len(ids)] = ids
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
    ends = [i for i in range(1, len(lengths) + 1) if lengths[i - 1 : i] != lengths[i : i + 1]]
    # best[e] = (cost, cuts) of the texts before index e, exact by dynamic programming.
    best: dict[int, tuple[int, list[int]]] = {0: (0, [])}
    for _ in range(most):
        for end in ends:
            choices = [best[end]] if end in best else []
            for start, (cost, cuts) in best.items():
                if start < end and len(cuts) < most:
                    bucket = (end - start) * lengths[end - 1] + overhead
                    choices.append((cost + bucket, [*cuts, end]))
            best[end] = min(choices)
    return best[len(lengths)][1] if lengths else []
