"""Negatives by exchange: two nouns (`relation`), two adjectives (`attribute_swap`)."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from ahnpl_cli.negatives import grammar, wordnet
from ahnpl_cli.negatives.base import Candidate, Change, Draw, Parsed, Unit
from ahnpl_cli.negatives.select import Weigh, mean_rating
from ahnpl_cli.negatives.sorts import animate, same_sort
from ahnpl_cli.negatives.spelling import match_case, with_article
from ahnpl_cli.negatives.tables import word_list
from ahnpl_cli.records import Edit, Kind

# How much more often nouns of one sort (a man and a dog) are exchanged than a man and a wave, and
# how much more often two things or two living beings are (ours).
SAME_SORT, LIKE = 20.0, 10.0
_BEFORE_NOUN = ("DT", "JJ", "JJR", "JJS", "CD", "PRP$", "PDT", "POS")


def _cased(text: str, unit: Unit, place: Unit, starts: int) -> str:
    """The text of `unit` as it is written in the place of another, at `starts` or later."""
    first = text[:1]
    if unit.start == starts and first.isupper() and not unit.text.isupper():
        text = first.lower() + text[1:]
    return match_case(text, place.text) if place.start == starts else text


def exchange(kind: Kind, parsed: Parsed, first: Unit, second: Unit) -> Candidate:
    """Put each of two units in the place of the other."""
    caption, starts = parsed.record.caption, parsed.units[0].start
    edits: list[Edit] = []
    changes = []
    for place, unit in ((first, second), (second, first)):
        new = _cased(unit.text, unit, place, starts)
        edits += with_article(caption, Edit(place.start, place.end, place.text, new))
        changes.append(Change(place, new, unit.lemma))
    return Candidate(kind, tuple(changes), tuple(edits), rating=mean_rating((first, second)))


def _phrases(units: Sequence[Unit], caption: str) -> list[tuple[int, int, Unit]]:
    """Nouns that may be exchanged: first and last index, and the whole as one unit.

    "slice of pizza" is one; the noun of "of" alone never is.
    """
    found = []
    at = 0
    while at < len(units):
        unit = units[at]
        if unit.pos == "n" and _measures(units, at):
            end = at + 2
            last = units[end]
            text = caption[unit.start : last.end]
            whole = Unit(unit.start, last.end, text, text.lower(), unit.tag, "n", last.lemma)
            found.append((at, end, whole))
            at = end
        elif grammar.is_noun(unit) and not _in_of(units, at):
            found.append((at, at, unit))
        at += 1
    return found


def _measures(units: Sequence[Unit], at: int) -> bool:
    return (
        at + 2 < len(units)
        and units[at].lower in word_list("measures")
        and units[at + 1].lower == "of"
        and grammar.is_noun(units[at + 2])
    )


def _in_of(units: Sequence[Unit], at: int) -> bool:
    """Whether a noun belongs to another by "of", which has no meaning the other way round."""
    after = at + 1 < len(units) and units[at + 1].lower == "of"
    return after and units[at].lower in word_list("measures")


def _fits(units: Sequence[Unit], first: int, second: int) -> bool:
    """Whether each noun can stand after the other's determiner."""
    slots = grammar.determiner(units, first), grammar.determiner(units, second)
    if units[first].tag == "NNS" or slots[0] == slots[1] != "a":
        return True
    return _goes(units[first], slots[1]) and _goes(units[second], slots[0])


def _goes(noun: Unit, slot: grammar.Determiner) -> bool:
    """Whether a singular noun can stand after a determiner."""
    mass = noun.lower in word_list("mass")
    return mass if slot == "none" else slot != "a" or not mass


def _with_article(units: Sequence[Unit], at: int, noun: Unit, caption: str) -> Unit | None:
    """A noun and the article right before it as one unit, the noun alone if it has none.

    None if something else stands before the noun, such as an adjective or a number.
    """
    before = units[at - 1] if at else None
    if before is None or before.tag not in _BEFORE_NOUN:
        return noun
    if before.lower not in ("a", "an", "the", "some"):
        return None
    text = caption[before.start : noun.end]
    return Unit(before.start, noun.end, text, text.lower(), noun.tag, "n", noun.lemma)


class NounSwap:
    """Two different nouns of the same number change places (AHNPL 3.1, `relation`).

    Where one cannot stand after the other's article ("a bird", "water"), articles go along.
    """

    def __init__(self, weigh: Weigh) -> None:
        self.weigh = weigh

    def __call__(self, parsed: Parsed, draw: Draw) -> Iterator[Candidate | str]:
        """Yield exchanges, or the reason why a pair gives none."""
        units = parsed.units
        nouns = _phrases(units, parsed.record.caption)
        pairs = [
            (a, b)
            for a, b in itertools.combinations(nouns, 2)
            if units[a[0]].tag == units[b[0]].tag and a[2].lemma != b[2].lemma
        ]
        weights = [self._weight(a[2], b[2]) for a, b in pairs]
        for (i, i_end, first), (j, _, second) in draw.order(pairs, weights):
            caption = parsed.record.caption
            one: Unit | None = first
            other: Unit | None = second
            if not _fits(units, i, j):
                one = _with_article(units, i, first, caption)
                other = _with_article(units, j, second, caption)
            if one is None or other is None:
                continue
            if units[j - 1].lower == "of" and i_end + 2 == j or _linked_by_of(units, i_end, j):
                yield "of"
            elif grammar.symmetric(units, i_end, j):
                yield "symmetric"
            elif grammar.negated(units, i) or grammar.negated(units, j):
                yield "negated"
            elif relation := wordnet.related(first.lemma, second.lemma, "n"):
                yield relation  # "the giraffe is an animal"
            else:
                yield exchange("relation", parsed, one, other)

    def _weight(self, first: Unit, second: Unit) -> float:
        alike = same_sort(first.lemma, second.lemma)
        both = animate(first.lemma) == animate(second.lemma)
        return self.weigh((first, second)) * (SAME_SORT if alike else LIKE if both else 1.0)


def _linked_by_of(units: Sequence[Unit], first: int, second: int) -> bool:
    between = [unit for unit in units[first + 1 : second] if unit.tag not in ("DT", "JJ", "PRP$")]
    return len(between) == 1 and between[0].lower == "of"


class AdjectiveSwap:
    """Two contrary adjectives of different nouns change places (`attribute_swap`)."""

    def __init__(self, weigh: Weigh) -> None:
        self.weigh = weigh

    def __call__(self, parsed: Parsed, draw: Draw) -> Iterator[Candidate | str]:
        """Yield exchanges, or the reason why a pair gives none."""
        units = parsed.units
        places = [i for i, unit in enumerate(units) if unit.pos == "a" and _head(units, i)]
        pairs = list(itertools.combinations(places, 2))
        weights = [self.weigh((units[i], units[j])) for i, j in pairs]
        for i, j in draw.order(pairs, weights):
            heads = _head(units, i), _head(units, j)
            if not grammar.contrary(units[i].lemma, units[j].lemma) or heads[0] == heads[1]:
                continue
            of_first, of_second = (grammar.modifiers(units, head) for head in heads if head)
            if units[heads[0] or 0].lemma == units[heads[1] or 0].lemma:
                yield "symmetric"
            elif units[j].lower in of_first or units[i].lower in of_second:
                yield "same text"
            elif grammar.negated(units, i) or grammar.negated(units, j):
                yield "negated"
            else:
                yield exchange("attribute_swap", parsed, units[i], units[j])


def _head(units: Sequence[Unit], index: int) -> int | None:
    """Index of the noun that an adjective stands before."""
    for at in range(index + 1, min(index + 5, len(units))):
        if units[at].pos == "n":
            return at
        if units[at].tag not in ("JJ", "CC", ","):
            return None
    return None
