"""One becomes several and several become one (`quantity`), with noun and verb.

Several become one only in words that exclude more: where three kids jump, "a kid" jumps as well,
"one kid" does not.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from ahnpl_cli.english import match_case, plural
from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.kinds.quantifiers import (
    BARE,
    Several,
    is_said_of_one,
    may_be_bare,
    may_be_several,
    replace_words,
    there_are,
    value_of,
)
from ahnpl_cli.negatives.lexicon.concreteness import mean_rating
from ahnpl_cli.negatives.lexicon.noun_sorts import LIVING, sorts_of
from ahnpl_cli.negatives.lexicon.tables import is_color, word_list
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.words import NOUNS, Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

# Chances of what one rises to and of what several fall to, near to how often captions of COCO say
# each where they may be gained (ours).
RISEN = {
    **{"two": 0.25, "three": 0.05, "several": 0.15, "some": 0.15, "many": 0.15},
    **{"a group of": 0.06, BARE: 0.25},
}
ALONE = {"one": 0.5, "a single": 0.3, "a lone": 0.2}
TRIES = 3  # quantifiers that are tried where one was (ours)
_BEFORE_NOUN = frozenset(("JJ", "VBN", "VBG", "CC", "NN"))
# Behind other words one seldom says several where one was: nobody rides two bicycles.
_BEFORE_SEVERAL = frozenset(
    ("with", "near", "has", "by", "to", "behind", "holding", "watching", "eating", "passing")
    + ("between", "and", "carrying", "beside", "past", "around", "at", "feeding", "chasing")
)
# Several persons are anyone, and anyone may be several: "people" are more than "persons" are said.
_PERSONS = {"people": ("person", "man", "woman")}
_MANY_PERSONS = {"person": ("people",), "man": ("men", "people"), "woman": ("women", "people")}
# Words that would no longer agree, or that say how many in another way.
_BOUND_TO_ONE = re.compile(
    r"\b(its|it|he|she|his|her|him|himself|herself|itself|alone|each|single|another|others?|one)\b"
)
_BOUND_TO_SEVERAL = re.compile(
    r"\b(their|they|them|themselves|each|others?|both|either|together|another|while|various"
    r"|different|variety|assorted|scattered|gathered?|clustered|surround\w*|around|rows?|lines?"
    r"|lined|these|those|among|between|circle|one|twins?|all|matching|team|crowd|group)\b"
)
_EXACT = frozenset(("exactly", "only", "just"))
# What one does with a thing that no other then has.
_ALONE_WITH = frozenset(
    ("hold", "carry", "eat", "wear", "swing", "ride", "throw", "hit", "drink", "bite", "use", "do")
    + ("catch", "perform", "have", "be", "take", "drive", "make", "read", "chew", "give", "brush")
)


def several_of_one(
    caption: ParsedCaption, index: int, last: int, stream: RandomStream, corpus: Corpus
) -> Iterator[Candidate]:
    """One becomes several with the verb, where no caption of the image says that there are."""
    words = caption.words
    head = _singular(words, last + 1)
    if head is None or not _may_rise(caption, index, last, head):
        return
    noun = words[head]
    verb = grammar.verb_agreeing(words, head, several=True)
    if verb is None:
        return
    before = words[index - 1].lower if index else ""
    is_plain = words[index].lower != "one" and last == index
    drawn = 0
    for quantifier in stream.order(list(RISEN), list(RISEN.values())):
        many = next(stream.order(_MANY_PERSONS.get(noun.lower, (plural(noun.lower),))))
        if quantifier == BARE:
            is_heard = not corpus.is_small and corpus.follows(before, many) > 1
            is_said = is_plain and is_heard and may_be_bare(words, index)
        else:
            is_said = corpus.heard(quantifier.rpartition(" ")[2], many)
        # "A group of signs" is heard, and seldom said of what was one sign.
        if quantifier == "a group of" and LIVING.isdisjoint(sorts_of(noun.lemma)):
            is_said = False
        if not is_said or before in _EXACT and not value_of(quantifier):
            continue
        opening = there_are(words, index, quantifier)
        if opening is None:
            continue
        drawn += 1
        risen = _pluralize(caption, words[index], words[last], quantifier, noun, many)
        yield risen._replace(edits=(*opening, *risen.edits, *verb))
        if drawn == TRIES:
            return


def _singular(words: Sequence[Word], start: int) -> int | None:
    """The singular noun that a noun phrase ends in, if its number can be changed."""
    head = start
    while head < len(words) and words[head].tag in _BEFORE_NOUN and words[head].pos != "n":
        head += 1
    if head >= len(words) or words[head].tag != "NN" or not grammar.is_noun(words[head]):
        return None
    behind = words[head + 1] if head + 1 < len(words) else None
    if behind is None:
        return head
    if behind.tag in ("NN", "NNS", "NNP") or behind.lower in ("of", "-", "'s", "and", "or"):
        return None
    # "A tree lined road" is one road.
    if behind.tag in ("VBN", "VBD", "JJ") and head + 2 < len(words):
        return None if words[head + 2].tag in NOUNS else head
    return head


def _may_rise(caption: ParsedCaption, index: int, last: int, head: int) -> bool:
    """Whether several may stand where one did, as far as the caption and the image's others say."""
    words = caption.words
    noun = words[head]
    text = caption.record.caption.lower()
    rest = text[: words[index].start] + text[words[last].end :]
    if _BOUND_TO_ONE.search(rest):
        return False
    before = words[index - 1].lower if index else ""
    if before in ("the", "no", "each", "every", "any", "this", "that", "of"):
        return False
    is_first = not any(word.pos == "n" for word in words[:index])
    if not is_first and before not in _BEFORE_SEVERAL:
        return False
    sorts = sorts_of(noun.lemma)
    if noun.lower in word_list("mass") or noun.lemma in word_list("groups") or "body" in sorts:
        return False
    if is_color(noun.lemma):
        return False
    if not is_first and _is_for_one(noun) or _has_its_own(words, head):
        return False
    return not may_be_several(caption, noun)


def _is_for_one(noun: Word) -> bool:
    """Whether a thing is worn, ridden or held by one person, who has one of it."""
    singly = word_list("singly")
    if noun.lemma in singly or noun.lemma.rpartition(" ")[2] in singly:
        return True
    return not sorts_of(noun.lemma).isdisjoint(("clothing", "body"))


def _has_its_own(words: Sequence[Word], head: int) -> bool:
    """Whether each of several would have for itself what is said: "a man in a shirt"."""
    if LIVING.isdisjoint(sorts_of(words[head].lemma)):
        return False
    for index in range(head + 1, len(words)):
        word = words[index]
        if word.tag == "NN" and _is_for_one(word):
            return True
        following = words[index + 1].lower if index + 1 < len(words) else ""
        if word.lemma in _ALONE_WITH and following in ("a", "an"):
            return True
    return False


def _pluralize(
    caption: ParsedCaption, first: Word, last: Word, new: str, noun: Word, many: str
) -> Candidate:
    """Change a quantifier and make its noun a plural."""
    many = match_case(many, noun.text)
    edit = Edit(noun.start, noun.end, noun.text, many)
    if new != BARE:
        quantifier = replace_words(caption, first, last, new)
        edits = (*quantifier.edits, edit)
        return Candidate(quantifier.changes, edits, mean_rating(noun.lemma))
    # "A dog" gives "Dogs", "A brown dog" gives "Brown dogs".
    follower = caption.words[caption.words.index(last) + 1]
    text = many if follower is noun else follower.text
    # An article in capitals is one at the beginning: "A dog".
    cased = text[:1].upper() + text[1:] if first.text[0].isupper() else text
    old = caption.record.caption[first.start : follower.end]
    opening = Edit(first.start, follower.end, old, cased)
    edits = (opening,) if follower is noun else (opening, edit)
    return Candidate((Change(first, cased, many),), edits, mean_rating(noun.lemma))


def one_of_several(
    caption: ParsedCaption, several: Several, stream: RandomStream
) -> Candidate | None:
    """Several become one and no more, with the verb."""
    words = caption.words
    noun = words[several.noun]
    before = words[several.first - 1] if several.first else None
    if before is not None and before.tag in ("VBP", "RB"):
        return None
    rest = caption.record.caption[words[several.last].end :].lower()
    if _BOUND_TO_SEVERAL.search(rest) or _is_tied(words, several):
        return None
    if before is not None and before.lower in ("between", "among", "of"):
        return None
    if noun.lemma in word_list("groups") or noun.lower == "glasses":
        return None
    single = next(stream.order(_PERSONS.get(noun.lower, (noun.lemma,))))
    if single == noun.lower or single in word_list("mass") or is_said_of_one(caption, single):
        return None
    if noun.lower in word_list("mass") and noun.lower not in _PERSONS:
        return None
    behind = words[several.noun + 1].lower if several.noun + 1 < len(words) else ""
    verb = grammar.verb_agreeing(words, several.noun, several=False)
    if verb is None or behind in ("of", ",", "and"):
        return None
    is_living = not LIVING.isdisjoint(sorts_of(noun.lemma))
    for quantifier in stream.order(list(ALONE), list(ALONE.values())):
        if quantifier == "a lone" and not is_living:
            continue
        candidate = replace_words(caption, words[several.first], words[several.last], quantifier)
        edit = Edit(noun.start, noun.end, noun.text, match_case(single, noun.text))
        edits = (*candidate.edits, edit, *verb)
        return Candidate(candidate.changes, edits, mean_rating(noun.lemma))
    return None


def _is_tied(words: Sequence[Word], several: Several) -> bool:
    """Whether other plurals may be those of several: "two people on skateboards"."""
    for index in range(several.noun + 1, len(words)):
        if words[index].tag == "NNS" and grammar.determiner(words, index) == "none":
            return True
    return False
