"""Negatives by one refilled word: `attribute`, `action` and `object` (AHNPL 3.1)."""

from __future__ import annotations

import functools
import math
from collections import Counter, deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import Candidate, Change, MaskedWord, ParsedCaption, Ranking
from ahnpl_cli.negatives.evidence import Corpus, Heard
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, mean_rating
from ahnpl_cli.negatives.lexicon.noun_sorts import PERSON, sorts_of, widened
from ahnpl_cli.negatives.lexicon.tables import contraries, different, word_list
from ahnpl_cli.negatives.statistics import TEXT_END, doing, group_of, kind_of, names_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.relations import relations_of, verbs_exclude
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.spelling import match_case, with_article
from ahnpl_cli.stable_hash import RandomStream

_PICTURES = frozenset(("photo", "photograph", "picture", "image", "photos", "shot", "pictures"))
FIT = 0.3  # what a filler's score of a noun counts for beside its association (ours)
KNOWN = 20  # images that must show a noun before it is known what is never done to it
QUIET = grammar.POSTURES | {"be"}  # what a person and an animal both do
BEFORE_HEAD = frozenset(("JJ", "CC", ",", "NN"))
BEFORE_OBJECT = frozenset(("DT", "PRP$", "JJ", "CD", "VBN"))
_NO_LOOK = frozenset(("like", "on", "as", "forward"))
_BEFORE_PARTICIPLE = ("DT", "JJ", "PRP$", "CD", "IN")


class MayRefill(Protocol):
    """Which words of a caption a kind refills."""

    def __call__(self, words: Sequence[Word], index: int) -> bool:
        """Whether the word at an index may be refilled."""
        ...


@dataclass(frozen=True, slots=True)
class Refill:
    """A kind of negative whose new words come from a filler."""

    may_refill: MayRefill


def _is_attribute(words: Sequence[Word], index: int) -> bool:
    word = words[index]
    if word.pos != "a" or word.lemma in word_list("weak_adjectives"):
        return False
    if word.lemma in contraries("attributes"):
        return not _of_photograph(words, index)
    return bool(wordnet.against(word.lemma))


def _of_photograph(words: Sequence[Word], index: int) -> bool:
    """Whether an adjective is part of "black and white", said of a picture."""
    around = [word.lower for word in words[max(0, index - 2) : index + 4]]
    return "black" in around and "white" in around and not _PICTURES.isdisjoint(around)


def _is_action(words: Sequence[Word], index: int) -> bool:
    word = words[index]
    if word.pos != "v" or word.tag == "VBN" and not _is_passive(words, index):
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
    return grammar.is_noun(word) and not (before_of or of_name or unclear)


ATTRIBUTE = Refill(_is_attribute)
ACTION = Refill(_is_action)
OBJECT = Refill(_is_object)


# Whether captions say a new word where the masked one stands. What the place asks for is found out
# once, since a filler names dozens of words for it.


def _never(word: str) -> bool:
    """No word is heard of where captions say nothing of what is there."""
    return False


def _verb_heard(masked: MaskedWord, corpus: Corpus) -> Heard:
    """A verb is said of such a thing, before such words.

    "A dog eats" but no chair does; "falls into the water" but nothing sits into it.
    """
    words, index = masked.caption.words, masked.index
    doer = grammar.subject(words, index)
    noun = None if doer is None else words[doer].lemma
    kind = None if noun is None else kind_of(noun)
    seen_together = corpus.belonging(masked.caption.nouns_but(index))
    may_follow = _what_follows(masked, noun, corpus)

    def is_heard(word: str) -> bool:
        verb = wordnet.lemma(word, "v")
        if kind is not None and not verbs_exclude(masked.word.lemma, verb, kind):
            return False
        if noun is not None and not corpus.does(verb, noun):
            return False
        # Nobody skis where there is an alley, whatever people do; they stand anywhere.
        is_anywhere = verb in QUIET and noun is not None
        return may_follow(word, verb) and (is_anywhere or seen_together(doing(verb)))

    return is_heard


def _what_follows(
    masked: MaskedWord, noun: str | None, corpus: Corpus
) -> Callable[[str, str], bool]:
    """Whether a verb, by form and lemma, is said before the words behind the masked one."""
    words, index = masked.caption.words, masked.index
    following = words[index + 1] if index + 1 < len(words) else None
    if following is None or following.tag in (".", ",", "CC"):
        return lambda word, verb: corpus.heard(word, TEXT_END) or corpus.heard(word, ",")
    preposition, target = "", None
    if following.tag in BEFORE_OBJECT or following.pos in ("n", "a"):
        target = _object(words, index + 1)
    else:
        preposition = following.lower
        if following.tag in ("IN", "TO", "RP"):
            target = _object(words, index + 2)
    known = None
    # Of what captions hardly name it cannot be told what is never done to it.
    if target is not None and corpus.seen(target) >= KNOWN:
        known = corpus.acts("" if noun is None else group_of(noun), target)

    def may_follow(word: str, verb: str) -> bool:
        if preposition and not corpus.heard(word, preposition):
            return False
        return known is None or (verb, preposition) in known

    return may_follow


def _object(words: Sequence[Word], start: int) -> str | None:
    """The noun that a phrase is about: of "a slice of pizza" the pizza."""
    place = grammar.noun_ahead(words, start, BEFORE_OBJECT, 5)
    if place is None:
        return None
    following = words[place + 1 : place + 2]
    if following and following[0].lower == "of" and words[place].lower in word_list("measures"):
        place = grammar.noun_ahead(words, place + 2, BEFORE_OBJECT, 4) or place
    return names_of(words[place].lemma)[-1]


def _noun_heard(masked: MaskedWord, corpus: Corpus) -> Heard:
    """Captions relate such a noun as the caption relates the one that is there.

    "A baby pressing on a suitcase", but no bull; and nothing that is never seen with the others.
    """
    words, index = masked.caption.words, masked.index
    kind = kind_of(masked.word.lemma)
    # Of what is hardly ever said, the counts tell neither what it is nor what it goes with.
    least = corpus.least_known
    if corpus.seen(masked.word.lemma) < least / 2:
        return _never
    others = masked.caption.nouns_but(index)
    seen_together = corpus.belonging(others, masked.word.lemma)
    is_usual = corpus.usual(others)
    is_thing = kind == "thing"
    alike = _alike(corpus, kind, widened(sorts_of(masked.word.lemma)))
    groups: list[frozenset[str]] = []
    objects: list[frozenset[str]] = []
    for side in relations_of(words):
        text = " ".join(word.lower for word in words[side.first : side.last + 1])
        if index == side.head:
            groups.append(corpus.groups_saying(text, words[side.object].lemma))
        elif index == side.object:
            objects.append(corpus.objects_of(group_of(words[side.head].lemma), text))

    def is_heard(word: str) -> bool:
        noun = alike[word]
        if noun is None:
            return False
        for group in groups:
            if noun.group not in group:
                return False
        for said in objects:
            if said.isdisjoint(noun.names):
                return False
        # A kitchen with an oven has a fridge as well.
        if is_thing and is_usual(noun.lemma):
            return False
        return seen_together(noun.lemma)

    return is_heard


class _NounFacts(NamedTuple):
    """What is asked of a noun that may be put in."""

    lemma: str
    group: str
    names: tuple[str, ...]


class _Alike(dict[str, _NounFacts | None]):
    """The nouns of one kind and of some sorts that captions know well; None of any other word.

    Fillers name the same few thousand over and over: each is looked at once.
    """

    def __init__(self, corpus: Corpus, kind: str, sorts: frozenset[str]) -> None:
        super().__init__()
        self._corpus, self._kind, self._sorts = corpus, kind, sorts

    def __missing__(self, word: str) -> _NounFacts | None:
        lemma = wordnet.lemma(word, "n")
        is_alike = kind_of(lemma) == self._kind and not self._sorts.isdisjoint(sorts_of(lemma))
        facts = None
        if is_alike and self._corpus.seen(lemma) >= self._corpus.least_known:
            facts = _NounFacts(lemma, group_of(lemma), names_of(lemma))
        self[word] = facts
        return facts


@functools.lru_cache(maxsize=128)
def _alike(corpus: Corpus, kind: str, sorts: frozenset[str]) -> _Alike:
    return _Alike(corpus, kind, sorts)


def _adjective_heard(masked: MaskedWord, corpus: Corpus) -> Heard:
    """Captions describe such a noun by an adjective, as far as there is a noun."""
    words = masked.caption.words
    head = grammar.noun_ahead(words, masked.index + 1, BEFORE_HEAD, 4)
    if head is None:
        head = grammar.subject(words, masked.index)
    if head is None:
        return _never
    return corpus.adjectives(words[head].lemma).__contains__


# Part of speech -> what tells whether captions say a new word, in lower case, as it would stand.
_HEARD = {"n": _noun_heard, "v": _verb_heard, "a": _adjective_heard}


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
    context = validity.context_of(masked.caption.words, masked.index)
    # Of few captions it cannot be told what is never said.
    is_heard = None if corpus.is_small else _HEARD[masked.word.pos or "n"](masked, corpus)
    image_words = masked.caption.image_words
    valid: list[tuple[str, float]] = []
    rejected: Counter[str] = Counter()
    # Most words of a long ranking are rejected, so what is unheard of is counted apart.
    unheard = 0
    if is_heard is _never:
        ranking, unheard = (), 1
    for word, score in ranking:
        if is_heard is not None and not is_heard(word.lower()):
            unheard += 1
            continue
        reason = validity.word_reason(masked.word, word, context, image_words)
        if reason is not None:
            rejected[reason] += 1
            continue
        valid.append((word, score))
        if len(valid) == most:
            break
    if unheard:
        rejected[validity.UNHEARD] += unheard
    return ValidWords(valid, rejected)


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
        indices = [index for index in range(len(words)) if refill.may_refill(words, index)]
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
        self.rejected.update(rejected)
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
