"""What the makers of negatives share: a parsed caption, a candidate, and seeded draws."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol, TypeVar

from ahnpl_cli.negatives.wordnet import Pos
from ahnpl_cli.records import CaptionRecord, Edit, Kind

T = TypeVar("T")


class Unit(NamedTuple):
    """A word of a caption, or a compound such as `fire hydrant` that counts as one.

    Attributes:
        start: first character in the caption.
        end: one past the last.
        text: as written.
        lower: in lower case, parts of a compound parted by one space.
        tag: Penn Treebank tag, a compound's is that of its last word.
        pos: n, v or a for nouns, verbs and adjectives that may be changed, else None.
        lemma: base form; `lower` where pos is None.
    """

    start: int
    end: int
    text: str
    lower: str
    tag: str
    pos: Pos | None
    lemma: str


@dataclass(frozen=True, slots=True)
class Parsed:
    """A caption, its units in order, and the lemmas that captions of its image use."""

    record: CaptionRecord
    units: tuple[Unit, ...]
    image_words: frozenset[str]


@dataclass(frozen=True, slots=True)
class Change:
    """One unit that becomes another word.

    Attributes:
        unit: what is replaced.
        new: the new text, in the case it will have.
        lemma: base form of the new word.
    """

    unit: Unit
    new: str
    lemma: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """A negative that still has to be checked.

    Attributes:
        kind: how it was made.
        changes: the units changed, in order.
        edits: the same and what they entail (a/an), as edits of the caption.
        score: of the filler, None for swaps.
        rating: concreteness of what is changed.
    """

    kind: Kind
    changes: tuple[Change, ...]
    edits: tuple[Edit, ...]
    score: float | None = None
    rating: float | None = None


class Generator(Protocol):
    """Makes candidates of one kind without any model."""

    def __call__(self, parsed: Parsed, draw: Draw) -> Iterator[Candidate | str]:
        """Yield candidates in the order to try them, or the reason why one was dropped."""
        ...


class Draw:
    """Random numbers that depend on what they are for and on nothing else.

    The stream is that of BLAKE2b over the seed, the record's id and the kind, so it is the same on
    every machine, in every order of work.
    """

    __slots__ = ("_buffer", "_count", "_parts")

    def __init__(self, *key: object) -> None:
        self._parts = key
        self._count = 0
        self._buffer: list[int] = []

    def uniform(self) -> float:
        """A number in [0, 1)."""
        if not self._buffer:
            key = "\x1f".join(map(str, self._parts)).encode()
            text = key + self._count.to_bytes(4, "little")
            digest = hashlib.blake2b(text, digest_size=64).digest()
            self._buffer = [int.from_bytes(digest[i : i + 8], "little") for i in range(0, 64, 8)]
            self._count += 1
        return (self._buffer.pop() >> 11) * 2.0**-53

    def order(self, items: Sequence[T], weights: Sequence[float] | None = None) -> Iterator[T]:
        """Yield all items, drawn one after the other without replacement, by weight."""
        rest = list(items)
        shares = list(weights) if weights is not None else [1.0] * len(rest)
        while rest:
            at = self._choose(shares) if len(rest) > 1 else 0
            shares.pop(at)
            yield rest.pop(at)

    def _choose(self, shares: list[float]) -> int:
        left = self.uniform() * sum(shares)
        for at, share in enumerate(shares):
            left -= share
            if left < 0:
                return at
        return len(shares) - 1
