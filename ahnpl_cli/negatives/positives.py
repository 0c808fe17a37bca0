"""True texts beside a caption: by rule, from the image's other captions, or a model's rewordings.

A model that only ever sees small changes as false learns that any change is false: fine-tuned ones
lose up to 38 points where a true rewording stands beside the foil (Kamath et al. 2024). What is
made here is as true as the caption. The rules are ours; each applies only where the words around
leave no doubt, so most captions have one or two of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

from ahnpl_cli.english import match_case, plural, vowel_sound, with_article
from ahnpl_cli.negatives import validity
from ahnpl_cli.negatives.candidates import ParsedCaption
from ahnpl_cli.negatives.lexicon.noun_sorts import animate, same_sort
from ahnpl_cli.negatives.lexicon.tables import alike, contraries, dimensions
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.relations import NounPhrase, noun_phrases
from ahnpl_cli.negatives.text.words import NOUNS, VERBS, Word
from ahnpl_cli.records import Edit, Positive, apply_edits
from ahnpl_cli.stable_hash import RandomStream

SHORTEST = 4  # words that a deletion leaves
_FINITE = ("VBZ", "VBP", "VBD", "MD")
_STOPS = (".", ",", ";", "!")
_JOINED = ("and", "or", "of", "'s", "that", "to")
# What is said with these is no longer what the noun says.
_NOT_LESS = frozenset(
    ("fake", "toy", "stuffed", "artificial", "missing", "empty", "only", "same", "other")
    # What "a few" counts would be left with an article.
    + ("few", "several", "many", "numerous", "multiple", "double", "single", "various", "different")
)
_PLACES = frozenset(("in", "on", "near", "by", "beside", "behind", "at", "under", "with", "along"))
_BESIDE = (("beside",), ("near",), ("alongside",), ("next", "to"), ("close", "to"))
# Verbs that a picture's things do to each other, with their participles where these are irregular.
_PARTICIPLES = {
    **{"ride": "ridden", "hold": "held", "eat": "eaten", "wear": "worn", "throw": "thrown"},
    **{"catch": "caught", "drive": "driven", "fly": "flown", "feed": "fed", "lead": "led"},
    **{"cut": "cut", "hit": "hit", "bite": "bitten", "read": "read", "sell": "sold"},
    **{"pull": "pulled", "push": "pushed", "chase": "chased", "carry": "carried"},
    **{"kick": "kicked", "watch": "watched", "brush": "brushed", "cook": "cooked"},
    **{"pet": "petted", "hug": "hugged", "kiss": "kissed", "touch": "touched", "use": "used"},
    **{"paint": "painted", "clean": "cleaned", "wash": "washed", "prepare": "prepared"},
    **{"cross": "crossed", "climb": "climbed", "lick": "licked", "chew": "chewed"},
    **{"surround": "surrounded", "cover": "covered", "fill": "filled", "follow": "followed"},
}


class Reworder:
    """Makes true texts of captions.

    Args:
        kinds: which, one text of each at most.
        seed: of all draws.
    """

    def __init__(self, kinds: Sequence[str], seed: int) -> None:
        self.kinds, self.seed = kinds, seed

    def positives(self, caption: ParsedCaption, others: Sequence[str]) -> list[Positive]:
        """Return true texts of a caption, in the order of the kinds.

        Args:
            caption: the caption.
            others: all captions of its image, in any order.
        """
        seen = {validity.normalized(caption.record.caption)}
        chosen: list[Positive] = []
        for kind in self.kinds:
            for positive in self._proposals(kind, caption, others):
                text = validity.normalized(positive.caption)
                if text not in seen:
                    seen.add(text)
                    chosen.append(positive)
                    break
        return chosen

    def _proposals(
        self, kind: str, caption: ParsedCaption, others: Sequence[str]
    ) -> Iterator[Positive]:
        stream = RandomStream(self.seed, caption.record.id, "positive", kind)
        if kind == "caption":
            for text in stream.order(sorted(set(others))):
                yield Positive(kind, text, (), "caption")
        elif kind in RULES:
            for edits in stream.order(list(RULES[kind](caption))):
                yield Positive(kind, apply_edits(caption.record.caption, edits), edits, "rule")


def _span(caption: ParsedCaption, first: int, last: int) -> tuple[int, int, str]:
    start, end = caption.words[first].start, caption.words[last].end
    return start, end, caption.record.caption[start:end]


def _ends(words: Sequence[Word], index: int) -> bool:
    """Whether a clause ends before a word."""
    return index >= len(words) or words[index].lower in _STOPS


# A detail less


def deletions(caption: ParsedCaption) -> Iterator[tuple[Edit, ...]]:
    """Yield edits that leave a detail out: an adjective, or where something is.

    What is true of more is true of less, but behind a negation.
    """
    words = caption.words
    for index in range(len(words) - 1):
        if _may_go(words, index):
            yield _without_word(caption, index)
    yield from _without_end(caption)


def _may_go(words: Sequence[Word], index: int) -> bool:
    """Whether an adjective can be left out."""
    word, after = words[index], words[index + 1]
    before = words[index - 1].lower if index else ""
    # "A snow covered bank" is no snow bank.
    if index and words[index - 1].tag in NOUNS:
        return False
    if word.tag != "JJ" or word.lemma not in contraries("attributes") or after.tag not in NOUNS:
        return False
    if word.lower in _NOT_LESS or before in ("and", ",", "or", "very", "too", "as", "the"):
        return False
    # A wooden horse is none.
    lines = dimensions("attributes").get(word.lemma, frozenset())
    if "material" in lines and animate(after.lemma):
        return False
    return not grammar.negated(words, index) and grammar.is_noun(after)


def _without_word(caption: ParsedCaption, index: int) -> tuple[Edit, ...]:
    words, text = caption.words, caption.record.caption
    word, after = words[index], words[index + 1]
    gone = Edit(word.start, after.start, text[word.start : after.start], "")
    article = words[index - 1] if index else None
    if article is None:
        # The caption's first word: the next one takes its capital.
        new = match_case(after.text, word.text)
        return (Edit(word.start, after.end, text[word.start : after.end], new),)
    if article.lower in ("a", "an"):
        new = match_case("an" if vowel_sound(after.text) else "a", article.text[:1])
        if new != article.text:
            return (Edit(article.start, article.end, article.text, new), gone)
    return (gone,)


def _without_end(caption: ParsedCaption) -> Iterator[tuple[Edit, ...]]:
    """A last phrase that says where something is, or what else is there, left out."""
    words = caption.words
    end = len(words)
    while end and words[end - 1].lower in _STOPS:
        end -= 1
    phrases = noun_phrases(words[:end])
    if len(phrases) < 2 or phrases[-1].last + 1 != end:
        return
    linking = phrases[-1].first - 1
    before = phrases[-2]
    is_place = words[linking].lower in _PLACES and before.last + 1 == linking
    listed = words[linking].lower == "and" and before.last + 1 == linking
    if not is_place and not listed or linking < SHORTEST or grammar.negated(words, linking):
        return
    lowers = {word.lower for word in words[:linking]}
    if listed and not lowers.isdisjoint(("between", "both", "with", "and")):
        return
    start, stop = words[linking - 1].end, words[end - 1].end
    yield (Edit(start, stop, caption.record.caption[start:stop], ""),)


# The same, said in another way


def passives(caption: ParsedCaption) -> Iterator[tuple[Edit, ...]]:
    """Yield the passive: "a man riding a horse" becomes "a horse ridden by a man"."""
    words = caption.words
    phrases = noun_phrases(words)
    if len(phrases) < 2 or phrases[0].first != 0:
        return
    subject, target = phrases[0], phrases[1]
    verbs = words[subject.last + 1 : target.first]
    if not verbs or verbs[-1].lemma not in _PARTICIPLES:
        return
    form = _passive_form(verbs, is_many=words[target.head].tag == "NNS")
    pronouns = {word.tag for word in words[target.first : target.last + 1]} & {"PRP$", "PRP"}
    after = target.last + 1
    is_joined = after < len(words) and words[after].lower in _JOINED
    # "in his left hand", "while holding": of a doer who now stands elsewhere.
    rest = words[after:]
    later = any(word.tag in ("PRP", "PRP$", *_FINITE) or word.lower == "while" for word in rest)
    later = later or bool(rest) and rest[0].tag == "VBG"
    if form is None or pronouns or is_joined or later:
        return
    start, end, old = _span(caption, subject.first, target.last)
    doer, done_to = _span(caption, 0, subject.last)[2], _span(caption, *target[:2])[2]
    new = f"{match_case(done_to, old[:1])} {form} by {_lower_first(words[0], doer)}"
    yield (Edit(start, end, old, new),)


def _passive_form(verbs: Sequence[Word], *, is_many: bool) -> str | None:
    """What stands for the words between doer and thing: "rides" becomes "is ridden"."""
    participle = _PARTICIPLES[verbs[-1].lemma]
    be = "are" if is_many else "is"
    tags = [word.tag for word in verbs]
    if tags == ["VBG"]:
        return participle
    if tags in (["VBZ"], ["VBP"]):
        return f"{be} {participle}"
    if len(verbs) == 2 and verbs[0].lower in ("is", "are") and tags[1] == "VBG":
        return f"{be} being {participle}"
    return None


def _lower_first(word: Word, text: str) -> str:
    """A text that began the caption, as it is written further in."""
    is_name = word.tag.startswith("NNP") or word.text.isupper() and len(word.text) > 1
    return text if is_name else text[:1].lower() + text[1:]


def exchanges(caption: ParsedCaption) -> Iterator[tuple[Edit, ...]]:
    """Yield exchanged parts of a listing: "a dog next to a cat" becomes "a cat next to a dog"."""
    words = caption.words
    phrases = noun_phrases(words)
    for first, second in zip(phrases, phrases[1:], strict=False):
        between = tuple(word.lower for word in words[first.last + 1 : second.first])
        if not _may_exchange(words, first, second, between):
            continue
        edits = []
        for place, other in ((first, second), (second, first)):
            start, end, old = _span(caption, *place[:2])
            new = _span(caption, *other[:2])[2]
            if other.first == 0:
                new = _lower_first(words[0], new)
            edits.append(
                Edit(start, end, old, match_case(new, old[:1]) if place.first == 0 else new)
            )
        yield tuple(edits)


def _may_exchange(
    words: Sequence[Word], first: NounPhrase, second: NounPhrase, between: tuple[str, ...]
) -> bool:
    inside = words[first.first : second.last + 1]
    if any(word.tag in ("PRP$", "PRP", "POS") for word in inside):
        return False
    # A participle that was tagged as a noun: "a zebra standing next to a tree".
    if any(word.lower.endswith("ing") for word in inside):
        return False
    if words[first.head].lemma == words[second.head].lemma:
        return False
    # Both are named in the same way, or one may be what describes the other ("salt and a pan").
    if words[first.first].tag != words[second.first].tag:
        return False
    after = second.last + 1
    if first.first == 0:
        listed = between == ("and",) and (_ends(words, after) or words[after].tag in _FINITE)
        return listed or between in _BESIDE and _ends(words, after)
    governor = words[first.first - 1]
    governed = governor.tag in VERBS or governor.lower in ("in", "on", "of", "at")
    # "One is a baby and a mirror", "a toilet, sink, shower head and cabinet": no two of one sort.
    if governor.lemma == "be" or any(word.lower == "," for word in words[: first.first]):
        return False
    # "Bananas on a plate and a blender": the second need not be governed by what governs the first.
    are_alike = same_sort(words[first.head].lemma, words[second.head].lemma)
    governed = governed and (are_alike or governor.tag in VERBS)
    return governed and between == ("and",) and _ends(words, after)


def with_has(caption: ParsedCaption) -> Iterator[tuple[Edit, ...]]:
    """Yield "a man who has a beard" for "a man with a beard"."""
    words = caption.words
    phrases = noun_phrases(words)
    if len(phrases) < 2 or phrases[0].first != 0:
        return
    owner, owned = phrases[0], phrases[1]
    link = owner.last + 1
    if link + 1 != owned.first or words[link].lower != "with":
        return
    is_own = any(word.tag == "PRP$" for word in words[owned.first :])
    is_alive = any(animate(words[phrase.head].lemma) for phrase in phrases[1:])
    if is_own or is_alive or not _lists_to_end(words, phrases[1:]):
        return
    head = words[owner.head]
    is_person = validity.is_person(head.lemma) or validity.gender(head.lemma) is not None
    pronoun = "who" if is_person else "that"
    # Slices have a topping, not the pizza that they are of.
    counted = next(word for word in words[owner.first :] if word.tag in NOUNS)
    verb = "have" if counted.tag == "NNS" else "has"
    word = words[link]
    yield (Edit(word.start, word.end, word.text, f"{pronoun} {verb}"),)


def _lists_to_end(words: Sequence[Word], phrases: Sequence[NounPhrase]) -> bool:
    """Whether nothing but listed phrases stands from the first of them to the end."""
    inside = {index for phrase in phrases for index in range(phrase.first, phrase.last + 1)}
    rest = range(phrases[0].first, len(words))
    return all(i in inside or words[i].lower in ("and", *_STOPS) for i in rest)


def synonyms(caption: ParsedCaption) -> Iterator[tuple[Edit, ...]]:
    """Yield words that say the same, by our own table: "a sofa" for "a couch"."""
    words, text = caption.words, caption.record.caption
    for index, word in enumerate(words):
        if word.pos not in ("n", "a") or word.tag not in ("NN", "NNS", "JJ"):
            continue
        # An s at the end may be the word's own.
        is_many = word.tag == "NNS"
        is_regular = word.lower == (plural(word.lemma) if is_many else word.lemma)
        after = words[index + 1].lower if index + 1 < len(words) else ""
        if not is_regular or after in ("of", "-"):
            continue
        for lemma in sorted(alike("synonyms").get(word.lemma, frozenset()) - {word.lemma}):
            new = match_case(plural(lemma) if is_many else lemma, word.text)
            yield with_article(text, Edit(word.start, word.end, word.text, new))


RULES: dict[str, Callable[[ParsedCaption], Iterator[tuple[Edit, ...]]]] = {
    "deletion": deletions,
    "passive": passives,
    "exchange": exchanges,
    "has": with_has,
    "synonym": synonyms,
}
