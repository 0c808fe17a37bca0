"""`validity`'s verdicts on every word of a vocabulary at once, as arrays of reasons.

Each function here has its plain twin in `validity`, and a test holds them together.
"""

from __future__ import annotations

import functools
from collections import defaultdict
from collections.abc import Collection, Iterable, Sequence

import numpy as np

from ahnpl_cli.negatives import grammar, validity, wordnet
from ahnpl_cli.negatives.tables import Words, alike, contraries, different, word_list
from ahnpl_cli.negatives.validity import Place
from ahnpl_cli.negatives.wordnet import Pos

# A word's code is the place of its reason here; 0 is none.
CODES = ("", *validity.REASONS)
_CODE = {reason: code for code, reason in enumerate(CODES)}
_SYNONYM, _HYPERNYM, _HYPONYM = (_CODE[r] for r in ("synonym", "hypernym", "hyponym"))
_COMPATIBLE, _SAME, _NO_WORD = (_CODE[r] for r in ("compatible", "same lemma", "not a word"))
_AGREEMENT = _CODE[validity.AGREEMENT]
IN_IMAGE = _CODE[validity.IN_IMAGE]


class Lexis:
    """How lemmas stand to each of a list of lemmas of one part of speech."""

    def __init__(self, lemmas: Sequence[str], pos: Pos) -> None:
        self.lemmas, self.pos = lemmas, pos
        self.numbers = _invert((lemma, i) for i, lemma in enumerate(lemmas))
        self._senses = _invert((s, i) for i, x in enumerate(lemmas) for s in wordnet.senses(x, pos))
        self._common = _invert(
            (s, i) for i, x in enumerate(lemmas) for s in wordnet.senses(x, pos)[: wordnet.SENSES]
        )
        above = wordnet.neighbours if pos == "a" else wordnet.ancestors
        self._above = _invert((s, i) for i, x in enumerate(lemmas) for s in above(x, pos))
        first = lemmas if pos == "a" else ()
        self._near = _invert(
            (s, i) for i, x in enumerate(first) for s in wordnet.neighbours(x, "a", 1)
        )
        unseen = [not grammar.pictured(lemma) for lemma in lemmas] if pos == "n" else []
        self.unpictured = np.flatnonzero(unseen)
        self.persons = np.array([validity.is_person(lemma) for lemma in lemmas], dtype=bool)

    def relate(self, lemma: str) -> np.ndarray:
        """`wordnet.related(lemma, other)` of every other lemma, as codes."""
        codes = np.zeros(len(self.lemmas), dtype=np.int8)
        like = self.pos == "a"
        common = wordnet.senses(lemma, self.pos)[: wordnet.SENSES]
        _mark(codes, self._above, common, _SYNONYM if like else _HYPONYM)
        above = wordnet.neighbours if like else wordnet.ancestors
        _mark(codes, self._common, above(lemma, self.pos), _SYNONYM if like else _HYPERNYM)
        _mark(codes, self._senses, wordnet.senses(lemma, self.pos), _SYNONYM)
        return codes

    def opposite(self, lemma: str) -> set[int]:
        """Numbers of the adjectives that are antonyms of one, or in the cluster of an antonym."""
        against = wordnet.against(lemma)
        return {number for synset in against for number in self._near.get(synset, ())}

    def mark(self, codes: np.ndarray, words: Iterable[str], code: int) -> None:
        """Give a code to the words that have none."""
        for word in words:
            for number in self.numbers.get(word, ()):
                codes[number] = codes[number] or code


def _invert(pairs: Iterable[tuple[object, int]]) -> dict[object, list[int]]:
    found: dict[object, list[int]] = defaultdict(list)
    for key, number in pairs:
        found[key].append(number)
    return dict(found)


def _mark(
    codes: np.ndarray, index: dict[object, list[int]], keys: Iterable[int], code: int
) -> None:
    for key in keys:
        if key in index:
            codes[index[key]] = code


def _flags(items: Sequence[object], among: Collection[object]) -> np.ndarray:
    return np.array([item in among for item in items], dtype=bool)


class Verdicts:
    """What `validity` says of every word of a vocabulary.

    Args:
        words: the words.
        lemmas: their base forms.
        pos: their part of speech.
    """

    def __init__(self, words: Sequence[str], lemmas: Sequence[str], pos: Pos) -> None:
        self.pos = pos
        self.mass = _flags(words, word_list("mass"))
        self.ubiquitous = _flags(words, word_list("ubiquitous"))
        self.of_things = _flags(lemmas, validity.OF_THINGS)
        sexes = [validity.sex(lemma) for lemma in lemmas]
        self.sexes = {name: _flags(sexes, (name,)) for name in validity.SEXES}
        self.own = Lexis(lemmas, pos)
        self.heads = Lexis([lemma.rpartition(" ")[2] for lemma in lemmas], pos)
        self.compound = np.array([" " in lemma for lemma in lemmas], dtype=bool)
        self.no_word = np.array([not validity.is_word(x, pos) for x in lemmas], dtype=bool)
        self.pair = functools.lru_cache(maxsize=4096)(self._pair)
        self.named = functools.lru_cache(maxsize=1 << 15)(self._named)
        self.placed = functools.lru_cache(maxsize=256)(self._placed)
        self.said = functools.lru_cache(maxsize=256)(self._said)

    def _placed(self, place: Place) -> np.ndarray:
        """`validity.place_reason(place, word)` of every word, as codes."""
        codes = np.zeros(len(self.compound), dtype=np.int8)
        if place.lifeless:
            codes[~self.of_things] = _COMPATIBLE
        if place.loose:
            codes[self.ubiquitous] = _COMPATIBLE
        if place.countable:
            codes[self.mass] = _AGREEMENT
        if place.mass:
            codes[~self.mass] = _AGREEMENT
        for name in place.sexes:
            codes[self.sexes[name]] = _AGREEMENT
        return codes

    def _pair(self, old: str) -> np.ndarray:
        """`validity.pair_reason(old, new)` of every word, as codes."""
        codes = self._thing(old) if self.pos == "n" else self._contrary(old)
        codes[self.no_word] = _NO_WORD
        for number in self.own.numbers.get(old, ()):
            codes[number] = _SAME
        return codes

    def _contrary(self, old: str) -> np.ndarray:
        codes = self.own.relate(old)
        codes[codes == 0] = _COMPATIBLE
        for new in self._may_contradict(old):
            if validity.pair_reason(old, new, self.pos) is None:
                codes[self.own.numbers[new]] = 0
        return codes

    def _may_contradict(self, old: str) -> set[str]:
        """The words that `pair_reason` could let stand against a verb or adjective."""
        table = contraries("attributes" if self.pos == "a" else "verbs").get(old, frozenset())
        found = {word for word in table if word in self.own.numbers}
        if self.pos == "a":
            found.update(self.own.lemmas[n] for n in self.own.opposite(old))
        return found

    def _thing(self, old: str) -> np.ndarray:
        codes = self._of(self.own, old)
        head = old.rpartition(" ")[2]
        through = self.compound | (head != old)
        by_head = self._of(self.heads, head)
        self.heads.mark(by_head, (head,), _SAME)
        codes[through & (codes == 0) & (by_head != 0)] = _COMPATIBLE
        return codes

    def _of(self, lexis: Lexis, old: str) -> np.ndarray:
        codes = lexis.relate(old)
        may = np.zeros(len(codes), dtype=bool)
        for word in alike("nouns").get(old, frozenset()):
            may[lexis.numbers.get(word, [])] = True
        if validity.is_person(old):
            may |= lexis.persons
            for word in different("persons").get(old, frozenset()):
                numbers = lexis.numbers.get(word, [])
                may[numbers] = ~lexis.persons[numbers] & may[numbers]
        may[lexis.unpictured] = True
        codes[may & (codes == 0)] = _COMPATIBLE
        return codes

    def _said(self, image_words: Words) -> np.ndarray:
        """`validity.said(word, image_words)` of every word."""
        found = np.zeros(len(self.compound), dtype=bool)
        named = [self.named(word) for word in validity.telling(image_words, self.pos)]
        if named:
            found[np.concatenate(named)] = True
        return found

    def _named(self, word: str) -> np.ndarray:
        """Numbers of the words that may name what `word` names."""
        codes = self.own.relate(word)
        if self.pos == "v":
            codes[:] = 0
        for lexis in (self.own, self.heads):
            lexis.mark(codes, (word,), _SAME)
            if self.pos == "n":
                lexis.mark(codes, alike("nouns").get(word, frozenset()), _COMPATIBLE)
        return np.flatnonzero(codes)
