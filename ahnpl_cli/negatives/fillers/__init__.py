"""What refills a blank: a masked language model, or statistics of the captions themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple, Protocol

from ahnpl_cli.negatives.fill import Blank


class Ranked(NamedTuple):
    """What may go into a blank.

    Attributes:
        words: words and scores, best first, higher is better.
        rejected: reason -> words that the filler left out as no negatives.
        checked: whether it left out all that `validity` rejects by word alone.
    """

    words: list[tuple[str, float]]
    rejected: dict[str, int] = {}  # never changed
    checked: bool = False


class Filler(Protocol):
    """Ranks words for blanks.

    Attributes:
        name: what stands in the records, such as `roberta-base@<revision>` or `corpus`.
    """

    name: str

    def rank(self, blanks: Sequence[Blank]) -> list[Ranked]:
        """Return what may go into each blank."""
        ...

    def sure_of(self, blank: Blank, word: str) -> bool:
        """Whether it is known without tagging that a word keeps the tag of what it replaces."""
        ...
