"""Texts that are longer than a model's context: cut by every tokenizer, and seldom said.

A foil that differs from its caption only behind the cut becomes a tie, and so a wrong verdict.
OpenAI's own tokenizer raises instead, and the scripts of ARO, SugarCrepe++ and GNM with it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import torch

from ahnpl_cli.backbones.base import Backbone

BATCH = 4096  # texts tokenized at once


def _used(backbone: Backbone, texts: Sequence[str]) -> list[int]:
    """Return how many positions of the context each text takes, its marks of start and end too."""
    used: list[int] = []
    for start in range(0, len(texts), BATCH):
        tokens = backbone.tokenize(texts[start : start + BATCH])
        # The last token that is no padding ends the text; ids before it may look like padding.
        positions = torch.arange(1, tokens.shape[1] + 1) * (tokens != backbone.pad_id)
        used += positions.amax(dim=1).tolist()
    return used


def _halves(text: str) -> Iterator[str]:
    """Yield a text in two parts at a blank, where tokenizers part too."""
    words = text.split()
    middle = len(words) // 2
    yield " ".join(words[:middle])
    yield " ".join(words[middle:])


def cut_texts(backbone: Backbone, texts: Iterable[str]) -> set[str]:
    """Return the texts of which the model does not see all."""
    context = backbone.info.context_length
    (marks,) = _used(backbone, [""])
    # A token holds one byte at least, so that most captions need no look.
    long = [text for text in dict.fromkeys(texts) if len(text.encode()) > context - marks]
    full = [text for text, used in zip(long, _used(backbone, long), strict=True) if used == context]
    return {text for text in full if _length(backbone, text, marks) > context}


def _length(backbone: Backbone, text: str, marks: int) -> int:
    """Return the positions that a text would take in a context without end."""
    length = marks
    parts = [text]
    while parts:
        part = parts.pop()
        (used,) = _used(backbone, [part])
        if used < backbone.info.context_length:
            length += used - marks
        elif " " in part.strip():
            parts.extend(_halves(part))
        else:
            # One word that fills the context: it is cut, or just fits.
            length += used - marks + 1
    return length
