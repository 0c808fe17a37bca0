"""Texts as token ids, made once and kept without padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ahnpl_cli.progress import Track, silent

Tokenize = Callable[[Sequence[str]], Tensor]

# Texts tokenised at once: enough to be quick, few enough that padding to the longest is cheap.
CHUNK = 4096


class TokenTable:
    """Token ids of many texts, ragged: 4 bytes a token.

    Attributes:
        lengths: tokens of each text (T,).
    """

    def __init__(self, texts: Sequence[str], tokenize: Tokenize, track: Track = silent) -> None:
        """Tokenise.

        Args:
            texts: T distinct texts.
            tokenize: returns ids (N, L), padded with 0 at the end.
            track: shows progress.
        """
        parts, lengths = [np.zeros(0, np.int32)], [np.zeros(0, np.int64)]
        starts = range(0, len(texts), CHUNK)
        for start in track(starts, description="tokenising", unit="chunks"):
            tokens = tokenize(texts[start : start + CHUNK]).numpy()
            positions = np.arange(1, tokens.shape[1] + 1)
            length = ((tokens != 0) * positions).max(1, initial=1)
            parts.append(tokens[positions <= length[:, None]].astype(np.int32))
            lengths.append(length)
        self.lengths: NDArray[np.int64] = np.concatenate(lengths)
        self._flat = np.concatenate(parts)
        self._starts = np.concatenate([[0], np.cumsum(self.lengths)])

    def padded(self, rows: NDArray[np.int64]) -> Tensor:
        """Return the texts of `rows` at the length of the longest: (N, L) int64, 0 behind."""
        length = int(self.lengths[rows].max())
        tokens = np.zeros((len(rows), length), np.int64)
        for place, row in enumerate(rows):
            ids = self._flat[self._starts[row] : self._starts[row + 1]]
            tokens[place, : len(ids)] = ids
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
            found = [
                (cost + (end - start) * lengths[end - 1] + overhead, [*cuts, end])
                for start, (cost, cuts) in best.items()
                if start < end and len(cuts) < most
            ]
            best[end] = min([*found, *([best[end]] if end in best else [])])
    return best[len(lengths)][1] if lengths else []
