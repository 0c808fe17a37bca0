"""WordNet 3.0 (Princeton), the part that captions need; see `build.py` for what is kept.

Its license stands beside the table. WordNet comes with us since no sound package carries it: NLTK
and `wn` download it on first use.
"""

from __future__ import annotations

import functools
import gzip
from dataclasses import dataclass, field
from importlib import resources
from typing import Literal, NamedTuple

Pos = Literal["n", "v", "a"]
Relation = Literal["synonym", "hypernym", "hyponym"]
# Of a noun's senses only the most common lend their hypernyms: a dog is seldom a man.
SENSES = 3
_RULES: dict[str, tuple[tuple[str, str], ...]] = {
    "n": (
        ("ses", "s"),
        ("xes", "x"),
        ("zes", "z"),
        ("ches", "ch"),
        ("shes", "sh"),
        ("men", "man"),
        ("ies", "y"),
        ("s", ""),
    ),
    "v": (
        ("ies", "y"),
        ("es", "e"),
        ("es", ""),
        ("s", ""),
        ("ed", "e"),
        ("ed", ""),
        ("ing", "e"),
        ("ing", ""),
    ),
    "a": (("er", "e"), ("er", ""), ("est", "e"), ("est", "")),
}


@dataclass(slots=True)
class _Part:
    """One part of speech: lemma -> senses, and per synset its file and pointers."""

    senses: dict[str, list[int]] = field(default_factory=dict)
    files: list[int] = field(default_factory=list)
    parents: list[list[int]] = field(default_factory=list)
    opposites: list[list[int]] = field(default_factory=list)
    exceptions: dict[str, str] = field(default_factory=dict)


@functools.cache
def _load() -> dict[str, _Part]:
    parts = {pos: _Part() for pos in _RULES}
    table = resources.files(__name__) / "wordnet.tsv.gz"
    for line in gzip.decompress(table.read_bytes()).decode().splitlines():
        row, pos, first, second = line.split("\t")
        part = parts[pos]
        if row == "l":
            part.senses[first] = list(map(int, second.split()))
        elif row == "e":
            part.exceptions[first] = second
        else:
            parents, opposites = second.split(), []
            # Of 71,000 rows hardly any has opposites.
            if "!" in second:
                opposites = [int(target[1:]) for target in parents if target[0] == "!"]
                parents = [target for target in parents if target[0] != "!"]
            part.files.append(int(first))
            part.parents.append(list(map(int, parents)))
            part.opposites.append(opposites)
    return parts


@functools.lru_cache(maxsize=1 << 16)
def lemma(form: str, pos: Pos) -> str:
    """Return the base form of a lower-case word by WordNet's rules (morphy); itself if unknown."""
    part = _load()[pos]
    if form in part.exceptions:
        return part.exceptions[form]
    head, space, last = form.rpartition(" ")
    if space and form not in part.senses:
        return f"{head} {lemma(last, pos)}"
    if pos == "v" and form[-3:] != "ing" and form in part.senses:
        return form
    if pos != "v" and form in part.senses and not (pos == "n" and form[-1:] == "s"):
        return form
    for base in _bases(form, pos):
        if base in part.senses:
            return base
    return form


def _bases(form: str, pos: Pos) -> list[str]:
    """What a form may come from, most specific ending first; doubled consonants are undone."""
    bases = []
    for ending, new in _RULES[pos]:
        if form.endswith(ending) and form != ending:
            bases.append(form[: -len(ending)] + new)
    if pos == "v":
        stems = [form[: -len(ending)] for ending in ("ed", "ing") if form.endswith(ending)]
        bases += [stem[:-1] for stem in stems if len(stem) > 3 and stem[-1] == stem[-2]]
    return bases


@functools.lru_cache(maxsize=1 << 16)
def known(form: str, pos: Pos) -> bool:
    """Whether WordNet has the word, in any form, as this part of speech."""
    return lemma(form, pos) in _load()[pos].senses


def senses(lemma_: str, pos: Pos) -> list[int]:
    """Return the synsets of a lemma, the most common first."""
    return _load()[pos].senses.get(lemma_, [])


class Concepts(NamedTuple):
    """The synsets of a word, or of several words together.

    Attributes:
        senses: all senses.
        common: the most common senses.
        above: the common senses and all that they are a kind of; of an adjective, those that
            WordNet calls similar.
    """

    senses: frozenset[int]
    common: frozenset[int]
    above: frozenset[int]


@functools.lru_cache(maxsize=1 << 16)
def concepts(lemma_: str, pos: Pos) -> Concepts:
    """Return the synsets of a lemma."""
    own = senses(lemma_, pos)
    if pos == "a":
        higher = neighbors(lemma_)
    else:
        higher = frozenset().union(*(above(synset, pos) for synset in own[:SENSES]))
    return Concepts(frozenset(own), frozenset(own[:SENSES]), higher)


@functools.lru_cache(maxsize=512)
def all_concepts(lemmas: frozenset[str], pos: Pos) -> Concepts:
    """Return the synsets of several lemmas together, such as those that describe an image."""
    each = [concepts(lemma_, pos) for lemma_ in lemmas]
    return Concepts(*(frozenset().union(*synsets) for synsets in zip(*each, strict=True)))


@functools.lru_cache(maxsize=1 << 16)
def above(synset: int, pos: Pos) -> frozenset[int]:
    """Return a synset and all it is a kind of."""
    parents = _load()[pos].parents[synset]
    return frozenset((synset,)).union(*(above(parent, pos) for parent in parents))


def related(first: str, second: str, pos: Pos) -> Relation | None:
    """Return how two lemmas stand, or None: `hypernym` if the second is the more general one.

    Synonyms share a sense, however rare; of adjectives those count too that WordNet calls similar
    (huge, large). Hypernyms are looked for along the common senses of nouns and verbs.
    """
    return _relation(concepts(first, pos), concepts(second, pos), pos)


def related_to_any(lemma_: str, others: frozenset[str], pos: Pos) -> bool:
    """Whether a lemma is `related` to at least one of several others."""
    # Unions answer for all others at once: each test only asks whether two sets meet.
    if not others:
        return False
    return _relation(concepts(lemma_, pos), all_concepts(others, pos), pos) is not None


def _relation(first: Concepts, second: Concepts, pos: Pos) -> Relation | None:
    if not first.senses.isdisjoint(second.senses):
        return "synonym"
    if not first.above.isdisjoint(second.common):
        return "synonym" if pos == "a" else "hypernym"
    if not second.above.isdisjoint(first.common):
        return "synonym" if pos == "a" else "hyponym"
    return None


@functools.lru_cache(maxsize=1 << 14)
def neighbors(adjective: str, common: int = SENSES) -> frozenset[int]:
    """Return the synsets of an adjective's most common senses and those they are similar to."""
    own = senses(adjective, "a")[:common]
    parents = _load()["a"].parents
    return frozenset((*own, *(target for synset in own for target in parents[synset])))


@functools.lru_cache(maxsize=1 << 14)
def against(adjective: str) -> frozenset[int]:
    """Return the synsets opposed to an adjective or to what it is similar to.

    Of the most common sense alone: by others small is young, so that old would be its contrary.
    """
    opposites = _load()["a"].opposites
    return frozenset(t for synset in neighbors(adjective, 1) for t in opposites[synset])


def opposite(first: str, second: str) -> bool:
    """Whether two adjectives, or the clusters they belong to, are antonyms (see `against`)."""
    return not against(first).isdisjoint(neighbors(second, 1))


@functools.lru_cache(maxsize=1 << 14)
def file_of(lemma_: str, pos: Pos) -> int | None:
    """Return the lexicographer file (18 person, 5 animal, 13 food...) of the first sense."""
    part = _load()[pos]
    synsets = part.senses.get(lemma_)
    return part.files[synsets[0]] if synsets else None
