"""ARO's four word-order perturbations, drawn from a hash of (seed, caption, kind).

As `dataset_zoo/perturbations.py` describes them. Two differences, both recorded in the frozen file:
randomness is per caption, not one shared stream, so the shuffles do not depend on their order; and
trigrams are over NLTK's Treebank tokens of sentences split at `.!?`, for `punkt` needs a download.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.stable_hash import stable_hash

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

NOUNS = frozenset({"NN", "NNS", "NNP", "NNPS"})
ADJECTIVES = frozenset({"JJ", "JJR", "JJS"})
TRIGRAM = 3
LONGEST = 100_000  # characters; spaCy takes ten times as many, at a gigabyte of memory
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_PUNCTUATION = re.compile(r"([.!\"()*#:;~])")


def _generator(seed: int, caption: str, kind: str) -> np.random.Generator:
    """Return the source of randomness of one shuffle of one caption."""
    # SHA-256, since frozen files of it are around.
    return np.random.default_rng(stable_hash(seed, kind, caption, digest="sha256"))


def _permute(words: list[str], positions: list[int], rng: np.random.Generator) -> None:
    """Exchange the words at some positions with each other, in place."""
    drawn = [words[i] for i in rng.permutation(positions)]
    for position, word in zip(positions, drawn, strict=True):
        words[position] = word


def shuffle_nouns_and_adj(doc: Doc, rng: np.random.Generator) -> str:
    """Exchange nouns with nouns, then adjectives with adjectives."""
    words = [token.text for token in doc]
    for tags in (NOUNS, ADJECTIVES):
        positions = [i for i, token in enumerate(doc) if token.tag_ in tags]
        _permute(words, positions, rng)
    return " ".join(words)


def shuffle_allbut_nouns_and_adj(doc: Doc, rng: np.random.Generator) -> str:
    """Exchange everything else, nouns and adjectives staying in place."""
    words = [token.text for token in doc]
    fixed = NOUNS | ADJECTIVES
    positions = [i for i, token in enumerate(doc) if token.tag_ not in fixed]
    _permute(words, positions, rng)
    return " ".join(words)


def _trigrams(tokens: Sequence[str]) -> list[Sequence[str]]:
    """Return consecutive groups of three tokens; the last may be shorter."""
    return [tokens[start : start + TRIGRAM] for start in range(0, len(tokens), TRIGRAM)]


def _shuffle_within_trigrams(tokens: Sequence[str], rng: np.random.Generator) -> str:
    """Shuffle the words of each trigram, trigrams staying in place."""
    words: list[str] = []
    for group in _trigrams(tokens):
        words += [group[i] for i in rng.permutation(len(group))]
    return " ".join(words)


def _shuffle_trigrams(tokens: Sequence[str], rng: np.random.Generator) -> str:
    """Shuffle the trigrams, words staying in their trigram."""
    groups = _trigrams(tokens)
    words: list[str] = []
    for i in rng.permutation(len(groups)):
        words += groups[i]
    return " ".join(words)


_TAGGED: dict[str, Callable[[Doc, np.random.Generator], str]] = {
    "shuffle_nouns_and_adj": shuffle_nouns_and_adj,
    "shuffle_allbut_nouns_and_adj": shuffle_allbut_nouns_and_adj,
}
_TOKENIZED: dict[str, Callable[[Sequence[str], np.random.Generator], str]] = {
    "shuffle_within_trigrams": _shuffle_within_trigrams,
    "shuffle_trigrams": _shuffle_trigrams,
}
KINDS = (*_TAGGED, *_TOKENIZED)


def _tokenize(caption: str) -> list[str]:
    """Return Treebank tokens, sentence by sentence."""
    from nltk.tokenize import NLTKWordTokenizer  # type: ignore[import-untyped]

    tokenizer = NLTKWordTokenizer()
    tokens: list[str] = []
    for sentence in _SENTENCE_END.split(caption):
        tokens += tokenizer.tokenize(sentence)
    return tokens


def _checked(captions: Iterable[str]) -> Iterator[str]:
    for caption in captions:
        if len(caption) > LONGEST:
            what = f"a caption of {len(caption):,} characters cannot be tagged"
            raise BenchmarkError(f"{what}: {caption[:40]}...")
        yield caption


def shuffles(captions: Iterable[str], nlp: Language, *, seed: int) -> Iterator[tuple[str, ...]]:
    """Yield the four shuffles of each caption, in the official order (`KINDS`).

    Args:
        captions: as annotated, not cleaned.
        nlp: a spaCy pipeline with Penn tags.
        seed: of the draws.

    Raises:
        BenchmarkError: a caption is too long to be tagged.
    """
    for doc in nlp.pipe(_checked(captions), batch_size=256):
        caption = doc.text
        tokens = _tokenize(caption)
        shuffled = []
        for kind, of_doc in _TAGGED.items():
            shuffled.append(of_doc(doc, _generator(seed, caption, kind)))
        for kind, of_tokens in _TOKENIZED.items():
            shuffled.append(of_tokens(tokens, _generator(seed, caption, kind)))
        yield tuple(shuffled)


def clean(caption: str, words: int = 30) -> str:
    """Return what every option is cleaned to: ARO's `pre_caption(caption, 30)`.

    Lower case, some punctuation to spaces, runs of spaces collapsed, the first `words` words.
    """
    spaced = _PUNCTUATION.sub(" ", caption.lower())
    collapsed = re.sub(r"\s{2,}", " ", spaced)
    return " ".join(collapsed.rstrip("\n").strip(" ").split(" ")[:words])
