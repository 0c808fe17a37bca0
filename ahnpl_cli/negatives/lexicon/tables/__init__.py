"""Small word lists of our own, as text files that anyone can mend; `#` starts a comment."""

from __future__ import annotations

import functools
from collections import defaultdict
from importlib import resources

Words = frozenset[str]


def table_lines(name: str) -> list[str]:
    """Return the lines of a table, without comments and blank ones."""
    text = (resources.files(__name__) / f"{name}.txt").read_text(encoding="utf-8")
    return [line for line in text.splitlines() if line.strip() and not line.startswith("#")]


def _words(text: str) -> Words:
    """The words of a text; `_` within a word stands for a space."""
    return frozenset(word.replace("_", " ") for word in text.split())


def _dimensions(name: str) -> list[tuple[str, list[Words]]]:
    """The lines `dimension: value value | contrary value | ...` of a table, cell by cell."""
    parts = (line.partition(":") for line in table_lines(name))
    return [(title, [_words(cell) for cell in rest.split("|")]) for title, _, rest in parts]


@functools.cache
def word_list(name: str) -> Words:
    """Return the words of a list; `_` within a word stands for a space."""
    return frozenset().union(*map(_words, table_lines(name)))


@functools.cache
def alike(name: str) -> dict[str, Words]:
    """Return word -> the words it shares a line with."""
    neighbors: dict[str, set[str]] = defaultdict(set)
    for line in table_lines(name):
        words = _words(line)
        for word in words:
            neighbors[word] |= words
    return _frozen(neighbors)


def _frozen(words_of: dict[str, set[str]]) -> dict[str, Words]:
    return {word: frozenset(others) for word, others in words_of.items()}


@functools.cache
def contraries(name: str) -> dict[str, Words]:
    """Return word -> the words that cannot hold of a thing together with it.

    The lines read `dimension: value value | contrary value | ...`. Values side by side on any line
    may hold together, whatever other lines say.
    """
    against: dict[str, set[str]] = defaultdict(set)
    together: dict[str, set[str]] = defaultdict(set)
    for _, values in _dimensions(name):
        everything = frozenset().union(*values)
        for value in values:
            for word in value:
                against[word] |= everything - value
                together[word] |= value
    return {word: frozenset(against[word] - together[word]) for word in against}


def is_color(word: str) -> bool:
    """Whether a word, in lower case, names a color."""
    return "color" in dimensions("attributes").get(word, ())


@functools.cache
def cells(name: str, title: str) -> tuple[Words, ...]:
    """Return the values on one line of a contraries table, cell by cell."""
    return next((tuple(values) for head, values in _dimensions(name) if head == title), ())


@functools.cache
def different(name: str) -> dict[str, Words]:
    """Return word -> the words contrary to it on some line, whatever they share on another.

    A man and a boy are both male and still not the same person.
    """
    others: dict[str, set[str]] = defaultdict(set)
    for _, values in _dimensions(name):
        everything = [(value, word) for value in values for word in value]
        for value, word in everything:
            others[word].update(other for cell, other in everything if cell is not value)
    return {word: frozenset(words - {word}) for word, words in others.items()}


@functools.cache
def dimensions(name: str) -> dict[str, Words]:
    """Return word -> names of the lines of a contraries table it stands on."""
    titles: dict[str, set[str]] = defaultdict(set)
    for title, values in _dimensions(name):
        for word in frozenset().union(*values):
            titles[word].add(title)
    return _frozen(titles)


def contrary(first: str, second: str, table: str = "attributes") -> bool:
    """Whether two words cannot hold of the same thing at once, by a contraries table."""
    return second in contraries(table).get(first, frozenset())
