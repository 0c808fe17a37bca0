"""Part-of-speech tags from spaCy: the tagger alone, no parser and no entities.

The products of matrices, nearly all of a tagger's work, go to numpy and not to BLIS, spaCy's own
choice: the same tags in less than half the time where numpy has a tuned OpenBLAS (see
`tests/benchmarks/negatives_corpus.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ahnpl_cli.data.spacy_models import INSTALL, find_spacy_model, import_spacy, load_spacy
from ahnpl_cli.errors import ModelError

# Captions that go through the tagger at once: more of them take memory from the system anew for
# each batch, which costs a quarter of the time.
BATCH = 64
UNUSED = ["parser", "ner", "senter", "attribute_ruler", "lemmatizer", "entity_ruler", "textcat"]


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
        if not any(token.tag_ for token in self.nlp("A cat sits.")):
            raise ModelError(f"the spaCy model '{name}' has no tagger", hint=f"Try: {INSTALL}")
        self.name = f"{name}=={self.nlp.meta['version']}"
        self._threads = ThreadpoolController()

    def tag(self, captions: Sequence[str]) -> list[TaggedText]:
        """Return words and tags; equal captions in equal batches give equal tags."""
        return [_tagged(doc) for doc in self._pipe(captions)]

    def retag(self, texts: Sequence[str], starts: Sequence[int]) -> list[str]:
        """Return, for each text, the tag of the word that begins at a character."""
        docs = self._pipe(texts) if texts else []
        return [_tag_at(doc, start) for doc, start in zip(docs, starts, strict=True)]

    def _pipe(self, texts: Sequence[str]) -> list[Any]:
        # One thread, so that sums are the same in every process; --workers brings more of them.
        with self._threads.limit(limits=1, user_api="blas"):
            return list(self.nlp.pipe(texts, batch_size=BATCH))


def _tagged(doc: Any) -> TaggedText:
    tokens = [(token.idx, token.text, token.tag_) for token in doc if not token.is_space]
    if not tokens:
        return TaggedText((), (), ())
    starts, words, tags = zip(*tokens, strict=True)
    return TaggedText(starts, words, tags)


def _tag_at(doc: Any, start: int) -> str:
    span = doc.char_span(start, start + 1, alignment_mode="expand")
    return str(span[-1].tag_) if span else ""
