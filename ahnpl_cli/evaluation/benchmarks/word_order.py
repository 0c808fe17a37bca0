"""ARO's four word-order perturbations, drawn from a hash of (seed, caption, kind).

As `dataset_zoo/perturbations.py` describes them. Two differences, both recorded in the frozen file:
randomness is per caption, not one shared stream, so the shuffles do not depend on their order; and
trigrams are over NLTK's Treebank tokens of sentences split at `.!?`, for `punkt` needs a download.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from spacy.language import Language
    from spacy.tokens import Doc

NOUNS = frozenset({"NN", "NNS", "NNP", "NNPS"})
ADJECTIVES = frozenset({"JJ", "JJR", "JJS"})
TRIGRAM = 3
_SENTENCE_END = re.compile(r"(?<=[.!?])\s+")
_PUNCTUATION = re.compile(r"([.!\"()*#:;~])")


def generator(seed: int, caption: str, kind: str) -> np.random.Generator:
    """Return the source of randomness of one shuffle of one caption."""
    digest = hashlib.sha256(f"{seed}\x1f{kind}\x1f{caption}".encode()).digest()
    return np.random.default_rng(int.from_bytes(digest[:8], "big"))


def _permute(words: list[str], at: list[int], rng: np.random.Generator) -> None:
    for place, old in zip(at, [words[i] for i in rng.permutation(at)], strict=True):
        words[place] = old


def shuffle_nouns_and_adj(doc: Doc, rng: np.random.Generator) -> str:
    """Exchange nouns with nouns, then adjectives with adjectives."""
    words = [token.text for token in doc]
    for tags in (NOUNS, ADJECTIVES):
        _permute(words, [i for i, token in enumerate(doc) if token.tag_ in tags], rng)
    return " ".join(words)


def shuffle_allbut_nouns_and_adj(doc: Doc, rng: np.random.Generator) -> str:
    """Exchange everything else, nouns and adjectives staying in place."""
    words = [token.text for token in doc]
    fixed = NOUNS | ADJECTIVES
    _permute(words, [i for i, token in enumerate(doc) if token.tag_ not in fixed], rng)
    return " ".join(words)


def trigrams(tokens: Sequence[str]) -> list[list[str]]:
    """Return consecutive groups of three tokens; the last may be shorter."""
    return [list(tokens[i : i + TRIGRAM]) for i in range(0, len(tokens), TRIGRAM)]


def shuffle_within_trigrams(tokens: Sequence[str], rng: np.random.Generator) -> str:
    """Shuffle the words of each trigram, trigrams staying in place."""
    groups = trigrams(tokens)
    return " ".join(group[i] for group in groups for i in rng.permutation(len(group)))


def shuffle_trigrams(tokens: Sequence[str], rng: np.random.Generator) -> str:
    """Shuffle the trigrams, words staying in their trigram."""
    groups = trigrams(tokens)
    return " ".join(word for i in rng.permutation(len(groups)) for word in groups[i])


TAGGED: dict[str, Callable[[Doc, np.random.Generator], str]] = {
    "shuffle_nouns_and_adj": shuffle_nouns_and_adj,
    "shuffle_allbut_nouns_and_adj": shuffle_allbut_nouns_and_adj,
}
TOKENISED: dict[str, Callable[[Sequence[str], np.random.Generator], str]] = {
    "shuffle_within_trigrams": shuffle_within_trigrams,
    "shuffle_trigrams": shuffle_trigrams,
}
KINDS = (*TAGGED, *TOKENISED)


def tokenize(caption: str) -> list[str]:
    """Return Treebank tokens, sentence by sentence."""
    from nltk.tokenize import NLTKWordTokenizer  # type: ignore[import-untyped]

    words = NLTKWordTokenizer()
    sentences = _SENTENCE_END.split(caption)
    return [token for sentence in sentences for token in words.tokenize(sentence)]


def shuffles(captions: Iterable[str], nlp: Language, *, seed: int) -> Iterator[tuple[str, ...]]:
    """Yield the four shuffles of each caption, in the official order (`KINDS`).

    Args:
        captions: as annotated, not cleaned.
        nlp: a spaCy pipeline with Penn tags.
        seed: of the draws.
    """
    for doc in nlp.pipe(captions, batch_size=256):
        caption, tokens = doc.text, tokenize(doc.text)
        tagged = [make(doc, generator(seed, caption, kind)) for kind, make in TAGGED.items()]
        split = [make(tokens, generator(seed, caption, kind)) for kind, make in TOKENISED.items()]
        yield (*tagged, *split)


def clean(caption: str, words: int = 30) -> str:
    """Return what every option is cleaned to: ARO's `pre_caption(caption, 30)`.

    Lower case, some punctuation to spaces, runs of spaces collapsed, the first `words` words.
    """
    plain = re.sub(r"\s{2,}", " ", _PUNCTUATION.sub(" ", caption.lower()))
    return " ".join(plain.rstrip("\n").strip(" ").split(" ")[:words])
