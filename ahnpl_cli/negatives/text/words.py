"""From tagged tokens to words: compounds are joined, and what may be changed gets its lemma."""

from __future__ import annotations

import functools
from typing import NamedTuple

from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.tables import dimensions
from ahnpl_cli.negatives.lexicon.wordnet import Pos
from ahnpl_cli.negatives.text.tagging import TaggedText

LONGEST = 3  # tokens of a compound
HEADLINE = 0.7  # share of words with capitals from which these tell no name (ours)
_GLUE = frozenset("-_@#")
_OPENINGS = frozenset((".", "!", "?", ":", '"', "``", "''", "“", "(", "-"))
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
    tokens = _joined(caption, tagged)
    lowers = [token.lower() for token in tokens.words]
    tags = _mended(lowers, tokens, _has_capitals(tokens.words))
    words = []
    first = 0
    while first < len(lowers):
        last = first + _length(lowers, tags, first) - 1
        start = tokens.starts[first]
        end = tokens.starts[last] + len(tokens.words[last])
        lower = " ".join(lowers[first : last + 1])
        pos, lemma = _lemma(lower, tags[last])
        if pos is not None and _is_part(caption, start, end):
            pos, lemma = None, lower
        words.append(Word(start, end, caption[start:end], lower, tags[last], pos, lemma))
        first = last + 1
    return tuple(words)


def _joined(caption: str, tagged: TaggedText) -> TaggedText:
    """Tokens with hyphened ones as one, under the last one's tag: "t-shirt", "golden-brown"."""
    if "-" not in tagged.words:
        return tagged
    starts, words, tags = list(tagged.starts), list(tagged.words), list(tagged.tags)
    index = 1
    while index < len(words) - 1:
        start, end = starts[index - 1], starts[index + 1] + len(words[index + 1])
        text = words[index - 1] + words[index] + words[index + 1]
        if words[index] == "-" and words[index + 1][0].isalpha() and caption[start:end] == text:
            words[index - 1 : index + 2] = [text]
            tags[index - 1 : index + 2] = [tags[index + 1]]
            del starts[index : index + 2]
        else:
            index += 1
    return TaggedText(tuple(starts), tuple(words), tuple(tags))


def _is_part(caption: str, start: int, end: int) -> bool:
    """Whether letters, digits or hyphens touch a token: a piece of a word is never changed."""
    before, after = caption[start - 1 : start] if start else "", caption[end : end + 1]
    return before.isalnum() or after.isalnum() or before in _GLUE or after in _GLUE


def _has_capitals(words: tuple[str, ...]) -> bool:
    """Whether a text is all capitals, or each word of it begins with one, as in a headline."""
    begins = [word[0].isupper() for word in words if word[:1].isalpha()]
    return len(begins) > 2 and sum(begins) >= HEADLINE * len(begins)


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


def _mended(lowers: list[str], tokens: TaggedText, is_headline: bool) -> tuple[str, ...]:
    """The tags, better where the tagger is known to err or to be of no help.

    A name that is a common caption noun is that noun at the start ("Giraffe standing") and in a
    headline; elsewhere what is written with a capital is a name and stays ("the Old Town Hall").
    The end of a compound is a noun, and so is what no dictionary calls an adjective and stands
    after a noun ("a fire hydrant on", "a teddy bear with"). A word that tells an attribute is an
    adjective before a noun, whatever else it may be ("a metal pole", "a closed window").
    """
    mended = list(tokens.tags)
    common_nouns = dimensions("sorts")
    begins = True
    for index, tag in enumerate(tokens.tags):
        is_capital = tokens.words[index][0].isupper()
        if is_capital and not begins and not is_headline and tag in POS:
            mended[index] = "NNP"
        elif tag == "NNP" and lowers[index] in common_nouns:
            opens = begins and not _is_name(tokens, index + 1)
            mended[index] = "NN" if opens or is_headline or not is_capital else "NNP"
        begins = lowers[index] in _OPENINGS
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


def _is_name(tokens: TaggedText, index: int) -> bool:
    """Whether a word is written with a capital, as the rest of a name is."""
    return index < len(tokens.words) and tokens.words[index][0].isupper()


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
