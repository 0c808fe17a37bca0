"""Units of a caption: its entities and relations as short texts, each with a false twin.

CS-CLIP (2602.23906, kargibora/CS-CLIP) lets a language model split captions and foil the parts.
Here tags give the parts, and the kinds of negatives their foils: a unit's foil is a negative of the
caption whose change lies within the unit, made by the same fillers and held to the same rules.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple, Protocol

from ahnpl_cli.negatives.candidates import Candidate, MaskedWord, Ranking
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.relations import noun_phrases
from ahnpl_cli.negatives.text.words import VERBS, Word
from ahnpl_cli.records import Edit, Negative, Unit, apply_edits

# What may foil a unit, by its kind, in a random order; and what does where none of these can.
FOILS = {"entity": ("attribute", "object"), "relation": ("relation", "action", "spatial")}
LAST_FOILS = {"entity": (), "relation": ("swap",)}
LONGEST_LINK = 4  # words between the two things of a relation
_LINKING = frozenset((*VERBS, "IN", "RP", "TO", "RB"))
_NO_LINK = frozenset(("of", "and", "or", "that", "while", "as", "like", "than", "if", "because"))


class Span(NamedTuple):
    """Words of a caption that make a unit: its kind, and its first and last word."""

    kind: str
    first: int
    last: int


class Source(Protocol):
    """Proposes the negatives of one kind of one caption, one after the other.

    Attributes:
        rejected: what makes no negative so far, by reason.
    """

    rejected: Counter[str]

    def propose(self) -> Candidate | MaskedWord | None:
        """Return the next candidate, the masked word to rank before there is one, or None."""
        ...

    def take(self, ranking: Ranking) -> None:
        """Take the ranking of the masked word last proposed."""
        ...

    def accept(self) -> None:
        """The last candidate is a negative."""
        ...


def spans(words: Sequence[Word]) -> Iterator[Span]:
    """Yield the units of a caption in its order, an entity before the relations it begins."""
    # What names no thing, such as the "top" of "on top of", may stand between two.
    things = [phrase for phrase in noun_phrases(words) if grammar.is_noun(words[phrase.head])]
    for place, thing in enumerate(things):
        yield Span("entity", thing.first, thing.last)
        following = things[place + 1] if place + 1 < len(things) else None
        if following is not None and _links(words[thing.last + 1 : following.first]):
            yield Span("relation", thing.first, following.last)


def _links(between: Sequence[Word]) -> bool:
    """Whether the words between two things relate them: "riding", "on top of"."""
    if not 1 <= len(between) <= LONGEST_LINK:
        return False
    if any(word.lower in _NO_LINK and word.lower != "of" for word in between):
        return False
    # "of" alone makes no relation to be seen; in "on top of" it is not alone.
    if between[0].lower == "of":
        return False
    return between[0].tag in _LINKING or between[0].lower in ("in", "next", "close")


class UnitSource:
    """Candidates of one unit: its kinds in turn, of each only what changes the unit alone.

    Args:
        sources: make a source each, one a kind, in the order to try them.
        start: first character of the unit.
        end: one past its last.
    """

    def __init__(self, sources: Sequence[Callable[[], Source]], start: int, end: int) -> None:
        self.start, self.end = start, end
        self.rejected: Counter[str] = Counter()
        self._waiting = list(sources)
        self._current: Source | None = None

    def propose(self) -> Candidate | MaskedWord | None:
        """Return the next candidate within the unit, a masked word to rank, or None."""
        while self._current is not None or self._waiting:
            if self._current is None:
                self._current = self._waiting.pop(0)()
            proposal = self._current.propose()
            if proposal is None:
                self._current = None
            elif self._is_inside(proposal):
                return proposal
        return None

    def _is_inside(self, proposal: Candidate | MaskedWord) -> bool:
        if isinstance(proposal, MaskedWord):
            return True
        return all(self.start <= e.start and e.end <= self.end for e in proposal.edits)

    def take(self, ranking: Ranking) -> None:
        """Take the ranking of the masked word last proposed."""
        assert self._current is not None
        self._current.take(ranking)

    def accept(self) -> None:
        """Nothing to do: one foil is enough."""


def to_unit(kind: str, caption: str, negative: Negative, start: int, end: int) -> Unit:
    """Return a unit whose foil is a negative of its caption, cut to the unit."""
    edits = tuple(
        Edit(edit.start - start, edit.end - start, edit.old, edit.new) for edit in negative.edits
    )
    text = caption[start:end]
    return Unit(kind, text, apply_edits(text, edits), edits, start, negative.filler)
