"""Small word lists of our own, as text files that anyone can mend; `#` starts a comment."""

from __future__ import annotations

import functools
from collections import defaultdict
from importlib import resources

Words = frozenset[str]


def _lines(name: str) -> list[str]:
    text = (resources.files(__name__) / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


@functools.cache
def word_list(name: str) -> Words:
    """Return the words of a list; `_` within a word stands for a space."""
    return frozenset(w.replace("_", " ") for line in _lines(name) for w in line.split())


@functools.cache
def alike(name: str) -> dict[str, Words]:
    """Return word -> the words it shares a line with."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in _lines(name):
        words = {word.replace("_", " ") for word in line.split()}
        for word in words:
            found[word] |= words
    return {word: frozenset(words) for word, words in found.items()}


@functools.cache
def contraries(name: str) -> dict[str, Words]:
    """Return word -> the words that cannot hold of a thing together with it.

    The lines read `dimension: value value | contrary value | ...`. Values side by side on any line
    may hold together, whatever other lines say.
    """
    against: dict[str, set[str]] = defaultdict(set)
    together: dict[str, set[str]] = defaultdict(set)
    for line in _lines(name):
        cells = [
            [word.replace("_", " ") for word in cell.split()]
            for cell in line.partition(":")[2].split("|")
        ]
        everything = {word for cell in cells for word in cell}
        for cell in cells:
            for word in cell:
                against[word] |= everything - set(cell)
                together[word] |= set(cell)
    return {word: frozenset(against[word] - together[word]) for word in against}


@functools.cache
def cells(name: str, title: str) -> tuple[Words, ...]:
    """Return the values on one line of a contraries table, cell by cell."""
    for line in _lines(name):
        head, _, rest = line.partition(":")
        if head == title:
            return tuple(
                frozenset(word.replace("_", " ") for word in cell.split())
                for cell in rest.split("|")
            )
    return ()


@functools.cache
def different(name: str) -> dict[str, Words]:
    """Return word -> the words contrary to it on some line, whatever they share on another.

    A man and a boy are both male and still not the same person.
    """
    found: dict[str, set[str]] = defaultdict(set)
    for line in _lines(name):
        parts = [
            frozenset(word.replace("_", " ") for word in cell.split())
            for cell in line.partition(":")[2].split("|")
        ]
        for part in parts:
            for word in part:
                found[word].update(*(other for other in parts if other is not part))
    return {word: frozenset(words - {word}) for word, words in found.items()}


@functools.cache
def dimensions(name: str) -> dict[str, Words]:
    """Return word -> names of the lines of a contraries table it stands on."""
    found: dict[str, set[str]] = defaultdict(set)
    for line in _lines(name):
        title, _, cells = line.partition(":")
        for word in cells.replace("|", " ").split():
            found[word.replace("_", " ")].add(title)
    return {word: frozenset(titles) for word, titles in found.items()}
