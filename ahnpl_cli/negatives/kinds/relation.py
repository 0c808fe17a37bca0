"""Negatives by another word for how two things relate (`relation`).

"A man riding a horse" becomes "a man standing next to a horse": the new words are some that
captions say between this head and this object, or between heads of its kind and this object, and
contrary to the old ones by the tables of relations and verbs. They are drawn as often as captions
say them, or by the probability that a masked language model gives them there.
"""

from __future__ import annotations

import math
import re
from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence
from types import MappingProxyType
from typing import NamedTuple

from ahnpl_cli.english import match_case, plural
from ahnpl_cli.negatives.candidates import (
    Candidate,
    Change,
    MaskedWord,
    ParsedCaption,
    Ranking,
    Rejected,
)
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon.concreteness import Weigh, mean_rating
from ahnpl_cli.negatives.lexicon.noun_sorts import PERSON, sorts_of
from ahnpl_cli.negatives.lexicon.tables import word_list
from ahnpl_cli.negatives.statistics import group_of, kind_of, names_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.relations import (
    ALONG,
    BESIDE,
    CARRIES,
    GOES_ON,
    HELD,
    REDUCED,
    THING,
    Relation,
    excludes,
    is_plain,
    places_exclude,
    read_relation,
    text_of,
    verbs_exclude,
)
from ahnpl_cli.negatives.text.words import VERBS, Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

# What a relation of another head of the same group counts for, and one of any head (ours).
OF_GROUP, OF_ANY = 0.2, 0.02
STAYS = 0.005  # what the old relation counts for when a new one is drawn (ours)
# What is tried where there are too few captions to tell what is said.
PLACES = ("on", "under", "next to", "behind", "in front of", "in", "above")
SHARE = 0.02  # of what is said between such nouns below which a relation is odd (ours)
# Things that small ones are put on, or into, rather than beside.
_LARGE = frozenset(("furniture", "way", "building", "vehicle", "window", "outdoors", "fixture"))
_AROUND = frozenset(("furniture", "vehicle", "appliance", "fixture", "bathroom", "shape"))
# Postures and paces, as said without a finite verb.
_PRESENT = {
    **{"sit": "sitting", "stand": "standing", "lie": "lying", "lay": "laying", "sleep": "sleeping"},
    **{"walk": "walking", "run": "running"},
    **{"park": "parked", "drive": "driving", "travel": "traveling"},
}
# Who holds what carries others does not ride it, but for the waves and slopes it is ridden on.
_RIDDEN_ON = frozenset(("wave", "slope", "ramp", "rail", "air", "hill", "snow", "trick", "jump"))
_IN_HAND = frozenset(("hand", "arm", "lap", "mouth", "glove"))
_BEARING = CARRIES | {"furniture"}
_STATES = frozenset(("is", "are", "was", "were", "be", "being", "'s", "has", "have", "there"))
_BORNE = frozenset(("on", "in", "atop", "aboard", "riding", "driving", "with", "using"))
KNOWN = 60  # images that must show a head before only what is said of it counts (ours)
LEAST = 2  # captions that must say a relation to a noun
# Nouns that a relation is not to: "on the phone" tells what somebody does.
_NO_PLACE = frozenset(
    ("phone", "laptop", "computer", "body", "pole", "fence", "way", "air", "row", "line", "water")
    + ("day", "night")
)


class _Choice(NamedTuple):
    """What may stand in the place of a relation, with how often it is said there."""

    relation: Relation
    possible: dict[str, float]


def change_relation(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[Candidate | Rejected]:
    """The words between two nouns become others that exclude what they say."""
    for choice in _choices(caption, stream, weigh, corpus):
        if isinstance(choice, Rejected):
            yield choice
            continue
        relation, possible = choice
        old = text_of(caption.words, relation)
        stays = STAYS * _weight(corpus, caption.words, relation, f"{relation.form}|{old}")
        yield from _drawn(caption, relation, {**possible, old: stays}, stream)


class RelationJob:
    """The same with a filler that scores each relation where it would stand.

    Args:
        caption: the caption.
        stream: random numbers of this caption and kind.
        weigh: how often a word is the one that is changed.
        corpus: what the captions say together.
        filler: name of what scores.

    Attributes:
        rejected: relations that make no negative so far, by reason.
    """

    def __init__(
        self,
        caption: ParsedCaption,
        stream: RandomStream,
        weigh: Weigh,
        corpus: Corpus,
        filler: str,
    ) -> None:
        self.rejected: Counter[str] = Counter()
        self._caption, self._stream, self._filler = caption, stream, filler
        self._choices = _choices(caption, stream, weigh, corpus)
        self._relation: Relation | None = None
        self._current: Iterator[Candidate | Rejected] = iter(())
        self._later: deque[Iterator[Candidate | Rejected]] = deque()

    def propose(self) -> Candidate | MaskedWord | None:
        """Return the next candidate, the relation to score before there is one, or None."""
        while True:
            for proposal in self._current:
                if isinstance(proposal, Candidate):
                    return proposal
                self.rejected[proposal.reason] += 1
            choice = next(self._choices, None)
            if isinstance(choice, _Choice):
                self._relation = choice.relation
                options = (*choice.possible, text_of(self._caption.words, choice.relation))
                first, last = choice.relation.first, choice.relation.last
                return MaskedWord(self._caption, first, last, options)
            if choice is not None:
                self.rejected[choice.reason] += 1
            elif self._later:
                self._current = self._later.popleft()
            else:
                return None

    def take(self, ranking: Ranking) -> None:
        """Take the scores of the relation last proposed, and draw by their probabilities."""
        assert self._relation is not None
        scores = dict(ranking)
        best = max(scores.values(), default=0.0)
        weights = {text: math.exp(score - best) + 1e-9 for text, score in scores.items()}
        old = text_of(self._caption.words, self._relation)
        weights[old] = STAYS * weights.get(old, 0.0)
        self._current = _drawn(
            self._caption, self._relation, weights, self._stream, scores, self._filler
        )

    def accept(self) -> None:
        """Turn to the next relation: all give one before any gives a second."""
        self._later.append(self._current)
        self._current = iter(())


def _choices(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[_Choice | Rejected]:
    """The relations of a caption in the order to try them, each with what may stand there."""
    words = caption.words
    relations = [relation for relation in caption.relations if _may_change(words, relation)]
    weights = [weigh(words[relation.object].lemma) for relation in relations]
    for relation in stream.order(relations, weights):
        if grammar.negated(words, relation.first):
            yield Rejected("negated")
            continue
        possible = _possible(caption, relation, corpus)
        yield _Choice(relation, possible) if possible else Rejected("unheard of")


def _drawn(
    caption: ParsedCaption,
    relation: Relation,
    weights: dict[str, float],
    stream: RandomStream,
    scores: Mapping[str, float] = MappingProxyType({}),
    filler: str = "corpus",
) -> Iterator[Candidate | Rejected]:
    """Candidates of one relation in a drawn order, until the old one is drawn."""
    old = text_of(caption.words, relation)
    for text in stream.order(list(weights), list(weights.values())):
        # Else edits would go from what is often said to what is rarely said, and tell so.
        if text == old:
            yield Rejected("implausible")
            return
        yield _replace(caption, relation, text, scores.get(text), filler)


def _may_change(words: Sequence[Word], relation: Relation) -> bool:
    head, target = words[relation.head], words[relation.object]
    if target.lower in _NO_PLACE or not grammar.is_noun(target):
        return False
    # "Jumping up while in the snow" is no one relation.
    if any(word.lower == "while" for word in words[relation.first : relation.last + 1]):
        return False
    # "Holding up a doughnut over a table": who holds it is told as well.
    is_held = any(word.pos == "v" and word.lemma in HELD for word in words[: relation.head])
    if is_held and kind_of(head.lemma) == THING:
        return False
    # "Watching the ball go past": the ball goes.
    following = words[relation.object + 1 : relation.object + 2]
    if following and following[0].tag in ("VB", "VBP"):
        return False
    # "a vase of flowers on a table": what is on it is the vase, and "flowers" agrees as well.
    return grammar.is_noun(head) or head.lower in word_list("measures")


def _possible(caption: ParsedCaption, relation: Relation, corpus: Corpus) -> dict[str, float]:
    """Return what may stand in the place of a relation, with how often it is said there."""
    words = caption.words
    head, target = words[relation.head].lemma, words[relation.object].lemma
    old, kind = text_of(words, relation), kind_of(head)
    possible: dict[str, float] = {}
    is_small = sorts_of(target).isdisjoint(_LARGE)
    needs_own = kind != PERSON and corpus.seen(head) >= KNOWN
    group = group_of(head)
    known = {text for text, *_ in corpus.said_of(head, group, relation.form)}
    # Of a compound that captions hardly name, what they say of its last word.
    for name in names_of(target):
        of_head, of_group = (corpus.relations(noun, name) for noun in (head, f"*{group}"))
        least = max(LEAST, SHARE * sum(of_group.values()))
        every = dict(corpus.relations("*", name))
        alike = set(_told_otherwise(relation, old, corpus.acts(group, name)))
        every.update((said, 0) for said in alike if said not in every)
        for said, times in sorted(every.items()):
            form, _, text = said.partition("|")
            if form != relation.form or not excludes(old, text, kind):
                continue
            if not places_exclude(old, text, name):
                continue
            if not is_plain(text) or not _fits_the_rest(caption, relation, text):
                continue
            # Any that lives can be beside anything; for more, such a thing has to be heard of.
            is_heard = said in alike or text in BESIDE and (kind != THING or is_small)
            if not is_heard and (times < LEAST or of_group.get(said, 0) < least):
                continue
            # What captions say of cats need not go for giraffes.
            is_own = text in known and (read_relation(text).verb or of_head.get(said))
            if needs_own and not is_heard and not is_own:
                continue
            if not _is_said(caption, text, old, words[relation.object]):
                own, alike_say = of_head.get(said, 0), of_group.get(said, 0)
                possible[text] = own + OF_GROUP * max(1, alike_say) + OF_ANY * times
        if possible:
            break
    # Of few captions it is only known what any thing may be on, under and beside.
    is_around = not sorts_of(target).isdisjoint(_AROUND)
    if corpus.is_small and not possible and is_around and relation.form == REDUCED:
        return {text: 1.0 for text in PLACES if excludes(old, text, kind)}
    return possible


def _told_otherwise(
    relation: Relation, old: str, acts: frozenset[tuple[str, str]]
) -> Iterator[str]:
    """Relations that differ in the posture or the pace alone, in the form of the old one.

    Who stands on a thing may well sit on it, however seldom that is said in this very form.
    """
    verb, place = read_relation(old)
    if verb not in _PRESENT or place is None:
        return
    for new, there in sorted(acts):
        if there != place or new not in _PRESENT:
            continue
        if relation.form == REDUCED:
            yield f"{REDUCED}|{_PRESENT[new]} {place}"
        elif relation.form in ("VBZ", "VBP") and new != "park":
            told = plural(new) if relation.form == "VBZ" else new
            yield f"{relation.form}|{told} {place}"


def _fits_the_rest(caption: ParsedCaption, relation: Relation, new: str) -> bool:
    """Whether what else a caption tells goes with a relation: "riding down a street on a bike"."""
    words = caption.words
    following = words[relation.object + 1].lower if relation.object + 1 < len(words) else ""
    # "Riding a bike and a car", "pushing a horse onto a trailer".
    if following in GOES_ON:
        return False
    before, after = read_relation(text_of(words, relation)), read_relation(new)
    handles = not HELD.isdisjoint((before.verb, after.verb))
    is_carrier = _carries(words[relation.object].lemma, CARRIES)
    # "Next to a skateboard through the air", "holding horses down a road".
    if is_carrier and following in ALONG:
        return False
    kind = kind_of(words[relation.head].lemma)
    for index, word in enumerate(words):
        if relation.first <= index <= relation.object:
            continue
        if is_carrier and word.lemma in _RIDDEN_ON:
            return False
        if before.verb == after.verb:
            continue
        # "In its mouth": more is told of how a thing is held, or caught.
        if word.lemma in _IN_HAND:
            return False
        is_deed = word.tag in VERBS and word.lower not in _STATES
        # Who is said to do something else does not ride what it holds, or may not hold it.
        if is_deed and (handles or after.verb and verbs_exclude(after.verb, word.lemma, kind)):
            return False
        is_borne = word.pos == "n" and _carries(word.lemma, _BEARING)
        if after.verb and is_borne and grammar.governor(words, index) in _BORNE:
            return False
    return True


def _carries(noun: str, sorts: frozenset[str]) -> bool:
    return noun.endswith(("board", "cycle", "bike")) or not sorts_of(noun).isdisjoint(sorts)


def _weight(corpus: Corpus, words: Sequence[Word], relation: Relation, said: str) -> float:
    """How often captions say a relation between such nouns."""
    head, target = words[relation.head].lemma, words[relation.object].lemma
    name = names_of(target)[-1]
    own, group, every = (
        corpus.relations(noun, name).get(said, 0) for noun in (head, f"*{group_of(head)}", "*")
    )
    return own + OF_GROUP * group + OF_ANY * every


def _is_said(caption: ParsedCaption, text: str, old: str, target: Word) -> bool:
    """Whether a caption of the image says a relation, or its verb, beside the old one."""
    before, after = read_relation(old), read_relation(text)
    if after.verb not in (None, before.verb) and after.verb in caption.image_words:
        return True
    if after.preposition in (None, before.preposition):
        return False
    # "next to the big table" in another caption, but not in "next to a dog on a table".
    last = re.escape(target.lower.rpartition(" ")[2])
    beside = re.compile(rf"\b{re.escape(after.preposition or text)}(?: [\w-]+){{0,3}}? {last}\b")
    return any(beside.search(other) for other in caption.image_captions)


def _replace(
    caption: ParsedCaption, relation: Relation, new: str, score: float | None, filler: str
) -> Candidate:
    words = caption.words
    first, last = words[relation.first], words[relation.last]
    start, end, old = first.start, last.end, caption.record.caption[first.start : last.end]
    olds, news = old.split(" "), new.split(" ")
    # Words that both end with are not changed: "sitting [on] a bench".
    while len(olds) > 1 and len(news) > 1 and olds[-1] == news[-1]:
        end -= len(olds.pop()) + 1
        news.pop()
    while len(olds) > 1 and len(news) > 1 and olds[0] == news[0]:
        start += len(olds.pop(0)) + 1
        news.pop(0)
    old = caption.record.caption[start:end]
    cased = match_case(" ".join(news), old)
    phrase = Word(start, end, old, old.lower(), first.tag, None, old.lower())
    rating = mean_rating(*(word.lemma for word in words[relation.first : relation.last + 1]))
    edit = Edit(start, end, old, cased)
    rounded = None if score is None else round(score, 4)
    return Candidate((Change(phrase, cased, new),), (edit,), rating, rounded, filler=filler)
