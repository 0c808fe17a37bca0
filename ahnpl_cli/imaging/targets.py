"""Which thing an edit is about: the noun phrase around the words that it changes.

A list of words that end a noun phrase does here what a parser would do: photo captions are short
and plain, and a phrase that is one word too long is still found by the locators, which look for
the nouns they know.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

from ahnpl_cli.imaging.base import Target
from ahnpl_cli.records import Edit, Negative, apply_edits

_WORD = re.compile(r"[^\W_]+(?:['’-][^\W_]+)*")
_ARTICLES = frozenset(("a", "an"))
# Words that no noun phrase of a caption goes beyond.
_BOUNDARIES = """
a an the this that these those some any each every several many few both no another other
one two three four five six seven eight nine ten lots pair group bunch his her its their my our
your he she it they and or but with without of on in at to from by for into onto over under
above below beside besides between behind near next against along across around through up
down off out inside outside atop upon towards toward while as who which where there is are
was were be being been has have had does do very left right top bottom front back side
sits stands lies sit stand lie rides ride holds hold looks look wears wear eats eat
"""
BOUNDARIES = frozenset(_BOUNDARIES.split())
NOUN_KINDS = ("object", "swap")  # kinds whose edits replace the noun itself
MODIFIERS = 2  # adjectives before a noun that belong to it, at most
HEAD_WORDS = 4  # words after an adjective among which its noun is looked for


class _Word(NamedTuple):
    start: int
    end: int
    text: str


def _words(caption: str) -> list[_Word]:
    return [_Word(match.start(), match.end(), match[0]) for match in _WORD.finditer(caption)]


def _ends_phrase(caption: str, before: _Word, word: _Word) -> bool:
    """Whether a phrase that has come to `before` stops short of `word`."""
    gap = caption[before.end : word.start]
    lower = word.text.lower()
    if gap.strip() or lower in BOUNDARIES:
        return True
    return len(lower) > 4 and lower.endswith(("ing", "ed"))


def _after(caption: str, words: Sequence[_Word], edit: Edit) -> list[_Word]:
    """The words after an adjective up to the end of its noun phrase."""
    following = [word for word in words if word.start >= edit.end]
    last = _Word(edit.start, edit.end, edit.old)
    phrase: list[_Word] = []
    for word in following[:HEAD_WORDS]:
        if _ends_phrase(caption, last, word):
            break
        phrase.append(word)
        last = word
    return phrase


def _modifiers(caption: str, words: Sequence[_Word], edit: Edit) -> list[_Word]:
    """The adjectives right before a noun."""
    preceding = [word for word in words if word.end <= edit.start]
    phrase: list[_Word] = []
    following = _Word(edit.start, edit.end, edit.old)
    for word in reversed(preceding[-MODIFIERS:]):
        gap = caption[word.end : following.start]
        if gap.strip() or word.text.lower() in BOUNDARIES or word.text.lower().endswith("ing"):
            break
        phrase.insert(0, word)
        following = word
    return phrase


def content_edits(edits: Sequence[Edit]) -> list[Edit]:
    """Return the edits that change what is said; the repair of an article says nothing."""
    return [
        edit
        for edit in edits
        if not (edit.old.lower() in _ARTICLES and edit.new.lower() in _ARTICLES)
    ]


def _moved(edit: Edit, by: int) -> Edit:
    return Edit(edit.start - by, edit.end - by, edit.old, edit.new)


def find_targets(caption: str, negative: Negative) -> tuple[Target, ...]:
    """Return the things that a negative's edits are about, one per edit that has one.

    Args:
        caption: the original.
        negative: with the edits that make it.
    """
    words, targets = _words(caption), []
    for edit in content_edits(negative.edits):
        if negative.kind in NOUN_KINDS:
            start = min([edit.start, *(word.start for word in _modifiers(caption, words, edit))])
            end, noun = edit.end, edit.old
        else:
            head = _after(caption, words, edit)
            if not head:
                continue
            start, end = edit.start, head[-1].end
            noun = caption[head[0].start : end]
        phrase = caption[start:end]
        inside = tuple(
            _moved(e, start) for e in negative.edits if start <= e.start and e.end <= end
        )
        targets.append(Target(phrase, noun, edit.old, edit.new, apply_edits(phrase, inside)))
    return tuple(targets)
