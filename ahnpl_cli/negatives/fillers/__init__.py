"""What refills a blank: a masked language model, or statistics of the captions themselves."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from ahnpl_cli.negatives.fill import Blank

Ranked = list[tuple[str, float]]


class Filler(Protocol):
    """Ranks words for blanks.

    Attributes:
        name: what stands in the records, such as `roberta-base@<revision>` or `corpus`.
    """

    name: str

    def rank(self, blanks: Sequence[Blank]) -> list[Ranked]:
        """Return for each blank the best words, best first, with scores (higher is better)."""
        ...
