"""From a caption to its words: tagged, compounds joined, and what may be changed with its lemma.

The tagger is spaCy's alone, no parser and no entities. Its products of matrices, nearly all of its
work, go to numpy and not to BLIS, spaCy's own choice: the same tags in less than half the time
where numpy has a tuned OpenBLAS (see `tests/benchmarks/negatives_corpus.py`).
"""

from __future__ import annotations

import functools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from ahnpl_cli.english import INSTALL_MODEL, find_spacy_model, import_spacy, load_spacy
from ahnpl_cli.errors import ModelError
from ahnpl_cli.negatives.lexicon import wordnet
from ahnpl_cli.negatives.lexicon.tables import dimensions
from ahnpl_cli.negatives.lexicon.wordnet import Pos

# Captions that go through the tagger at once: more of them take memory from the system anew for
# each batch, which costs a quarter of the time.
BATCH = 64
# The layers that embed tokens in spaCy's small models.
EMBEDDING = ["extract_features", "list2ragged", "with_array", "with_array", "ragged2list"]
UNUSED = ["parser", "ner", "senter", "attribute_ruler", "lemmatizer", "entity_ruler", "textcat"]
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


@dataclass(frozen=True, slots=True)
class TaggedText:
    """Words of a caption: their first characters, texts and Penn Treebank tags."""

    starts: tuple[int, ...]
    words: tuple[str, ...]
    tags: tuple[str, ...]


class Tagger:
    """Tags captions.

    Attributes:
        name: the model and its version.

    Raises:
        ModelError: the model is not installed, or has no tagger.
    """

    def __init__(self, model: str | None = None) -> None:
        name = find_spacy_model(model)
        # First, since spaCy decides what its library of layers imports.
        import_spacy(name)
        from thinc.api import use_ops
        from threadpoolctl import ThreadpoolController

        with use_ops("numpy", use_blis=False):
            self.nlp = load_spacy(name, UNUSED)
            _embed_once(self.nlp)
        if not any(token.tag_ for token in self.nlp("A cat sits.")):
            raise ModelError(
                f"the spaCy model '{name}' has no tagger", hint=f"Try: {INSTALL_MODEL}"
            )
        self.name = f"{name}=={self.nlp.meta['version']}"
        self._threads = ThreadpoolController()

    def tag(self, captions: Sequence[str]) -> list[TaggedText]:
        """Return words and tags; equal captions in equal batches give equal tags."""
        return [_tagged(doc) for doc in self._pipe(captions)]

    def retag(self, texts: Sequence[str], starts: Sequence[int]) -> list[str]:
        """Return, for each text, the tag of the word that begins at a character."""
        docs = self._pipe(texts) if texts else []
        places = zip(docs, starts, strict=True)
        return [_tag_at(doc, start) for doc, start in places]

    def _pipe(self, texts: Sequence[str]) -> list[Any]:
        # One thread, so that sums are the same in every process; --workers brings more of them.
        with self._threads.limit(limits=1, user_api="blas"):
            return list(self.nlp.pipe(texts, batch_size=BATCH))


def _embed_once(nlp: Any) -> None:
    """Have each distinct token of a batch embedded once, which half of them repeat.

    For pipelines that embed as spaCy's small models do; others stay as they are.
    """
    from thinc.api import Model, chain, with_array

    if "tok2vec" not in nlp.pipe_names:
        return
    embed = nlp.get_pipe("tok2vec").model.layers[0]
    names = [layer.name.partition("(")[0] for layer in embed.layers]
    if names != EMBEDDING:
        return
    extract, to_rows, hashes, mixed, to_docs = embed.layers

    def forward(model: Any, features: np.ndarray, is_train: bool) -> tuple[Any, None]:
        # One value a row, since numpy is slow to tell rows of several apart.
        width = features.dtype.itemsize * features.shape[1]
        rows = np.ascontiguousarray(features).view(np.dtype((np.void, width)))
        _, first, places = np.unique(rows.ravel(), return_index=True, return_inverse=True)
        embedded = model.layers[0].predict(features[first])
        return embedded[places], None

    by_row: Any = chain(hashes.layers[0], mixed.layers[0])
    once: Any = with_array(Model("distinct rows", forward, layers=[by_row]))
    embed.layers[:] = [extract, to_rows, once, to_docs]


def _tagged(doc: Any) -> TaggedText:
    tokens = [(token.idx, token.text, token.tag_) for token in doc if not token.is_space]
    if not tokens:
        return TaggedText((), (), ())
    starts, words, tags = zip(*tokens, strict=True)
    return TaggedText(starts, words, tags)


def _tag_at(doc: Any, start: int) -> str:
    span = doc.char_span(start, start + 1, alignment_mode="expand")
    return str(span[-1].tag_) if span else ""


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
        tag = tags[last]
        pos, lemma = _lemma(lower, tag)
        if pos is not None and _is_part(caption, start, end):
            pos, lemma = None, lower
        text = caption[start:end]
        words.append(Word(start, end, text, lower, tag, pos, lemma))
        first = last + 1
    return tuple(words)


def _joined(caption: str, tagged: TaggedText) -> TaggedText:
    """Tokens with hyphened ones as one, under the last one's tag: "t-shirt", "golden-brown"."""
    if "-" not in tagged.words:
        return tagged
    starts = list(tagged.starts)
    words = list(tagged.words)
    tags = list(tagged.tags)
    index = 1
    while index < len(words) - 1:
        before, hyphen, behind = words[index - 1 : index + 2]
        text = before + hyphen + behind
        touches = caption.startswith(text, starts[index - 1])
        if hyphen == "-" and behind[0].isalpha() and touches:
            joined = slice(index - 1, index + 2)
            words[joined] = [text]
            tags[joined] = [tags[index + 1]]
            starts[joined] = [starts[index - 1]]
        else:
            index += 1
    return TaggedText(tuple(starts), tuple(words), tuple(tags))


def _is_part(caption: str, start: int, end: int) -> bool:
    """Whether letters, digits or hyphens touch a token: a piece of a word is never changed."""
    before = caption[start - 1 : start] if start else ""
    behind = caption[end : end + 1]
    if before.isalnum() or behind.isalnum():
        return True
    return before in _GLUE or behind in _GLUE


def _has_capitals(words: tuple[str, ...]) -> bool:
    """Whether a text is all capitals, or each word of it begins with one, as in a headline."""
    first_letters = [word[0] for word in words if word[:1].isalpha()]
    capitals = sum(letter.isupper() for letter in first_letters)
    return len(first_letters) > 2 and capitals >= HEADLINE * len(first_letters)


@functools.lru_cache(maxsize=1 << 16)
def _lemma(lower: str, tag: str) -> tuple[Pos | None, str]:
    letters = lower.replace(" ", "").replace("-", "")
    pos = POS.get(tag) if letters.isalpha() else None
    if pos is None:
        return None, lower
    return pos, wordnet.lemma(lower, pos)


def _length(lowers: list[str], tags: tuple[str, ...], start: int) -> int:
    """How many tokens from `start` on make one word."""
    if tags[start] not in _MAY_BEGIN_COMPOUND:
        return 1
    longest = min(LONGEST, len(lowers) - start)
    for length in range(longest, 1, -1):
        end = start + length
        if tags[end - 1] not in NOUNS:
            continue
        tokens = tuple(lowers[start:end])
        if _is_compound(tokens, tags[start:end]):
            return length
    return 1


@functools.lru_cache(maxsize=1 << 16)
def _is_compound(tokens: tuple[str, ...], tags: tuple[str, ...]) -> bool:
    if tags[-1] not in NOUNS:
        return False
    if all(tag in NOUNS for tag in tags):
        return tags[0] == "NN"
    # "red cross" is a cross that is red, unless WordNet knows the compound and no plain adjective.
    attributes = dimensions("attributes").get(tokens[0], frozenset())
    if not _PLAIN.isdisjoint(attributes):
        return tokens in (("hot", "dog"), ("hot", "dogs"))
    may_begin = tags[0] in _MAY_BEGIN_COMPOUND and tags[0] != "NN"
    return may_begin and wordnet.known(" ".join(tokens), "n")


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
        if mended[index - 1] != "NN":
            continue
        if _ends_compound(lowers[index - 1], lowers[index], mended[index]):
            mended[index] = "NN"
    for index in range(len(mended) - 1):
        tag = mended[index]
        if tag not in MODIFYING or mended[index + 1] not in NOUNS:
            continue
        if lowers[index] in _attributes(tag):
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


def _attributes(tag: str) -> frozenset[str]:
    """The attributes that a word of a tag may be: of nouns, only materials and colors."""
    return _all_attributes() if tag in ("VBN", "VBG") else seen_attributes()


@functools.cache
def _all_attributes() -> frozenset[str]:
    return frozenset(dimensions("attributes"))


@functools.cache
def seen_attributes() -> frozenset[str]:
    """Return the materials and colors."""
    visible = {"material", "color"}
    return frozenset(word for word, lines in dimensions("attributes").items() if lines & visible)
