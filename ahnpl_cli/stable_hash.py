"""Every seeded choice: a hash of what it is for, equal on each machine and in any order of work.

A shared generator would tie each draw to those before it, and so to batch sizes, workers and
interruptions. Here a draw depends on its key alone.
"""

from __future__ import annotations

import hashlib
import random
from collections.abc import Iterator, Sequence
from typing import Literal, TypeVar

T = TypeVar("T")
# SHA-256 where bytes are already published: the synthetic scenes, whose split the shipped model was
# trained on, and the word-order shuffles. BLAKE2b everywhere else.
Digest = Literal["blake2b", "sha256"]
SEPARATOR = "\x1f"  # a control character, so that ("a b", "c") and ("a", "b c") differ


def _key(parts: Sequence[object]) -> bytes:
    # A lone surrogate has no UTF-8; a file name may hold one.
    return SEPARATOR.join(map(str, parts)).encode("utf-8", "surrogatepass")


def stable_hash(*parts: object, digest: Digest = "blake2b") -> int:
    """Return a number in [0, 2**64) that depends on the parts alone.

    Args:
        parts: what the choice is for, such as seed, record id and kind; compared as text.
        digest: which hash.
    """
    key = _key(parts)
    if digest == "sha256":
        return int.from_bytes(hashlib.sha256(key).digest()[:8], "big")
    return int.from_bytes(hashlib.blake2b(key, digest_size=8).digest(), "big")


def stable_rng(*parts: object, digest: Digest = "blake2b") -> random.Random:
    """Return a generator of its own for each key."""
    return random.Random(stable_hash(*parts, digest=digest))


class RandomStream:
    """Uniform numbers and weighted orders drawn from a key.

    The stream is BLAKE2b over the key and a counter. It takes a fraction of the time that seeding
    `random.Random` takes, which matters where each caption needs several streams.
    """

    __slots__ = ("_block", "_key", "_numbers")

    def __init__(self, *key: object) -> None:
        self._key = _key(key)
        self._block = 0
        self._numbers: list[int] = []

    def uniform(self) -> float:
        """Return a number in [0, 1)."""
        if not self._numbers:
            text = self._key + self._block.to_bytes(4, "little")
            digest = hashlib.blake2b(text, digest_size=64).digest()
            self._numbers = [int.from_bytes(digest[i : i + 8], "little") for i in range(0, 64, 8)]
            self._block += 1
        # 53 bits are what a double holds exactly.
        return (self._numbers.pop() >> 11) * 2.0**-53

    def order(self, items: Sequence[T], weights: Sequence[float] | None = None) -> Iterator[T]:
        """Yield all items, drawn one after the other without replacement, by weight."""
        rest = list(items)
        shares = list(weights) if weights is not None else [1.0] * len(rest)
        while rest:
            index = self._choose(shares) if len(rest) > 1 else 0
            shares.pop(index)
            yield rest.pop(index)

    def _choose(self, shares: list[float]) -> int:
        remaining = self.uniform() * sum(shares)
        for index, share in enumerate(shares):
            remaining -= share
            if remaining < 0:
                return index
        return len(shares) - 1
