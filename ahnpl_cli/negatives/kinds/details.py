"""What a caption tells of a thing by a relation, and what may be told falsely instead.

"Holding a kite" tells what somebody holds, "on a beach" where they are. In its place stands what
captions say of such a thing, that nobody does or is in as well, and that goes with all else that
the caption says. Which tells what, and the values, are ours, from what was read on COCO.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import islice

from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import ParsedCaption
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.noun_sorts import PERSON, sorts_of
from ahnpl_cli.negatives.lexicon.tables import alike, word_list
from ahnpl_cli.negatives.statistics import doing, group_of, kind_of, names_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.relations import (
    ALONG,
    GOES_ON,
    THING,
    Relation,
    is_plain,
    read_relation,
    text_of,
)
from ahnpl_cli.negatives.text.words import VERBS, Word
from ahnpl_cli.stable_hash import RandomStream

LEAST = 12  # images that must show a thing
DRAWN = 12  # details drawn for a place
# Least association of a new detail with each noun and verb that stays, and their mean: of where
# something is, and of what it holds or does.
LOOSELY, CLOSELY = (-0.5, -0.05), (-0.1, 0.1)
# What a relation tells of its head: where it is, what it is on, what it holds, what it does.
PLACE, SEAT, HAND, DEED = "place", "seat", "hand", "deed"
# What may stand for what: nobody is in two places, and who rides would not be said to hold a cup.
_INSTEAD = {PLACE: (PLACE,), SEAT: (SEAT, DEED), HAND: (HAND, DEED), DEED: (DEED, HAND, SEAT)}
_UPON = frozenset(("on", "on top of", "atop"))
_AT = _UPON | {"in", "inside", "through", "across", "down", "along", "up"}
_HOLDS = frozenset(("hold", "carry", "use", "eat", "drink", "read"))
_MEALS = frozenset(("eat", "drink"))
_DOES = frozenset(("ride", "fly", "surf", "play", "swing", "drive", "feed", "pet", "kick", "push"))
# What lifeless things do in a place, and what anybody does anywhere.
_OF_THINGS = frozenset(("park", "sit", "stand", "drive", "travel", "go", "move", "fly", "sail"))
_ANYWHERE = grammar.POSTURES | {"walk", "run", "ride", "drive", "travel", "go", "move"}
# Verbs that say nothing of what else somebody does.
_STATES = frozenset(
    ("be", "have", "'s", "wear", "dress", "look", "smile", "cover", "surround", "show", "fill")
)
_GROUPS = frozenset(("animal", "vehicle"))  # those whose members are in the same places
_REGIONS = frozenset(("room", "outdoors", "way", "building"))
_INDOORS, _OUTDOORS = frozenset(("room", "building")), frozenset(("outdoors", "way"))
_BEARING = frozenset(("board", "vehicle", "animal"))
# Who is anywhere, with anything.
_ANYBODY = frozenset(
    ("man", "woman", "person", "people", "boy", "girl", "child", "guy", "lady") + ("hand",)
)
# What several are on, or have, together.
_FOR_SEVERAL = frozenset(
    ("bed", "couch", "sofa", "bench", "table", "boat", "train", "bus", "kite", "elephant")
)
_HANDY = frozenset(("cat", "dog", "bird", "puppy", "kitten", "fish"))  # animals that are held
# Where only what floats is ridden or held.
_WATERS = frozenset(("ocean", "sea", "water", "wave", "river", "lake", "pool", "surf", "pond"))
_AFLOAT = frozenset(("surfboard", "surf board", "board", "boat", "kayak", "canoe", "wave"))
_IN_MOTION = frozenset(("air", "jump", "trick", "ramp", "rail", "competition", "race"))
_BOUND_BEHIND = frozenset(("of", "with"))
_AFTER_DETAIL = frozenset((".", ",", "IN", "CC"))


def details(
    caption: ParsedCaption, nouns: Sequence[int], stream: RandomStream, corpus: Corpus
) -> Iterator[tuple[Relation, str, str]]:
    """Yield relations of a caption with other words, and another thing, in their place.

    Relation and thing are drawn together, as often as captions say them of such things; so what
    negatives gain is much like what they lose.

    Args:
        caption: the caption.
        nouns: places of its nouns that can be seen.
        stream: random numbers of this caption and kind.
        corpus: what the captions say together.
    """
    words = caption.words
    for relation in stream.order(_loose_relations(caption, corpus)):
        # "On a snow covered slope": the snow goes with the slope.
        told = range(relation.first, relation.object + 1)
        kept = [words[index].lemma for index in nouns if index not in told]
        # Of what is hardly ever said it cannot be told what goes with it.
        if any(corpus.seen(noun) < corpus.least_known for noun in kept):
            continue
        fits = _InsteadOf(caption, relation, kept, corpus)
        said = [row for row in _said_of(words, relation, corpus) if fits(row[0], row[1])]
        weights = [times * math.exp(corpus.topic(thing, kept)) for _, thing, times in said]
        for text, thing, _ in islice(stream.order(said, weights), DRAWN):
            yield relation, text, thing


def _said_of(
    words: Sequence[Word], relation: Relation, corpus: Corpus
) -> list[tuple[str, str, int]]:
    """What captions say of a head: where it is, of its group; the rest of things by their names."""
    head = words[relation.head].lemma
    group = group_of(head)
    # No group has the name of a noun, but those that are as wide as it.
    own = corpus.said_of(head, group if group == PERSON else head, relation.form)
    if group not in _GROUPS:
        return own
    known = {row[:2] for row in own}
    rest = corpus.said_of(f"*{group}", "", relation.form)
    return own + [row for row in rest if row[:2] not in known and role_of(*row[:2]) == PLACE]


def _loose_relations(caption: ParsedCaption, corpus: Corpus) -> list[Relation]:
    """The relations of a caption that can go with their noun, as nothing more is said of it."""
    words = caption.words
    loose = []
    for relation in caption.relations:
        target = words[relation.object].lemma
        # What is never added would be lost only, and so tell the negative.
        is_known = corpus.seen(target) >= LEAST
        is_told = is_known and role_of(text_of(words, relation), target) is not None
        if is_told and is_last_said(words, relation.object) and _is_head(words, relation.head):
            loose.append(relation)
    return loose


def _is_head(words: Sequence[Word], head: int) -> bool:
    """Whether a noun alone is what a relation is said of: not the man of "a bride and a man"."""
    before = grammar.governor(words, head)
    if kind_of(words[head].lemma) == THING and before not in ("", "of"):
        return False  # "a man on a skateboard is in a pool": the man is
    return grammar.is_noun(words[head]) and before not in ("and", "or")


def is_last_said(words: Sequence[Word], noun: int) -> bool:
    """Whether what follows a noun says nothing of it, and so nothing of what takes its place."""
    if noun + 1 >= len(words):
        return True
    following = words[noun + 1]
    is_new = following.tag in _AFTER_DETAIL or following.lower == "next"
    return is_new and following.lower not in _BOUND_BEHIND


def role_of(text: str, thing: str) -> str | None:
    """Return what a relation to a thing tells of its head, None if that may go with anything else.

    Who is beside one thing is beside others, and in one place in no other.
    """
    verb, preposition = read_relation(text)
    sorts = sorts_of(thing)
    if _place_name(thing) is not None and preposition in _AT:
        if "furniture" not in sorts:
            return PLACE
        return SEAT if preposition in {"in", *_UPON} else None
    is_upon = preposition in _UPON and verb in {None, "ride", *grammar.POSTURES}
    if is_upon and not sorts.isdisjoint(_BEARING):
        return DEED
    if preposition is not None:
        return None
    if verb in _DOES:
        return DEED
    return HAND if verb in _HOLDS else None


def _place_name(noun: str) -> str | None:
    """What the table of places knows a noun by."""
    return next((name for name in names_of(noun) if name in alike("places")), None)


def _is_place(noun: str) -> bool:
    return _place_name(noun) is not None or not sorts_of(noun).isdisjoint(_REGIONS)


class _InsteadOf:
    """Whether a relation to a thing may be said falsely in the place of one.

    Args:
        caption: the caption.
        relation: one of its relations.
        kept: nouns that stay.
        corpus: what the captions say together.
    """

    def __init__(
        self, caption: ParsedCaption, relation: Relation, kept: Sequence[str], corpus: Corpus
    ) -> None:
        words = caption.words
        self._caption, self._corpus = caption, corpus
        old, self._lost = text_of(words, relation), words[relation.object].lemma
        self._role, self._verb = role_of(old, self._lost), read_relation(old).verb
        head = words[relation.head]
        self._head, kind = head.lemma, kind_of(head.lemma)
        self._is_thing, self._is_person = kind == THING, kind == PERSON
        # Several do not hold one thing, but they may be in one place.
        self._is_one = head.tag == "NN" and head.lower not in word_list("measures")
        rest = [*words[: relation.first], *words[relation.object + 1 :]]
        self._nouns = frozenset(word.lemma for word in rest if word.pos == "n")
        verbs = [word.lemma for word in rest if word.tag in VERBS]
        self._verbs = [verb for verb in verbs if verb not in _STATES]
        self._company = [name for noun in sorted(self._nouns) for name in names_of(noun)]
        self._company += map(doing, self._verbs)
        known = [noun for noun in (*kept, self._lost) if noun not in _ANYBODY]
        self._is_usual = corpus.usual(known)
        self._is_placed = any(map(_is_place, kept))
        others = [noun for noun in kept if noun != head.lemma]
        self._sorts = frozenset().union(*map(sorts_of, others))
        following = words[relation.object + 1 : relation.object + 2]
        self._next = following[0].lower if following else ""

    def __call__(self, text: str, thing: str) -> bool:
        """Whether a relation, written out, to a thing may be said."""
        role, verb = role_of(text, thing), read_relation(text).verb
        if role not in _INSTEAD[self._role or ""] or not is_plain(text):
            return False
        # Who is said to do something else does not do this at the same time.
        if verb != self._verb and self._verbs and (verb is not None or role != PLACE):
            return False
        # Who eats may hold something as well.
        if role == HAND and verb != self._verb and not _MEALS.isdisjoint((verb, self._verb)):
            return False
        is_told = self._may_be_at(role, verb, thing) if role in (PLACE, SEAT) else self._has(thing)
        if not is_told or role != PLACE and not self._is_free(role, verb, thing):
            return False
        return self._is_absent(thing, role) and self._is_at_home(thing, role)

    def _may_be_at(self, role: str, verb: str | None, thing: str) -> bool:
        """Whether something may be in a place that is apart from the old one."""
        if verb not in {None, *(_OF_THINGS if self._is_thing else _ANYWHERE)}:
            return False
        # A caption that names another place leaves no room for this.
        is_busy = bool(self._verbs or self._sorts & _BEARING)
        is_busy |= any(noun.endswith("board") for noun in self._nouns)
        if role == PLACE and (self._is_placed or thing in _AFLOAT and is_busy):
            return False
        # No plane is in a driveway, wherever people are.
        is_choosy = role == PLACE and not self._is_person
        if is_choosy and self._corpus.association(thing, self._head) < 0:
            return False
        return _place_name(thing) not in alike("places").get(_place_name(self._lost) or "", ())

    def _has(self, thing: str) -> bool:
        """Whether somebody may have a thing that does not go without saying."""
        return not self._is_thing and not self._is_usual(thing)

    def _is_free(self, role: str, verb: str | None, thing: str) -> bool:
        """Whether the rest of a caption leaves room for what somebody is on, holds or does."""
        if not self._is_one and thing not in _FOR_SEVERAL:
            return False
        # "In her hand", "for other people", "along a river": more is told of what was done.
        is_bodily = any("body" in sorts_of(noun) or noun == "lap" for noun in self._nouns)
        if self._next in GOES_ON or is_bodily and role != self._role:
            return False
        if self._next in ALONG and verb not in {None, *_ANYWHERE} - grammar.POSTURES:
            return False
        if not self._nouns.isdisjoint(_IN_MOTION):
            return False
        if not _WATERS.isdisjoint(self._nouns) and thing not in _AFLOAT:
            return False
        if role == HAND:
            return group_of(thing) != "animal" or thing in _HANDY
        is_elsewhere = bool(self._sorts & (_OUTDOORS if role == SEAT else _INDOORS))
        is_elsewhere |= role == SEAT and self._is_placed and not self._sorts & _INDOORS
        is_borne = self._sorts & (_BEARING | {"furniture"})
        return not is_borne and (not is_elsewhere or verb == "play")

    def _is_absent(self, thing: str, role: str) -> bool:
        """Whether no caption of the image names a thing, or the like of it."""
        lost = self._lost
        if thing in word_list("mass") or thing in word_list("unpictured") or thing == lost:
            return False
        # Of places the table tells which are apart.
        is_alike = thing in alike("nouns").get(lost, ())
        if role not in (PLACE, SEAT) and (is_alike or wordnet.related(thing, lost, "n")):
            return False
        return not validity.said_of_image(thing, "n", self._caption.image_words)

    def _is_at_home(self, thing: str, role: str) -> bool:
        """Whether a thing goes with each noun and verb of a caption, and well with them all."""
        least, mean = LOOSELY if role in (PLACE, SEAT) else CLOSELY
        others = [other for other in self._company if other not in _ANYBODY]
        values = [self._corpus.association(thing, other) for other in others]
        return not values or min(values) >= least and sum(values) >= mean * len(values)
