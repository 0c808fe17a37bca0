"""What captions say together: how words follow each other, which things are seen with which.

Counted once over the sampled captions; `evidence` reads it in each worker.
"""

from __future__ import annotations

import functools
import json
import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from ahnpl_cli.files import write_atomic
from ahnpl_cli.negatives.lexicon.noun_sorts import ANIMAL, PERSON, sorts_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.relations import Relation, relations_of, text_of
from ahnpl_cli.negatives.text.words import VERBS, Word

STATISTICS = "statistics.json"  # in the work folder
TEXT_END = "."
Window = tuple[list[str], int]  # words, and the first of them that counts
_TOKEN = re.compile(r"[^\W\d_]+(?:['’-][^\W\d_]+)*|\d+|[.,;:!?]")


def tokens_of(text: str) -> list[str]:
    """Return the words and stops of a text, in lower case."""
    return _TOKEN.findall(text.lower())


@functools.lru_cache(maxsize=512)  # a caption is held against each of its negatives
def framed(text: str) -> list[str]:
    """Return the words of a text between what begins and what ends it; not to be changed."""
    return ["", "", *tokens_of(text.strip().rstrip(".")), TEXT_END]


@functools.lru_cache(maxsize=512)  # asked for how plausible a negative is, and for how telling
def changed_words(old: str, new: str) -> tuple[Window, Window]:
    """Return both texts as words with where they begin to differ, up to two words behind that.

    Not to be changed.
    """
    before, after = framed(old), framed(new)
    shortest = min(len(before), len(after))
    start = 2
    while start < shortest and before[start] == after[start]:
        start += 1
    same = 0
    while same < shortest - start and before[-1 - same] == after[-1 - same]:
        same += 1
    # Two words behind the change still depend on it.
    drop = max(0, same - 2)
    old_end, new_end = len(before) - drop, len(after) - drop
    return (before[:old_end], start), (after[:new_end], start)


@dataclass(slots=True)
class Statistics:
    """Counts over captions; plain containers that go through JSON.

    Attributes:
        captions: how many were counted.
        images: how many images they are of.
        words: word -> how often.
        pairs: "word word" -> how often.
        triples: "word word word" -> how often, if more than once.
        seen: noun -> images that it is said of; verbs too, as `doing` writes them.
        together: noun -> noun behind it in the alphabet -> images of both, if several.
        single: noun -> how often it stands in the singular behind a or an.
        described: noun -> adjective -> how often.
        relations: "head|object" -> "form|words" -> how often; heads are nouns, `*group` for
            all of a group (`group_of`), and `*` for all.
        doers: verb -> noun -> how often the verb is said of it.
    """

    captions: int = 0
    images: int = 0
    words: dict[str, int] = field(default_factory=dict)
    pairs: dict[str, int] = field(default_factory=dict)
    triples: dict[str, int] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)
    together: dict[str, dict[str, int]] = field(default_factory=dict)
    single: dict[str, int] = field(default_factory=dict)
    described: dict[str, dict[str, int]] = field(default_factory=dict)
    relations: dict[str, dict[str, int]] = field(default_factory=dict)
    doers: dict[str, dict[str, int]] = field(default_factory=dict)


@functools.lru_cache(maxsize=1 << 15)
def kind_of(noun: str) -> str:
    """Return `person`, `animal` or `thing`."""
    sorts = sorts_of(noun)
    if PERSON in sorts:
        return PERSON
    return ANIMAL if ANIMAL in sorts else "thing"


@functools.lru_cache(maxsize=1 << 15)
def group_of(noun: str) -> str:
    """Return what nouns that do the same things have in common: kind, and of things the sort."""
    kind = kind_of(noun)
    return kind if kind != "thing" else min(sorts_of(noun), default=kind)


def doing(verb: str) -> str:
    """Return what stands for a verb among the nouns that are seen together."""
    return f"~{verb}"


@functools.lru_cache(maxsize=1 << 15)
def names_of(noun: str) -> tuple[str, ...]:
    """Return a noun and, of a compound, its last word: a "kitchen counter" is a counter.

    But a "hot dog" is no dog: what is of another sort than its last word is that alone.
    """
    last = noun.rpartition(" ")[2]
    is_one = last == noun or sorts_of(noun).isdisjoint(sorts_of(last))
    return (noun,) if is_one else (noun, last)


class Tally:
    """Counts captions one by one."""

    def __init__(self) -> None:
        self.captions = 0
        self._words: Counter[str] = Counter()
        self._pairs: Counter[str] = Counter()
        self._triples: Counter[str] = Counter()
        self._single: Counter[str] = Counter()
        self._described: dict[str, Counter[str]] = defaultdict(Counter)
        self._relations: dict[str, Counter[str]] = defaultdict(Counter)
        self._doers: dict[str, Counter[str]] = defaultdict(Counter)
        self._nouns_of: dict[str, set[str]] = defaultdict(set)

    def add(self, image: str, caption: str, words: Sequence[Word]) -> None:
        """Count one caption of an image."""
        self.captions += 1
        self._add_text(caption)
        nouns = self._nouns_of[image]
        for index, word in enumerate(words):
            if word.pos == "n" and grammar.is_noun(word):
                nouns.add(word.lemma)
                if word.tag == "NN" and grammar.determiner(words, index) == "a":
                    self._single[word.lemma] += 1
                adjectives = sorted(grammar.modifiers(words, index))
                self._described[word.lemma].update(adjectives)
            elif word.tag in VERBS:
                nouns.add(doing(word.lemma))
                doer = grammar.subject(words, index)
                if doer is not None:
                    self._doers[word.lemma][words[doer].lemma] += 1
        for relation in relations_of(words):
            self._add_relation(words, relation)

    def _add_text(self, caption: str) -> None:
        tokens = framed(caption)
        pairs = list(map(" ".join, zip(tokens[1:], tokens[2:], strict=False)))
        self._words.update(tokens[2:])
        self._pairs.update(pairs)
        self._triples.update(map(" ".join, zip(tokens, pairs, strict=False)))

    def _add_relation(self, words: Sequence[Word], relation: Relation) -> None:
        head = words[relation.head].lemma
        target = words[relation.object].lemma
        said = f"{relation.form}|{text_of(words, relation)}"
        for name in names_of(target):
            self._relations[f"{head}|{name}"][said] += 1
            self._relations[f"*{group_of(head)}|{name}"][said] += 1
            self._relations[f"*|{name}"][said] += 1

    def statistics(self) -> Statistics:
        """Return what was counted."""
        seen: Counter[str] = Counter()
        together: dict[str, Counter[str]] = defaultdict(Counter)
        for nouns in self._nouns_of.values():
            named = sorted(nouns)
            seen.update(named)
            for place, noun in enumerate(named):
                together[noun].update(named[place + 1 :])
        return Statistics(
            self.captions,
            len(self._nouns_of),
            dict(self._words),
            dict(self._pairs),
            # A caption is judged without itself, so what stands in one alone says nothing of it.
            _several(self._triples),
            dict(seen),
            {noun: _several(others) for noun, others in together.items()},
            dict(self._single),
            {noun: dict(counts) for noun, counts in self._described.items() if counts},
            {pair: dict(counts) for pair, counts in self._relations.items()},
            {verb: dict(counts) for verb, counts in self._doers.items()},
        )


def _several(counts: Counter[str]) -> dict[str, int]:
    return {key: count for key, count in counts.items() if count > 1}


def write_statistics(path: Path, statistics: Statistics) -> None:
    """Write statistics for the workers, whole or not at all."""
    values = {name: getattr(statistics, name) for name in Statistics.__slots__}
    write_atomic(path, json.dumps(values))


def read_statistics(path: Path) -> Statistics:
    """Return what `write_statistics` wrote."""
    return Statistics(**json.loads(path.read_text(encoding="utf-8")))
