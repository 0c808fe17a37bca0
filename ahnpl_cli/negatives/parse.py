"""From tagged words to units: compounds are joined, and what may be changed gets its lemma."""

from __future__ import annotations

import functools

from ahnpl_cli.negatives import wordnet
from ahnpl_cli.negatives.base import Unit
from ahnpl_cli.negatives.tables import dimensions
from ahnpl_cli.negatives.tagging import Tagged
from ahnpl_cli.negatives.wordnet import Pos

LONGEST = 3  # words of a compound
NOUNS = ("NN", "NNS")
VERBS = ("VB", "VBG", "VBZ", "VBP", "VBD", "VBN")
POS: dict[str, Pos] = {"NN": "n", "NNS": "n", "JJ": "a"}
POS.update(dict.fromkeys(VERBS, "v"))
_JOINED = frozenset(("NN", "JJ", "NNP", "VB", "VBG", "VBN"))
_PLAIN = ("color", "material", "size", "age", "length", "height", "temperature", "weather")


@functools.lru_cache(maxsize=1 << 16)
def _lemma(lower: str, tag: str) -> tuple[Pos | None, str]:
    pos = POS.get(tag) if lower.replace(" ", "").replace("-", "").isalpha() else None
    return pos, wordnet.lemma(lower, pos) if pos else lower


@functools.lru_cache(maxsize=1 << 16)
def _is_compound(words: tuple[str, ...], tags: tuple[str, ...]) -> bool:
    if tags[-1] not in NOUNS:
        return False
    if all(tag in NOUNS for tag in tags):
        return tags[0] == "NN"
    # "red cross" is a cross that is red, unless WordNet knows the compound and no plain adjective.
    if dimensions("attributes").get(words[0], frozenset()) & set(_PLAIN):
        return words == ("hot", "dog") or words == ("hot", "dogs")
    return tags[0] in ("NNP", "JJ", "VB", "VBG", "VBN") and wordnet.known(" ".join(words), "n")


def _length(tagged: Tagged, lowers: list[str], start: int) -> int:
    """How many words from `start` on make one unit."""
    tags = tagged.tags
    for length in range(min(LONGEST, len(lowers) - start), 1, -1):
        end = start + length
        if tags[end - 1] in NOUNS and _is_compound(tuple(lowers[start:end]), tags[start:end]):
            return length
    return 1


def _mended(lowers: list[str], tags: tuple[str, ...]) -> tuple[str, ...]:
    """The tags, better where the tagger is known to err or to be of no help.

    A name that is a common caption noun is that noun ("Giraffe standing"). The end of a compound is
    a noun, and so is what no dictionary calls an adjective and stands after a noun ("a fire hydrant
    on", "a teddy bear with"). A word that tells an attribute is an adjective before a noun,
    whatever else it may be ("a metal pole", "a closed window").
    """
    made, nouns = list(tags), dimensions("sorts")
    for at, tag in enumerate(tags):
        if tag == "NNP" and lowers[at] in nouns:
            made[at] = "NN"
    # From the end, so that a tag mended here does not decide on the next one.
    for at in range(len(made) - 1, 0, -1):
        if made[at - 1] == "NN" and _ends_compound(lowers[at - 1], lowers[at], made[at]):
            made[at] = "NN"
    for at in range(len(made) - 1):
        if made[at] in MODIFYING and made[at + 1] in NOUNS and lowers[at] in _attributes(made[at]):
            made[at] = "JJ"
    return tuple(made)


@functools.lru_cache(maxsize=1 << 14)
def _ends_compound(first: str, last: str, tag: str) -> bool:
    if tag not in ("JJ", "VB", "VBP") or not wordnet.known(last, "n"):
        return False
    return tag == "JJ" and not wordnet.known(last, "a") or wordnet.known(f"{first} {last}", "n")


# Tags that adjectives of the attribute table may come under before a noun.
MODIFYING = frozenset(("NN", "NNP", "VBN", "VBG"))


@functools.cache
def _attributes(tag: str) -> frozenset[str]:
    """The attributes that a word of a tag may be: of nouns, only materials and colors."""
    named = dimensions("attributes")
    if tag in ("VBN", "VBG"):
        return frozenset(named)
    return frozenset(word for word, lines in named.items() if lines & {"material", "color"})


def units(caption: str, tagged: Tagged) -> tuple[Unit, ...]:
    """Return the units of a caption in order; characters between them are white space."""
    lowers = [word.lower() for word in tagged.words]
    tagged = Tagged(tagged.starts, tagged.words, _mended(lowers, tagged.tags))
    made, at = [], 0
    while at < len(lowers):
        may_join = tagged.tags[at] in _JOINED
        last = at + (_length(tagged, lowers, at) if may_join else 1) - 1
        start, end = tagged.starts[at], tagged.starts[last] + len(tagged.words[last])
        lower, tag = " ".join(lowers[at : last + 1]), tagged.tags[last]
        pos, lemma = _lemma(lower, tag)
        made.append(Unit(start, end, caption[start:end], lower, tag, pos, lemma))
        at = last + 1
    return tuple(made)
