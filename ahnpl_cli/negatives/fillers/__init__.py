"""What refills a masked word: a masked language model, or statistics of the captions themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ahnpl_cli.negatives.candidates import MaskedWord, Ranking


class Filler(Protocol):
    """Ranks words for masked words.

    Attributes:
        name: what stands in the records, such as `roberta-base@<revision>` or `corpus`.
    """

    name: str

    def rank(self, masked_words: Sequence[MaskedWord]) -> Sequence[Ranking]:
        """Return words with scores for each masked word, best first."""
        ...

    def sure_of(self, masked: MaskedWord, word: str) -> bool:
        """Whether it is known without tagging that a word keeps the tag of what it replaces."""
        ...
