"""Negatives by one refilled word: `attribute`, `action` and `object` (AHNPL 3.1)."""

from __future__ import annotations

import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ahnpl_cli.english import match_case, with_article
from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import (
    Candidate,
    Change,
    LazyRanking,
    MaskedWord,
    ParsedCaption,
    Ranking,
)
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.kinds.heard import HEARD, alike, never
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, mean_rating
from ahnpl_cli.negatives.lexicon.noun_sorts import PERSON, is_sorted, sorts_of
from ahnpl_cli.negatives.lexicon.tables import contraries, different, is_color, word_list
from ahnpl_cli.negatives.lexicon.wordnet import Pos
from ahnpl_cli.negatives.seen_together import Heard
from ahnpl_cli.negatives.statistics import kind_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

_PICTURES = frozenset(("photo", "photograph", "picture", "image", "photos", "shot", "pictures"))
FIT = 0.3  # what a filler's score of a noun counts for beside its association (ours)
_VIVID = frozenset(
    ("vibrant", "bright", "vivid", "fluorescent", "florescent", "neon", "dark", "light")
)
_NO_LOOK = frozenset(("like", "on", "as", "forward"))
_BEFORE_PARTICIPLE = ("DT", "JJ", "PRP$", "CD", "IN")


class MayRefill(Protocol):
    """Which words of a caption a kind refills."""

    def __call__(self, words: Sequence[Word], index: int) -> bool:
        """Whether the word at an index may be refilled."""
        ...


@dataclass(frozen=True, slots=True)
class Refill:
    """A kind of negative whose new words come from a filler.

    Attributes:
        pos: part of speech of the words it refills.
        may_refill: which of them.
    """

    pos: Pos
    may_refill: MayRefill

    def places(self, words: Sequence[Word]) -> list[int]:
        """Return the numbers of the words of a caption that it refills."""
        return [
            index
            for index, word in enumerate(words)
            if word.pos == self.pos and self.may_refill(words, index)
        ]


def _is_attribute(words: Sequence[Word], index: int) -> bool:
    word = words[index]
    if word.lemma in word_list("weak_adjectives") or _is_of_color(words, index):
        return False
    if word.lemma in contraries("attributes"):
        return not _of_photograph(words, index)
    return bool(wordnet.against(word.lemma))


def _is_of_color(words: Sequence[Word], index: int) -> bool:
    """Whether a color is part of another ("golden brown"), or is said to be a bright one."""
    if not is_color(words[index].lower):
        return False
    before = words[index - 1].lower if index else ""
    after = words[index + 1].lower if index + 1 < len(words) else ""
    return before in _VIVID or is_color(before) or is_color(after)


def _of_photograph(words: Sequence[Word], index: int) -> bool:
    """Whether an adjective is part of "black and white", said of a picture."""
    around = [word.lower for word in words[max(0, index - 2) : index + 4]]
    return "black" in around and "white" in around and not _PICTURES.isdisjoint(around)


def _is_action(words: Sequence[Word], index: int) -> bool:
    word = words[index]
    if word.tag == "VBN" and not _is_passive(words, index):
        return False
    if word.lemma in word_list("weak_verbs") or word.lemma not in contraries("verbs"):
        return False
    following = words[index + 1] if index + 1 < len(words) else word
    # "To look real" is no action, "to look at" is.
    if word.lemma == "look" and (following.tag in ("JJ", "RP") or following.lower in _NO_LOOK):
        return False
    return word.tag != "VBG" or not _modifies(words, index)


def _is_passive(words: Sequence[Word], index: int) -> bool:
    return index + 1 < len(words) and words[index + 1].lower == "by"


def _modifies(words: Sequence[Word], index: int) -> bool:
    """Whether a participle stands before a noun like an adjective: "a waiting car"."""
    before = words[index - 1].tag if index else ""
    after = words[index + 1].tag if index + 1 < len(words) else ""
    return before in _BEFORE_PARTICIPLE and after in ("NN", "NNS")


def _is_object(words: Sequence[Word], index: int) -> bool:
    word = words[index]
    before_of = index + 1 < len(words) and words[index + 1].lower == "of"
    # A "Detroit street" is a name's; a "pitcher" may be a jug or a player.
    of_name = index > 0 and words[index - 1].tag == "NNP"
    unclear = word.lemma in different("persons") and kind_of(word.lemma) != PERSON
    if before_of or of_name or unclear or not grammar.is_noun(word):
        return False
    is_whole = is_sorted(word.lemma) and "body" not in sorts_of(word.lemma)
    return is_whole and not _is_told_more(words, index)


def _is_told_more(words: Sequence[Word], index: int) -> bool:
    """Whether the rest of a text speaks of the same thing, and would contradict another."""
    lemma = words[index].lemma
    last = lemma.rpartition(" ")[2]
    if any(last in other.lemma.split() for place, other in enumerate(words) if place != index):
        return True
    # "A red car ... The car": what a later sentence calls "the" was named before.
    is_later = any(word.lower == "." for word in words[:index])
    return is_later and grammar.determiner(words, index) == "the"


ATTRIBUTE = Refill("a", _is_attribute)
ACTION = Refill("v", _is_action)
OBJECT = Refill("n", _is_object)


class ValidWords(NamedTuple):
    """The words that may stand in a place, with their scores, and the rejected ones by reason."""

    words: list[tuple[str, float]]
    rejected: Counter[str]


def best_valid(masked: MaskedWord, ranking: Ranking, most: int, corpus: Corpus) -> ValidWords:
    """Walk down a ranking until enough words are valid.

    Args:
        masked: the word to refill.
        ranking: words with scores, best first.
        most: valid words wanted.
        corpus: what the captions say together.
    """
    # Of few captions it cannot be told what is never said.
    if corpus.is_small:
        return _first_valid(masked, ranking, most, None)
    if isinstance(ranking, LazyRanking):
        return _best_heard(masked, ranking, most, corpus)
    return _first_valid(masked, ranking, most, _heard(masked, corpus))


def _heard(masked: MaskedWord, corpus: Corpus) -> Heard:
    return HEARD[masked.word.pos or "n"](masked, corpus)


def _first_valid(
    masked: MaskedWord, ranking: Ranking, most: int, is_heard: Heard | None
) -> ValidWords:
    """The first valid words of a ranking that is long, or that a model has made."""
    if is_heard is never:
        return ValidWords([], Counter((validity.UNHEARD,)))
    context = validity.context_of(masked.caption.words, masked.index)
    # A language model knows what belongs where.
    keeps_peers = isinstance(ranking, LazyRanking)
    valid: list[tuple[str, float]] = []
    rejected: Counter[str] = Counter()
    for word, score in ranking:
        reason: str | None = validity.UNHEARD
        if is_heard is None or is_heard(word.lower()):
            image_words = masked.caption.image_words
            reason = validity.word_reason(
                masked.word, word, context, image_words, keeps_peers=keeps_peers
            )
        if reason is not None:
            rejected[reason] += 1
            continue
        valid.append((word, score))
        if len(valid) == most:
            break
    return ValidWords(valid, rejected)


def _best_heard(masked: MaskedWord, ranking: LazyRanking, most: int, corpus: Corpus) -> ValidWords:
    """The best valid words of a vocabulary: few are valid, often none, and only they are ranked.

    The words that are not heard of, or fit less than any, are counted under one reason.
    """
    pos, image_words = masked.word.pos or "n", masked.caption.image_words
    possible = ranking.possible(alike(masked.word, corpus) if pos == "n" else None)
    rejected = Counter(possible.rejected)
    valid: list[int] = []
    # What the place asks for takes as long to find out as the rest.
    if possible.words:
        is_heard = _heard(masked, corpus)
        context = validity.context_of(masked.caption.words, masked.index)
        for number, word, lemma in possible.words:
            if is_heard(word):
                reason = validity.place_reason(word, lemma, pos, context, image_words)
                if reason is None:
                    valid.append(number)
                else:
                    rejected[reason] += 1
    best = ranking.best(valid)
    unheard = possible.total - rejected.total() - len(best)
    if unheard:
        rejected[validity.UNHEARD] = unheard
    return ValidWords(best[:most], rejected)


class RefillJob:
    """Refills one word after the other of one caption, each with one valid word after the other.

    Attributes:
        rejected: words and places that make no negative so far, by reason.
    """

    def __init__(
        self,
        refill: Refill,
        caption: ParsedCaption,
        stream: RandomStream,
        weigh: Weigh,
        valid_words: Callable[[MaskedWord, Ranking], ValidWords],
        corpus: Corpus,
    ) -> None:
        self.caption, self.stream, self.corpus = caption, stream, corpus
        self.valid_words = valid_words
        self.rejected: Counter[str] = Counter()
        words = caption.words
        indices = refill.places(words)
        weights = [weigh(words[index].lemma) for index in indices]
        masked = (MaskedWord(caption, index) for index in stream.order(indices, weights))
        # Each word to refill with its valid words, which are None until a filler was asked.
        self._queue: deque[tuple[MaskedWord, Iterator[tuple[str, float]] | None]] = deque(
            (word, None) for word in masked
        )

    def propose(self) -> Candidate | MaskedWord | None:
        """Return the next candidate, the masked word to rank before there is one, or None."""
        while self._queue:
            masked, valid_words = self._queue[0]
            if valid_words is None:
                if not grammar.negated(self.caption.words, masked.index):
                    return masked
                self.rejected[validity.NEGATED] += 1
            else:
                choice = next(valid_words, None)
                if choice is not None:
                    return _refilled(masked, *choice)
            self._queue.popleft()
        return None

    def take(self, ranking: Ranking) -> None:
        """Take the ranking of the masked word last proposed."""
        masked, _ = self._queue[0]
        valid, rejected = self.valid_words(masked, ranking)
        # What `Counter.update` asks first takes longer than the counting.
        for reason, count in rejected.items():
            self.rejected[reason] += count
        if masked.word.pos == "n":
            valid = self._in_topic(masked, valid)
        best = max((score for _, score in valid), default=0.0)
        # Drawn by probability, as far as scores are logarithms of it; none has no chance at all.
        weights = [math.exp(score - best) + 1e-9 for _, score in valid]
        self._queue[0] = masked, self.stream.order(valid, weights)

    def _in_topic(
        self, masked: MaskedWord, valid: list[tuple[str, float]]
    ) -> list[tuple[str, float]]:
        """Weigh nouns by what is seen together as well as by the words beside them."""
        others = masked.caption.nouns_but(masked.index)
        if not others:
            return valid
        return [
            (word, FIT * score + self.corpus.topic(wordnet.lemma(word.lower(), "n"), others))
            for word, score in valid
        ]

    def accept(self) -> None:
        """Turn to the next word: with --per-kind above one, all give one before any a second."""
        self._queue.rotate(-1)


def _refilled(masked: MaskedWord, new_word: str, score: float) -> Candidate:
    """Put a word in the place of the masked one."""
    word = masked.word
    assert word.pos is not None
    new = match_case(new_word, word.text)
    edits = with_article(masked.caption.record.caption, Edit(word.start, word.end, word.text, new))
    change = Change(word, new, wordnet.lemma(new_word.lower(), word.pos))
    return Candidate((change,), edits, mean_rating(word.lemma), round(score, 4), masked)
