"""Negatives by another order of the same words (`order`), as NegCLIP and ARO's order tasks have."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon.concreteness import Weigh
from ahnpl_cli.negatives.text.words import Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

# Words that stay together while their order changes: ARO shuffles words, and parts of three.
LENGTHS = (1, 2, 3)
LEAST = 4  # words of a caption
_STOPS = frozenset((".", ",", ";", ":", "!", "?"))


def shuffle_words(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[Candidate | Rejected]:
    """The words of a caption swap places, one by one or in parts of two or three."""
    words = [word for word in caption.words if word.text not in _STOPS]
    if len(words) < LEAST:
        return
    for length in stream.order(LENGTHS):
        parts = [words[start : start + length] for start in range(0, len(words), length)]
        shuffled = [word for part in stream.order(parts) for word in part]
        if [word.lower for word in shuffled] == [word.lower for word in words]:
            yield Rejected("same text")
        else:
            yield _placed(words, shuffled)


def _placed(words: Sequence[Word], shuffled: Sequence[Word]) -> Candidate:
    """Put each word into the place of another; what stands between places stays."""
    changes, edits = [], []
    for place, word in zip(words, shuffled, strict=True):
        if place.text != word.text:
            changes.append(Change(place, word.text, word.lemma))
            edits.append(Edit(place.start, place.end, place.text, word.text))
    return Candidate(tuple(changes), tuple(edits), filler="swap")
