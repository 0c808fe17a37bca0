"""What the makers of negatives share: a parsed caption, a word to refill, and what is proposed."""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

import numpy as np

from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon.concreteness import Weigh
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.relations import Relation, relations_of
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import CaptionRecord, Edit
from ahnpl_cli.stable_hash import RandomStream

SORTED_FIRST = 64  # words of a ranking that are sorted first; few masked words need more
Admit = Callable[[str], bool]  # whether a word, in lower case, is looked at at all
# Words with scores, best first, higher is better; read only as far as valid words are needed.
Ranking = Iterable[tuple[str, float]]


class Possible(NamedTuple):
    """The words that could be negatives of a word, whatever stands around it.

    Attributes:
        words: numbers in the vocabulary, words in lower case and their lemmas.
        rejected: how many of the others could not, by reason.
        total: how many words these were chosen from.
    """

    words: list[tuple[int, str, str]]
    rejected: Counter[str]
    total: int


@dataclass(frozen=True, slots=True)
class LazyRanking:
    """A ranking of a vocabulary that is made only as far as it is read.

    Attributes:
        words: all words of the vocabulary.
        possible: finds those that could be negatives, among words that it is told to admit.
        fitting: of some numbers of words, or of all that contradict, gives those that fit, in
            order, and their scores (N,).
    """

    words: Sequence[str]
    possible: Callable[[Admit | None], Possible]
    fitting: Callable[[list[int] | None], tuple[np.ndarray, np.ndarray]]

    def __iter__(self) -> Iterator[tuple[str, float]]:
        numbers, scores = self.fitting(None)
        for places in _best_first(scores):
            chosen = numbers[places].tolist()
            for number, score in zip(chosen, scores[places].tolist(), strict=True):
                yield self.words[number], score

    def best(self, numbers: list[int]) -> list[tuple[str, float]]:
        """Return those of some words that fit, by number in rising order, best first."""
        if not numbers:
            return []
        fitting, scores = self.fitting(numbers)
        places = np.argsort(-scores, kind="stable")
        chosen = fitting[places].tolist()
        words = [self.words[number] for number in chosen]
        return list(zip(words, scores[places].tolist(), strict=True))


def _best_first(scores: np.ndarray) -> Iterator[np.ndarray]:
    """Places of scores, largest first, equal ones in their order; a few at first, then the rest."""
    if len(scores) <= SORTED_FIRST:
        yield np.argsort(-scores, kind="stable")
        return
    # Sorting a whole vocabulary to look at its best ten words would take most of the time.
    least = np.partition(scores, len(scores) - SORTED_FIRST)[len(scores) - SORTED_FIRST]
    for part in (scores >= least, scores < least):
        places = part.nonzero()[0]
        yield places[np.argsort(-scores[places], kind="stable")]


@dataclass(frozen=True)
class ParsedCaption:
    """A caption as the kinds see it.

    Attributes:
        record: the caption.
        words: its words in order, as far as the model reads them.
        image_words: lemmas that captions of its image use.
        image_captions: all captions of its image in lower case; empty where only this one is known.
    """

    record: CaptionRecord
    words: tuple[Word, ...]
    image_words: frozenset[str]
    image_captions: tuple[str, ...] = ()

    @functools.cached_property
    def nouns(self) -> dict[int, str]:
        """The lemmas of the nouns that can be seen, by the numbers of their words."""
        return {place: word.lemma for place, word in enumerate(self.words) if grammar.is_noun(word)}

    @functools.cached_property
    def relations(self) -> list[Relation]:
        """How its nouns are said to relate."""
        return relations_of(self.words)

    def nouns_but(self, index: int) -> tuple[str, ...]:
        """Return the lemmas of the nouns that can be seen, but one word's."""
        return tuple(lemma for place, lemma in self.nouns.items() if place != index)

    @property
    def is_whole(self) -> bool:
        """Whether the words are all that the caption has."""
        rest = self.record.caption[self.words[-1].end :] if self.words else self.record.caption
        return not rest.strip()


@dataclass(frozen=True, slots=True)
class MaskedWord:
    """A word of a caption that is to be refilled, or a phrase for which some others may stand.

    Attributes:
        caption: the caption.
        index: of the word that is masked, or of a phrase's first.
        last: of a phrase's last word.
        options: what may stand in the place of a phrase, each to be scored.
    """

    caption: ParsedCaption
    index: int
    last: int | None = None
    options: tuple[str, ...] = ()

    @property
    def word(self) -> Word:
        """The word that is there now, or a phrase as one."""
        word = self.caption.words[self.index]
        if self.last is None:
            return word
        end = self.caption.words[self.last].end
        text = self.caption.record.caption[word.start : end]
        return Word(word.start, end, text, text.lower(), word.tag, None, text.lower())


class Change(NamedTuple):
    """One word that becomes another.

    Attributes:
        word: what is replaced.
        new: the new text, in the case it will have.
        lemma: base form of the new word.
    """

    word: Word
    new: str
    lemma: str


class Candidate(NamedTuple):
    """A negative that still has to be checked.

    Attributes:
        changes: the words changed, in order.
        edits: the same and what they entail (a/an), as edits of the caption.
        concreteness: of what is changed.
        score: of the filler, None where no filler was asked.
        masked: the word that a filler refilled, if one did.
        filler: what chose the new words where no filler did: `swap` of words that are there,
            `table` of our own, or `corpus`, statistics of the captions.
        added: a noun that is added.
    """

    changes: tuple[Change, ...]
    edits: tuple[Edit, ...]
    concreteness: float | None = None
    score: float | None = None
    masked: MaskedWord | None = None
    filler: str = "table"
    added: str | None = None

    @property
    def nouns(self) -> tuple[str | None, str | None]:
        """The noun that is lost and the one that is gained, if a noun is replaced or added."""
        if self.masked is not None and self.masked.word.pos == "n":
            return self.masked.word.lemma, self.changes[0].lemma
        return None, self.added


@dataclass(frozen=True, slots=True)
class Rejected:
    """A possible change that makes no negative, and why (see `records.REASONS`)."""

    reason: str


class Edits(Protocol):
    """A kind of negative whose words are all known from the caption and our tables."""

    def __call__(
        self, caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
    ) -> Iterator[Candidate | Rejected]:
        """Yield candidates in the order to try them, and what was rejected on the way.

        Args:
            caption: the caption.
            stream: random numbers of this caption and kind.
            weigh: how often a word is the one that is changed.
            corpus: what the captions say together.
        """
        ...
