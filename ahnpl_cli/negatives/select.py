"""Which word is changed: any, or the concrete ones more often (Slipform's ConcretePlant)."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Literal

from ahnpl_cli.negatives.base import Unit
from ahnpl_cli.negatives.concreteness import MIDDLE, rating

Select = Literal["random", "concreteness"]
Weigh = Callable[[Sequence[Unit]], float]


def mean_rating(units: Sequence[Unit]) -> float | None:
    """Return the mean concreteness of the units rated, or None."""
    found = [value for unit in units if (value := rating(unit.lemma)) is not None]
    return round(sum(found) / len(found), 3) if found else None


def weigher(select: Select, temperature: float) -> Weigh:
    """Return what gives the weight with which units are drawn.

    Under `concreteness` it is `rating ** (1 / temperature)`: at temperature 1 words are drawn in
    proportion to their rating (1 to 5), towards 0 always the most concrete, towards infinity any.
    The formula is ours: of Slipform only the abstract, which has none, could be read. An unrated
    word counts as the middle of the scale.
    """
    if select == "random":
        return lambda units: 1.0
    power = 1.0 / temperature

    def weigh(units: Sequence[Unit]) -> float:
        value = mean_rating(units)
        return float(((MIDDLE if value is None else value) / 5.0) ** power)

    return weigh
