"""Negatives by one refilled word: which words may be refilled, and the blanks for a filler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ahnpl_cli.negatives import grammar, wordnet
from ahnpl_cli.negatives.base import Candidate, Change, Parsed, Unit
from ahnpl_cli.negatives.parse import VERBS
from ahnpl_cli.negatives.select import mean_rating
from ahnpl_cli.negatives.spelling import match_case, with_article
from ahnpl_cli.negatives.tables import contraries, word_list
from ahnpl_cli.records import Edit, Kind


class Blank(NamedTuple):
    """A unit of a caption that is to be refilled.

    Attributes:
        parsed: the caption.
        place: index of the unit that is blanked.
    """

    parsed: Parsed
    place: int

    @property
    def unit(self) -> Unit:
        """What stands there now."""
        return self.parsed.units[self.place]


def _attribute(units: Sequence[Unit], index: int) -> bool:
    unit = units[index]
    return unit.pos == "a" and (unit.lemma in contraries("attributes") or _has_opposite(unit))


def _has_opposite(unit: Unit) -> bool:
    return wordnet.has_opposite(unit.lemma)


def _action(units: Sequence[Unit], index: int) -> bool:
    unit = units[index]
    return (
        unit.pos == "v"
        and unit.tag in VERBS
        and unit.lemma not in word_list("weak_verbs")
        and unit.lemma in contraries("verbs")
    )


def _object(units: Sequence[Unit], index: int) -> bool:
    return grammar.is_noun(units[index])


TARGETS: dict[Kind, Callable[[Sequence[Unit], int], bool]] = {
    "attribute": _attribute,
    "action": _action,
    "object": _object,
}


def targets(kind: Kind, parsed: Parsed) -> list[int]:
    """Return the indices of the units that a kind may refill."""
    may = TARGETS[kind]
    return [index for index in range(len(parsed.units)) if may(parsed.units, index)]


def refill(kind: Kind, parsed: Parsed, index: int, word: str, score: float) -> Candidate:
    """Put `word` in the place of a unit."""
    unit = parsed.units[index]
    assert unit.pos is not None
    new = match_case(word, unit.text)
    edits = with_article(parsed.record.caption, Edit(unit.start, unit.end, unit.text, new))
    change = Change(unit, new, wordnet.lemma(word.lower(), unit.pos))
    return Candidate(kind, (change,), edits, round(score, 4), mean_rating((unit,)))
