"""Which things captions say together: what belongs beside others, and what goes without saying."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from ahnpl_cli.negatives.statistics import Statistics

# Mean association with the other nouns, and the least with one, below which a noun is out of place.
LEAST_TOPIC, STRANGE = -0.1, -1.2
# For a noun that takes the place of another: by how much the mean may be less, and what the mean of
# a noun of a smaller share of images must be all the same, since its counts tell little (ours).
THAN_ANOTHER, COMMON_SHARE, RARE_TOPIC = 0.4, 0.015, 0.0
SLACK = 0.1  # by which it may be less at home than the noun it stands for
SMALL = 1_000  # captions
PSEUDO, ASSOCIATION_MOST = 2.0, 3.0  # images that an association counts before it is believed
# Share of a thing's images that another is said of from which it may be on any of them (ours).
USUAL, LEAST_USUAL = 0.12, 3
COMPANY = 1.5  # times as often as chance from which two things are seen together for a reason
# Images that must show a noun, and their share where there are few (ours, from what was read).
KNOWN_NOUN, KNOWN_SHARE = 8, 0.0016
_NOTHING: dict[str, int] = {}
Heard = Callable[[str], bool]  # whether captions say a word in some place


class _Associations(dict[str, float]):
    """The associations of nouns with one, each found out when it is first asked for."""

    def __init__(self, evidence: SeenTogether, other: str) -> None:
        super().__init__()
        self._evidence, self._other = evidence, other

    def __missing__(self, noun: str) -> float:
        value = self[noun] = self._evidence.association(noun, self._other)
        return value


class SeenTogether:
    """What captions tell of the things that are seen together.

    Args:
        statistics: counts over them.
    """

    def __init__(self, statistics: Statistics) -> None:
        self.statistics = statistics
        self.association = functools.lru_cache(maxsize=1 << 16)(self._association)
        # Asked for more often than anything else, mostly with a few hundred nouns.
        self._associations_with = functools.lru_cache(maxsize=512)(
            functools.partial(_Associations, self)
        )
        self.things = functools.cache(self._things)
        self._associations = functools.lru_cache(maxsize=1 << 11)(self._all_associations)
        self._usual_with = functools.lru_cache(maxsize=1 << 12)(self._all_usual_with)

    @property
    def is_small(self) -> bool:
        """Whether there are too few captions to tell what cannot be said."""
        return self.statistics.captions < SMALL

    def _association(self, first: str, second: str) -> float:
        """Log of how much more often than by chance two nouns are said of one image.

        Believed as far as the counts carry: 0 for nouns that were hardly seen.
        """
        seen = self.statistics.seen
        by_chance = seen.get(first, 0) * seen.get(second, 0) / max(1, self.statistics.images)
        times = self._together(first, second)
        value = math.log((times + PSEUDO) / (by_chance + PSEUDO))
        return max(-ASSOCIATION_MOST, min(ASSOCIATION_MOST, value))

    def _together(self, first: str, second: str) -> int:
        """How many images two nouns are said of."""
        if second < first:
            first, second = second, first
        return self.statistics.together.get(first, _NOTHING).get(second, 0)

    def companions(self, nouns: Sequence[str], least: int) -> list[tuple[str, float]]:
        """Return the things that are seen with nouns, by their mean association, best first.

        Args:
            nouns: of a caption.
            least: images that must show a thing (see `things`).
        """
        things = self.things(least)
        if not things:
            return []
        means = np.mean([self._associations(noun, least) for noun in nouns], axis=0)
        ranked = np.argsort(-means, kind="stable")
        return [(things[index], float(means[index])) for index in ranked.tolist()]

    def _all_associations(self, noun: str, least: int) -> NDArray[np.float32]:
        values = [self._association(noun, thing) for thing in self.things(least)]
        return np.array(values, np.float32)

    @property
    def least_known(self) -> int:
        """How many images must show a noun before captions tell what it goes with."""
        return max(2, min(KNOWN_NOUN, round(KNOWN_SHARE * self.statistics.images)))

    def seen(self, noun: str) -> int:
        """How many images a noun is said of."""
        return self.statistics.seen.get(noun, 0)

    def belonging(self, others: Sequence[str], instead_of: str | None = None) -> Heard:
        """Return what tells whether a noun is seen with others, and with none hardly ever.

        Or about as much as the one that it stands for: where all images show a thing or two of a
        few, as drawn ones do, no two of them are seen together as often as by chance.
        """
        if not others:
            return lambda noun: True
        seen, images = self.statistics.seen, max(1, self.statistics.images)
        least, mean = STRANGE, LEAST_TOPIC
        common, rare = 0.0, mean
        if instead_of is not None:
            common, rare = COMMON_SHARE * images, RARE_TOPIC
            old = [self.association(instead_of, other) for other in others]
            least = min(least, min(old) - SLACK)
            mean = min(mean - THAN_ANOTHER, sum(old) / len(old) - SLACK)
        rows = [(other, self._associations_with(other)) for other in others]

        def belongs(noun: str) -> bool:
            total = 0.0
            for other, values in rows:
                value = values[noun]
                if value < least and noun != other:
                    return False
                total += value
            wanting = mean if seen.get(noun, 0) >= common else max(mean, rare)
            return total >= wanting * len(rows)

        return belongs

    def belongs(self, noun: str, others: Sequence[str]) -> bool:
        """Return whether a noun is seen with others, and with none of them hardly ever."""
        return self.belonging(others)(noun)

    def usual(self, others: Sequence[str]) -> Heard:
        """Return what tells whether a thing is seen with one of others so often as to go unsaid.

        What is said of a share of the images of a thing is there on more of them.
        """
        usual: frozenset[str] = frozenset().union(*map(self._usual_with, others))
        return usual.__contains__

    def _all_usual_with(self, other: str) -> frozenset[str]:
        seen, images = self.statistics.seen, max(1, self.statistics.images)
        share = seen.get(other, 0) / images
        least = max(LEAST_USUAL, USUAL * share * images)
        # Where everything is seen with everything, nothing is company of a thing.
        return frozenset(
            thing
            for thing, times in self._seen_with.get(other, _NOTHING).items()
            if times > max(least, COMPANY * (share * seen.get(thing, 0)))
        )

    @functools.cached_property
    def _seen_with(self) -> dict[str, dict[str, int]]:
        """Noun -> nouns said of the same images -> of how many, both ways round."""
        seen_with: dict[str, dict[str, int]] = defaultdict(dict)
        for first, others in self.statistics.together.items():
            for second, times in others.items():
                seen_with[first][second] = seen_with[second][first] = times
        return dict(seen_with)

    def topic(self, noun: str | None, others: Iterable[str]) -> float:
        """Return the mean association of a noun with others; 0 of none."""
        values = [self.association(noun, other) for other in others if noun and other != noun]
        return sum(values) / len(values) if values else 0.0

    def _things(self, least: int) -> tuple[str, ...]:
        """Nouns said often enough, also in the singular behind a or an."""
        single = self.statistics.single
        least = 2 if self.is_small else least
        return tuple(
            sorted(
                noun
                for noun, images in self.statistics.seen.items()
                if images >= least and single.get(noun, 0) >= least // 2
            )
        )
