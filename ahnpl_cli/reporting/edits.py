"""How a negative caption differs from its caption: found word by word, and marked for a reader."""

from __future__ import annotations

import difflib
import re
from collections.abc import Sequence

from ahnpl_cli.records import Edit
from ahnpl_cli.reporting.tables import Mark, Span

DOTS = " … "
_WORD = re.compile(r"\s*\S+|\s+$")


def word_edits(caption: str, other: str) -> tuple[Edit, ...]:
    """Return the changed runs of words that turn `caption` into `other` exactly."""
    old_words = _WORD.findall(caption)
    new_words = _WORD.findall(other)
    starts = [0]
    for word in old_words:
        starts.append(starts[-1] + len(word))
    matcher = difflib.SequenceMatcher(a=old_words, b=new_words, autojunk=False)
    edits = []
    for tag, first, last, new_first, new_last in matcher.get_opcodes():
        if tag == "equal":
            continue
        old = "".join(old_words[first:last])
        new = "".join(new_words[new_first:new_last])
        edits.append(_trimmed(starts[first], old, new))
    return tuple(edits)


def _trimmed(start: int, old: str, new: str) -> Edit:
    """Return an edit without the blank that both sides begin with."""
    blank = len(old) - len(old.lstrip())
    if old[:blank] != new[:blank]:
        blank = 0
    return Edit(
        start=start + blank,
        end=start + len(old),
        old=old[blank:],
        new=new[blank:],
    )


def changed(caption: str, edits: Sequence[Edit], around: int | None = None) -> tuple[Span, ...]:
    """Return a negative caption with the old words struck and the new ones marked.

    Args:
        caption: the original.
        edits: of it.
        around: characters shown on each side of a change; None shows all.
    """
    spans: list[Span] = []
    at = 0
    # Of what stands before the first change only the end is near one.
    near: int | None = 0
    for edit in sorted(edits, key=lambda edit: edit.start):
        before = caption[at : edit.start]
        spans.append(Span(_cut(before, near, around)))
        spans += _marked(edit.old, "old")
        spans += _marked(edit.new, "new")
        at = edit.end
        near = around
    # Of what stands after the last change only the beginning is near one.
    far = 0 if edits else around
    spans.append(Span(_cut(caption[at:], near, far)))
    return tuple(span for span in spans if span.text)


def _cut(text: str, head: int | None, tail: int | None) -> str:
    """The beginning and the end of a text in whole words, with dots for what is between."""
    if head is None or tail is None:
        return text
    if len(text) <= head + tail + len(DOTS):
        return text
    start = text[:head].rpartition(" ")[0]
    end = text[len(text) - tail :].partition(" ")[2]
    return f"{start}{DOTS}{end}"


def _marked(words: str, mark: Mark) -> tuple[Span, Span]:
    """Return changed words; a blank before them is not struck."""
    bare = words.lstrip()
    blank = words[: len(words) - len(bare)]
    return Span(blank), Span(bare, mark)
