"""From tagged tokens to words: compounds are joined, and what may be changed gets its lemma."""

from __future__ import annotations

import functools
from typing import NamedTuple

from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.tables import dimensions
from ahnpl_cli.negatives.lexicon.wordnet import Pos
from ahnpl_cli.negatives.text.tagging import TaggedText

LONGEST = 3  # tokens of a compound
NOUNS = ("NN", "NNS")
VERBS = ("VB", "VBG", "VBZ", "VBP", "VBD", "VBN")
POS: dict[str, Pos] = {"NN": "n", "NNS": "n", "JJ": "a"}
POS.update(dict.fromkeys(VERBS, "v"))
# Tags that adjectives of the attribute table may come under before a noun.
MODIFYING = frozenset(("NN", "NNP", "VBN", "VBG"))
_MAY_BEGIN_COMPOUND = frozenset(("NN", "JJ", "NNP", "VB", "VBG", "VBN"))
# What an adjective that is no part of a compound tells.
_PLAIN = frozenset(
    ["color", "material", "size", "age", "length", "height", "temperature", "weather"]
)


class Word(NamedTuple):
    """A word of a caption, or a compound such as `fire hydrant` that counts as one.

    Attributes:
        start: first character in the caption.
        end: one past the last.
        text: as written.
        lower: in lower case, parts of a compound parted by one space.
        tag: Penn Treebank tag, a compound's is that of its last token.
        pos: n, v or a for nouns, verbs and adjectives that may be changed, else None.
        lemma: base form; `lower` where pos is None.
    """

    start: int
    end: int
    text: str
    lower: str
    tag: str
    pos: Pos | None
    lemma: str


def words_of(caption: str, tagged: TaggedText) -> tuple[Word, ...]:
    """Return the words of a caption in order; characters between them are white space."""
    lowers = [token.lower() for token in tagged.words]
    tags = _mended(lowers, tagged.tags)
    words = []
    first = 0
    while first < len(lowers):
        last = first + _length(lowers, tags, first) - 1
        start = tagged.starts[first]
        end = tagged.starts[last] + len(tagged.words[last])
        lower = " ".join(lowers[first : last + 1])
        pos, lemma = _lemma(lower, tags[last])
        words.append(Word(start, end, caption[start:end], lower, tags[last], pos, lemma))
        first = last + 1
    return tuple(words)


@functools.lru_cache(maxsize=1 << 16)
def _lemma(lower: str, tag: str) -> tuple[Pos | None, str]:
    pos = POS.get(tag) if lower.replace(" ", "").replace("-", "").isalpha() else None
    return pos, wordnet.lemma(lower, pos) if pos else lower


def _length(lowers: list[str], tags: tuple[str, ...], start: int) -> int:
    """How many tokens from `start` on make one word."""
    if tags[start] not in _MAY_BEGIN_COMPOUND:
        return 1
    for length in range(min(LONGEST, len(lowers) - start), 1, -1):
        end = start + length
        if tags[end - 1] in NOUNS and _is_compound(tuple(lowers[start:end]), tags[start:end]):
            return length
    return 1


@functools.lru_cache(maxsize=1 << 16)
def _is_compound(tokens: tuple[str, ...], tags: tuple[str, ...]) -> bool:
    if tags[-1] not in NOUNS:
        return False
    if all(tag in NOUNS for tag in tags):
        return tags[0] == "NN"
    # "red cross" is a cross that is red, unless WordNet knows the compound and no plain adjective.
    if not _PLAIN.isdisjoint(dimensions("attributes").get(tokens[0], frozenset())):
        return tokens in (("hot", "dog"), ("hot", "dogs"))
    return tags[0] in _MAY_BEGIN_COMPOUND - {"NN"} and wordnet.known(" ".join(tokens), "n")


def _mended(lowers: list[str], tags: tuple[str, ...]) -> tuple[str, ...]:
    """The tags, better where the tagger is known to err or to be of no help.

    A name that is a common caption noun is that noun ("Giraffe standing"). The end of a compound is
    a noun, and so is what no dictionary calls an adjective and stands after a noun ("a fire hydrant
    on", "a teddy bear with"). A word that tells an attribute is an adjective before a noun,
    whatever else it may be ("a metal pole", "a closed window").
    """
    mended = list(tags)
    common_nouns = dimensions("sorts")
    for index, tag in enumerate(tags):
        if tag == "NNP" and lowers[index] in common_nouns:
            mended[index] = "NN"
    # From the end, so that a tag mended here does not decide on the next one.
    for index in range(len(mended) - 1, 0, -1):
        before = index - 1
        if mended[before] == "NN" and _ends_compound(lowers[before], lowers[index], mended[index]):
            mended[index] = "NN"
    for index in range(len(mended) - 1):
        tag = mended[index]
        if tag in MODIFYING and mended[index + 1] in NOUNS and lowers[index] in _attributes(tag):
            mended[index] = "JJ"
    return tuple(mended)


@functools.lru_cache(maxsize=1 << 14)
def _ends_compound(first: str, last: str, tag: str) -> bool:
    if tag not in ("JJ", "VB", "VBP") or not wordnet.known(last, "n"):
        return False
    if tag == "JJ" and not wordnet.known(last, "a"):
        return True
    return wordnet.known(f"{first} {last}", "n")


@functools.cache
def _attributes(tag: str) -> frozenset[str]:
    """The attributes that a word of a tag may be: of nouns, only materials and colors."""
    lines_of_word = dimensions("attributes")
    if tag in ("VBN", "VBG"):
        return frozenset(lines_of_word)
    return frozenset(word for word, lines in lines_of_word.items() if lines & {"material", "color"})
