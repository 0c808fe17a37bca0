"""What captions tell about a possible edit, by the statistics of them.

The kinds ask what is possible ("does anything lie under a bench?"), and how plausible an edit is
(`Corpus.plausibility`):

    sum over the words that change and the two behind them of [log p(w_i | w_i-2 w_i-1) + H]
    + TOPIC * sum over the nouns that change of their mean association with the caption's others

taken of the negative less the same of the caption. p interpolates counts of three, two and one
words; H, the mean surprise of a word, makes texts of different lengths comparable. The caption
itself is left out of the counts that it is judged by. Formula and values are ours.
"""

from __future__ import annotations

import functools
import math
from collections import Counter, defaultdict
from collections.abc import Iterable

from ahnpl_cli.negatives.lexicon.noun_sorts import PERSON, is_sorted
from ahnpl_cli.negatives.lexicon.tables import dimensions, is_color
from ahnpl_cli.negatives.lexicon.wordnet import lemma
from ahnpl_cli.negatives.seen_together import SeenTogether
from ahnpl_cli.negatives.statistics import (
    Statistics,
    Window,
    changed_words,
    framed,
    group_of,
    kind_of,
    names_of,
)

THREE, TWO, ONE = 0.5, 0.35, 0.15  # weights of the counts of three, two and one words
FLOOR = 0.5  # what a word never seen counts for
SURPRISE, TOPIC = 3.0, 1.0  # H: nats of a word of a caption, and the weight of associations
RARE = 0.05  # share of what is said of one kind below which it may be a slip
KNOWN_HEAD = 60  # relations said of a noun from which it needs no other of its group
MOST_SAID = 250  # of them that are looked at
# Times that a noun must be said to do something, or be described, before what is hardly said of it
# is held to be no case of it; and how often is more than hardly (ours).
KNOWN_DOER, KNOWN_DESCRIBED, TOLD = 60, 40, 2
SLIP = 0.01  # share of what a group is said to do to a thing up to which it may be a slip
KNOWN_RELATION = 8  # the same of the things that are said to be in a relation to another
GROWN = frozenset(("food", "drink", "plant", "outdoors", "body"))  # groups of things not made
OF_GROUP = 4  # nouns of a group that something must be said of before it goes for all (ours)
_NOTHING: dict[str, int] = {}
_Side = dict[tuple[str, str], frozenset[str]]


def _act(said: str) -> tuple[str, str]:
    """Verb and preposition of a relation, as statistics hold it."""
    first, _, rest = said.partition("|")[2].partition(" ")
    return lemma(first, "v"), rest


@functools.cache
def _colors() -> frozenset[str]:
    return frozenset(filter(is_color, dimensions("attributes"))) - {"blond", "blonde"}


def _frozen(sets: dict[tuple[str, str], set[str]]) -> _Side:
    return {key: frozenset(values) for key, values in sets.items()}


class Corpus(SeenTogether):
    """What the captions tell about a possible edit.

    Args:
        statistics: counts over them.
    """

    def __init__(self, statistics: Statistics) -> None:
        super().__init__(statistics)
        self._tokens = max(1, sum(statistics.words.values()))
        self.adjectives = functools.lru_cache(maxsize=1 << 11)(self._all_adjectives)
        self._doing = functools.lru_cache(maxsize=1 << 11)(self._all_doing)
        self.acts = functools.lru_cache(maxsize=1 << 14)(self._acts)
        # Many candidates of a caption change the same place.
        self._logs_of_caption = functools.lru_cache(maxsize=512)(self._logs_there)
        self._log = functools.lru_cache(maxsize=1 << 16)(self._log_of_word)

    def heard(self, first: str, second: str, least: int = 2) -> bool:
        """Whether a word follows another more than once, as far as the captions can tell."""
        return self.is_small or self.follows(first, second) >= least

    def follows(self, first: str, second: str) -> int:
        """How often a word, in lower case, follows another; "" begins and `TEXT_END` ends."""
        last = first.rpartition(" ")[2]
        return self.statistics.pairs.get(f"{last} {second.partition(' ')[0]}", 0)

    def relations(self, head: str, target: str) -> dict[str, int]:
        """Return the relations, as "form|words", of one noun to another, with how often."""
        return self.statistics.relations.get(f"{head}|{target}", {})

    def said_of(self, head: str, group: str, form: str) -> list[tuple[str, str, int]]:
        """Return (relation, thing, how often) that captions say of a noun in one form.

        Of a noun that they hardly name, what they say of its group.
        """
        own = self._by_head.get((head, form), [])
        if sum(times for *_, times in own) >= KNOWN_HEAD:
            return own
        return self._by_head.get((f"*{group}", form), own)

    @functools.cached_property
    def _by_head(self) -> dict[tuple[str, str], list[tuple[str, str, int]]]:
        """(Noun or group, form) -> relations and things said of it more than once, most first."""
        by_head: dict[tuple[str, str], list[tuple[str, str, int]]] = defaultdict(list)
        for pair, said in self.statistics.relations.items():
            head, _, thing = pair.partition("|")
            for relation, times in said.items():
                form, _, text = relation.partition("|")
                if times > 1:
                    by_head[head, form].append((text, thing, times))
        for rows in by_head.values():
            rows.sort(key=lambda row: (-row[2], row))
            del rows[MOST_SAID:]
        return by_head

    def does(self, verb: str, noun: str) -> bool:
        """Whether a verb is said of things like a noun, and not by some slip of the tagger.

        Of a noun that is said to do much, it must be said itself: cows graze, dogs do not.
        """
        if self.is_small:
            return True
        doers = self.statistics.doers.get(verb, _NOTHING)
        kinds, groups = self._doing(verb)
        if kinds[kind_of(noun)] < max(2.0, RARE * kinds.total()):
            return False
        if self._deeds[noun] >= KNOWN_DOER:
            return doers.get(noun, 0) >= TOLD
        return groups[group_of(noun)] >= TOLD

    def _all_doing(self, verb: str) -> tuple[Counter[str], Counter[str]]:
        """Kind of thing -> how often a verb is said of it, and group -> how often."""
        kinds: Counter[str] = Counter()
        groups: Counter[str] = Counter()
        for noun, times in self.statistics.doers.get(verb, _NOTHING).items():
            kinds[kind_of(noun)] += times
            groups[group_of(noun)] += times
        return kinds, groups

    @functools.cached_property
    def _deeds(self) -> Counter[str]:
        """Noun -> how often it is said to do anything."""
        deeds: Counter[str] = Counter()
        for doers in self.statistics.doers.values():
            deeds.update(doers)
        return deeds

    def descriptions(self, noun: str) -> dict[str, int]:
        """Return the adjectives said of a noun, with how often."""
        return self.statistics.described.get(noun, {})

    def _all_adjectives(self, noun: str) -> frozenset[str]:
        """The adjectives that captions say of a noun, or of several of its group."""
        own: Counter[str] = Counter()
        for name in names_of(noun):
            own.update(self.descriptions(name))
        # A thing that was made and has a color may have any; no dog, no banana and no lake.
        is_made = is_sorted(noun) and kind_of(noun) == "thing" and group_of(noun) not in GROWN
        colors = _colors() if is_made and not _colors().isdisjoint(own) else frozenset()
        # Of a noun that is much described, what it is never said to be it hardly is.
        if own.total() >= KNOWN_DESCRIBED:
            return colors | {word for word, times in own.items() if times >= TOLD}
        said = set(own)
        # No boy is old, whatever persons are; but what trucks are, vans may be.
        if kind_of(noun) != PERSON:
            said |= self._by_group.get(group_of(noun), frozenset())
        if is_made and not said.isdisjoint(_colors()):
            said |= _colors()
        return frozenset(said)

    @functools.cached_property
    def _by_group(self) -> dict[str, frozenset[str]]:
        nouns_with: dict[str, Counter[str]] = defaultdict(Counter)
        for noun, adjectives in self.statistics.described.items():
            nouns_with[group_of(noun)].update(adjectives.keys())
        return {
            group: frozenset(word for word, nouns in counts.items() if nouns >= OF_GROUP)
            for group, counts in nouns_with.items()
        }

    def objects_of(self, group: str, text: str) -> frozenset[str]:
        """Return the nouns that captions say to be in a relation to things of a group.

        Where those are several nouns of one group, that too, as `*group`.
        """
        return self._sides[0].get((group, text), frozenset())

    def groups_saying(self, text: str, target: str) -> frozenset[str]:
        """Return the groups of which captions say a relation to a noun."""
        groups = (self._sides[1].get((text, name), frozenset()) for name in names_of(target))
        return frozenset().union(*groups)

    def heads_saying(self, text: str, target: str) -> frozenset[str] | None:
        """Return the nouns of which captions say a relation to a noun; None if they say it rarely.

        Nouns that captions hardly name are left to their groups.
        """
        heads: Counter[str] = Counter()
        for name in names_of(target):
            heads.update(self._heads.get((text, name), _NOTHING))
        return frozenset(heads) if heads.total() >= KNOWN_RELATION else None

    @functools.cached_property
    def _heads(self) -> dict[tuple[str, str], Counter[str]]:
        """(Relation, noun) -> nouns that are said to be in it to that -> how often."""
        heads: dict[tuple[str, str], Counter[str]] = defaultdict(Counter)
        for pair, said in self.statistics.relations.items():
            head, _, noun = pair.partition("|")
            if head[0] != "*":
                for relation, times in said.items():
                    heads[relation.partition("|")[2], noun][head] += times
        return dict(heads)

    @functools.cached_property
    def _sides(self) -> tuple[_Side, _Side]:
        """(Group, relation) -> nouns, and (relation, noun) -> groups."""
        objects: dict[tuple[str, str], set[str]] = defaultdict(set)
        groups: dict[tuple[str, str], set[str]] = defaultdict(set)
        for pair, said in self.statistics.relations.items():
            head, _, noun = pair.partition("|")
            # "*" alone is any head.
            if head[0] != "*" or head == "*":
                continue
            for relation in said:
                text = relation.partition("|")[2]
                objects[head[1:], text].add(noun)
                groups[text, noun].add(head[1:])
        for nouns in objects.values():
            counts = Counter(map(group_of, nouns))
            nouns.update(f"*{group}" for group, number in counts.items() if number >= OF_GROUP)
        return _frozen(objects), _frozen(groups)

    def _acts(self, group: str, target: str) -> frozenset[tuple[str, str]]:
        """The verbs that nouns of a group are said with to a noun, each with its preposition.

        Or to several of its group: who walks on streets and paths may do so on an alley.
        """
        acts = set(self._acts_on_groups.get((group, group_of(target)), ()))
        for name in names_of(target):
            said = self.relations(f"*{group}", name)
            # Nobody rides an umbrella, whatever a tagger took for it once or twice.
            least = max(TOLD, SLIP * sum(said.values()))
            acts.update(_act(relation) for relation, times in said.items() if times >= least)
        return frozenset(acts)

    def ways(self, group: str) -> frozenset[tuple[str, str]]:
        """Return the verbs that nouns of a group are said with to anything, with prepositions."""
        return self._ways.get(group, frozenset())

    @functools.cached_property
    def _ways(self) -> dict[str, frozenset[tuple[str, str]]]:
        counts: dict[str, Counter[tuple[str, str]]] = defaultdict(Counter)
        for pair, said in self.statistics.relations.items():
            head = pair.partition("|")[0]
            if head[0] == "*" and head != "*":
                for relation, times in said.items():
                    counts[head[1:]][_act(relation)] += times
        return {
            group: frozenset(act for act, times in acts.items() if times > TOLD)
            for group, acts in counts.items()
        }

    @functools.cached_property
    def _acts_on_groups(self) -> dict[tuple[str, str], set[tuple[str, str]]]:
        counts: dict[tuple[str, str], Counter[tuple[str, str]]] = defaultdict(Counter)
        for pair, said in self.statistics.relations.items():
            head, _, noun = pair.partition("|")
            if head[0] == "*":
                counts[head[1:], group_of(noun)].update({_act(relation) for relation in said})
        return {
            groups: {act for act, nouns in acts.items() if nouns >= OF_GROUP}
            for groups, acts in counts.items()
        }

    # How plausible an edit is

    def plausibility(
        self, old: str, new: str, others: Iterable[str], lost: str | None, gained: str | None
    ) -> float:
        """Return the log-odds of an edited text against the caption (see the module's head).

        Args:
            old: the caption.
            new: the negative.
            others: nouns that both have.
            lost: noun that only the caption has, if any.
            gained: noun that only the negative has, if any.
        """
        before, after = changed_words(old, new)
        there = self._logs_of_caption(old, before[1], len(before[0]))
        value = self._logs(after, own=0) - there
        if gained is not None:
            value += TOPIC * (self.topic(gained, others) - self.topic(lost, others))
        return round(value, 3)

    def _logs_there(self, caption: str, start: int, end: int) -> float:
        """The same sum of a caption's own words."""
        return self._logs((framed(caption)[:end], start), own=1)

    def _logs(self, window: Window, own: int) -> float:
        """Sum of log p + H of the words of a window from a place on."""
        tokens, start = window
        total = 0.0
        for index in range(start, len(tokens)):
            total += self._log(tokens[index - 2], tokens[index - 1], tokens[index], own)
        return total

    def _log_of_word(self, first: str, second: str, third: str, own: int) -> float:
        """Return log p + H of the third of three words; `own` of each count is the caption's."""
        counts = self.statistics
        share = ONE * max(counts.words.get(third, 0) - own, FLOOR) / self._tokens
        following = counts.words.get(second, counts.captions) - own
        if following > 0:
            share += TWO * max(0, counts.pairs.get(f"{second} {third}", 0) - own) / following
        pair = f"{first} {second}"
        following = counts.pairs.get(pair, 0) - own
        if following > 0:
            share += THREE * max(0, counts.triples.get(f"{pair} {third}", 0) - own) / following
        return math.log(share) + SURPRISE
