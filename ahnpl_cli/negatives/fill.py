"""Negatives by one refilled word: which words may be refilled, and the blanks for a filler."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

from ahnpl_cli.negatives import grammar, wordnet
from ahnpl_cli.negatives.base import Candidate, Change, Parsed, Unit
from ahnpl_cli.negatives.select import mean_rating
from ahnpl_cli.negatives.sorts import animate
from ahnpl_cli.negatives.spelling import match_case, with_article
from ahnpl_cli.negatives.tables import contraries, word_list
from ahnpl_cli.records import Edit, Kind

_PICTURES = frozenset(("photo", "photograph", "picture", "image", "photos", "shot", "pictures"))
POSTURES = frozenset(("sit", "stand", "lie", "lay", "rest", "lean", "perch", "float"))


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
    if unit.pos != "a" or unit.lemma in word_list("weak_adjectives"):
        return False
    if unit.lemma in contraries("attributes"):
        return not _of_photograph(units, index)
    return bool(wordnet.against(unit.lemma))


def _of_photograph(units: Sequence[Unit], index: int) -> bool:
    """Whether an adjective is part of "black and white", said of a picture."""
    around = [unit.lower for unit in units[max(0, index - 2) : index + 4]]
    return "black" in around and "white" in around and not _PICTURES.isdisjoint(around)


def _action(units: Sequence[Unit], index: int) -> bool:
    unit = units[index]
    if unit.pos != "v" or unit.tag == "VBN" and not _passive(units, index):
        return False
    if unit.lemma in word_list("weak_verbs") or unit.lemma not in contraries("verbs"):
        return False
    return unit.tag != "VBG" or not _modifies(units, index)


def _passive(units: Sequence[Unit], index: int) -> bool:
    return index + 1 < len(units) and units[index + 1].lower == "by"


def lifeless(units: Sequence[Unit], index: int) -> bool:
    """Whether a verb of posture is said of a thing, as far as the nouns before it tell."""
    if units[index].lemma not in POSTURES:
        return False
    return not any(unit.pos == "n" and animate(unit.lemma) for unit in units[:index])


def _modifies(units: Sequence[Unit], index: int) -> bool:
    """Whether a participle stands before a noun like an adjective: "a waiting car"."""
    before = units[index - 1].tag if index else ""
    after = units[index + 1].tag if index + 1 < len(units) else ""
    return before in ("DT", "JJ", "PRP$", "CD", "IN") and after in ("NN", "NNS")


def _object(units: Sequence[Unit], index: int) -> bool:
    unit = units[index]
    follows = index + 1 < len(units) and units[index + 1].lower == "of"
    return grammar.is_noun(unit) and not follows


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
