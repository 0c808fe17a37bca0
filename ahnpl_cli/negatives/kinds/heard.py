"""Whether captions say a new word where the masked one stands.

What the place asks for is found out once, since a filler names dozens of words for it.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from ahnpl_cli.negatives.candidates import MaskedWord
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.noun_sorts import sorts_of, widened
from ahnpl_cli.negatives.lexicon.tables import word_list
from ahnpl_cli.negatives.seen_together import Heard
from ahnpl_cli.negatives.statistics import TEXT_END, doing, group_of, kind_of, names_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.relations import text_of, verbs_exclude
from ahnpl_cli.negatives.text.words import Word

KNOWN = 20  # images that must show a noun before it is known what is never done to it
QUIET = grammar.POSTURES | {"be"}  # what a person and an animal both do
AIRBORNE = frozenset(
    ("fly", "jump", "leap", "float", "hang", "soar", "hover", "flip", "spin", "fall")
)
BEFORE_HEAD = frozenset(("JJ", "CC", ",", "NN"))
BEFORE_OBJECT = frozenset(("DT", "PRP$", "JJ", "CD", "VBN"))


def never(word: str) -> bool:
    """No word is heard of where captions say nothing of what is there."""
    return False


def _verb_heard(masked: MaskedWord, corpus: Corpus) -> Heard:
    """A verb is said of such a thing, before such words.

    "A dog eats" but no chair does; "falls into the water" but nothing sits into it.
    """
    words, index = masked.caption.words, masked.index
    verb_there = words[index].lemma
    doer = grammar.subject(words, index)
    noun = None if doer is None else words[doer].lemma
    kind = None if noun is None else kind_of(noun)
    seen_together = corpus.belonging(masked.caption.nouns_but(index))
    may_follow = _what_follows(masked, noun, corpus)

    def is_heard(word: str) -> bool:
        verb = wordnet.lemma(word, "v")
        if kind is not None and not verbs_exclude(verb_there, verb, kind):
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
    if _is_in_air(words, index):
        return lambda word, verb: verb in AIRBORNE
    if following.tag in BEFORE_OBJECT or following.pos in ("n", "a"):
        target = _object(words, index + 1)
    else:
        preposition = following.lower
        if following.tag in ("IN", "TO", "RP"):
            target = _object(words, index + 2)
    group = "" if noun is None else group_of(noun)
    known: frozenset[tuple[str, str]] | None = None
    # Of what captions hardly name it cannot be told where it is never done, but what is done to its
    # group: whatever a snack is, nobody walks it.
    if target is not None and (not preposition or corpus.seen(target) >= KNOWN):
        known = corpus.acts(group, target)
    elif group and preposition and following.tag in ("IN", "TO", "RP"):
        known = corpus.ways(group)

    def may_follow(word: str, verb: str) -> bool:
        if preposition and not corpus.heard(word, preposition):
            return False
        return known is None or (verb, preposition) in known

    return may_follow


def _is_in_air(words: Sequence[Word], index: int) -> bool:
    """Whether what is done is done in the air, as few things are."""
    following = [word.lower for word in words[index + 1 : index + 5]]
    return "air" in following and following[0] in ("in", "through", "into", "up", "high", "mid")


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
    if corpus.seen(masked.word.lemma) < corpus.least_known / 2:
        return never
    groups: list[frozenset[str]] = []
    heads: list[frozenset[str]] = []
    objects: list[frozenset[str]] = []
    for side in masked.caption.relations:
        text = text_of(words, side)
        if index == side.head:
            groups.append(corpus.groups_saying(text, words[side.object].lemma))
            saying = corpus.heads_saying(text, words[side.object].lemma)
            if saying is not None:
                heads.append(saying)
        elif index == side.object:
            objects.append(corpus.objects_of(group_of(words[side.head].lemma), text))
    others = masked.caption.nouns_but(index)
    return NounHeard(
        alike(masked.word, corpus),
        groups,
        heads,
        objects,
        # A kitchen with an oven has a fridge as well.
        corpus.usual(others) if kind == "thing" else never,
        corpus.belonging(others, masked.word.lemma),
    )


@dataclass(frozen=True, slots=True)
class NounHeard:
    """Whether captions say a noun in some place.

    Attributes:
        alike: the nouns like the one that is there.
        groups: those of which captions say each relation that it stands in.
        heads: the nouns themselves, of relations that captions say often.
        objects: the nouns that captions say each relation to that it is the object of.
        is_usual: whether a noun is there unsaid.
        seen_together: whether a noun is seen with the others.
    """

    alike: _Alike
    groups: list[frozenset[str]]
    heads: list[frozenset[str]]
    objects: list[frozenset[str]]
    is_usual: Heard
    seen_together: Heard

    def __call__(self, word: str) -> bool:
        """Whether captions say a noun, in lower case, in this place."""
        noun = self.alike.facts(word)
        if noun is None:
            return False
        for group in self.groups:
            if noun.group not in group:
                return False
        # A group speaks for what captions hardly name, and for nothing else.
        if noun.is_known and not all(noun.lemma in heads for heads in self.heads):
            return False
        for said in self.objects:
            is_of_group = not noun.is_known and f"*{noun.group}" in said
            if not is_of_group and said.isdisjoint(noun.names):
                return False
        return not self.is_usual(noun.lemma) and self.seen_together(noun.lemma)


class _NounFacts(NamedTuple):
    """What is asked of a noun that may be put in."""

    lemma: str
    group: str
    names: tuple[str, ...]
    is_known: bool


class _Alike:
    """The nouns of one kind and of some sorts that captions know well.

    Fillers name the same few thousand over and over: each is looked at once.
    """

    def __init__(self, corpus: Corpus, kind: str, sorts: frozenset[str]) -> None:
        self._corpus, self._kind, self._sorts = corpus, kind, sorts
        self.facts = functools.cache(self._facts)

    def __call__(self, word: str) -> bool:
        """Whether a word, in lower case, is such a noun."""
        return self.facts(word) is not None

    def _facts(self, word: str) -> _NounFacts | None:
        lemma = wordnet.lemma(word, "n")
        is_alike = kind_of(lemma) == self._kind and not self._sorts.isdisjoint(sorts_of(lemma))
        if not is_alike or self._corpus.seen(lemma) < self._corpus.least_known:
            return None
        is_known = self._corpus.seen(lemma) >= KNOWN
        return _NounFacts(lemma, group_of(lemma), names_of(lemma), is_known)


def alike(word: Word, corpus: Corpus) -> _Alike:
    """Return the nouns like one that is there."""
    return _alike(corpus, kind_of(word.lemma), widened(sorts_of(word.lemma)))


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
        return never
    return corpus.adjectives(words[head].lemma).__contains__


# Part of speech -> what tells whether captions say a new word, in lower case, as it would stand.
HEARD = {"n": _noun_heard, "v": _verb_heard, "a": _adjective_heard}
