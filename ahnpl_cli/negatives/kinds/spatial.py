"""Negatives by a changed place word (`spatial`); the rules stand in `tables/spatial.txt`.

Of several contraries of a phrase, one is drawn as often as captions say it between nouns like
those on either side.
"""

from __future__ import annotations

import functools
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import NamedTuple

from ahnpl_cli.english import match_case, with_article
from ahnpl_cli.negatives.candidates import Candidate, Change, ParsedCaption, Rejected
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.lexicon.concreteness import Weigh
from ahnpl_cli.negatives.lexicon.tables import table_lines, word_list
from ahnpl_cli.negatives.statistics import group_of, names_of
from ahnpl_cli.negatives.text import grammar
from ahnpl_cli.negatives.text.relations import read_relation
from ahnpl_cli.negatives.text.words import NOUNS, Word
from ahnpl_cli.records import Edit
from ahnpl_cli.stable_hash import RandomStream

_BEFORE_SIDE = frozenset(
    ("the", "to", "its", "his", "her", "their", "our", "your", "far", "top", "bottom", "upper")
    + ("lower", "facing", "turning", "left", "right")
)
_AFTER_SIDE = frozenset(("side", "hand", "corner", "half", "part", "end", "edge", "corners", "of"))
_BEFORE_NOUN = frozenset(("DT", "JJ", "PRP$", "CD", "NNP", "VBN", "VBG", "RB"))
_NEVER = "never:"  # begins the lines of idioms
LEAST = 2  # captions that must say a phrase between such nouns
KNOWN = 2  # captions that relate two nouns, from which on they must say the phrase of these (ours)
# Behind these, top and bottom are not exchanged: smoke comes out of the top.
_ALONG = frozenset(("from", "out", "onto", "off", "over", "into", "down", "of"))
_OVERHEAD = frozenset(("sky", "cloud", "sun", "moon"))  # nothing is above them
_ENDS = (".", ";", "!", "?")
_LISTS = {"surface": "surfaces", "container": "containers", "slope": "slopes"}


class _Rule(NamedTuple):
    """A phrase, what it may become, and what has to stand beside it."""

    old: tuple[str, ...]
    contraries: tuple[str, ...]
    needs: str


class _Match(NamedTuple):
    """A rule that holds for the words from `start` to before `end`."""

    start: int
    end: int
    rule: _Rule


@functools.cache
def _rules() -> dict[str, list[_Rule]]:
    """First word -> rules, longest phrase first."""
    rules_by_first: dict[str, list[_Rule]] = {}
    for line in table_lines("spatial"):
        if line.startswith(_NEVER):
            continue
        phrases, _, needs = line.partition(":")
        old, new = (part.strip() for part in phrases.replace("=", ">").split(">"))
        _add_rule(rules_by_first, old, new, needs)
        if "=" in phrases:
            _add_rule(rules_by_first, new, old, needs)
    for rules in rules_by_first.values():
        rules.sort(key=lambda rule: -len(rule.old))
    return rules_by_first


def _add_rule(rules_by_first: dict[str, list[_Rule]], old: str, new: str, needs: str) -> None:
    words = tuple(old.split())
    contraries = tuple(phrase.strip() for phrase in new.split("|"))
    rules_by_first.setdefault(words[0], []).append(_Rule(words, contraries, needs.strip()))


@functools.cache
def _idioms() -> re.Pattern[str]:
    lines = [line for line in table_lines("spatial") if line.startswith(_NEVER)]
    phrases = [phrase.strip() for line in lines for phrase in line[len(_NEVER) :].split("|")]
    return re.compile(rf"\b(?:{'|'.join(map(re.escape, phrases))})\b")


def change_place(
    caption: ParsedCaption, stream: RandomStream, weigh: Weigh, corpus: Corpus
) -> Iterator[Candidate | Rejected]:
    """A place word becomes a contrary: left/right, above/below, on/under, in front of/behind."""
    words = caption.words
    matches = []
    index = 0
    while index < len(words):
        match = _match(words, index)
        if match is None:
            index += 1
        else:
            matches.append(match)
            index = match.end
    for match in stream.order(matches):
        before = _noun_before(words, match.start)
        after = _noun_after(words, match.end)
        if before is not None and after is not None and before.lemma == after.lemma:
            yield Rejected("symmetric")
        elif grammar.negated(words, match.start):
            yield Rejected("negated")
        elif after is not None and after.lemma in _OVERHEAD:
            continue
        elif not _is_idiom(caption, match) and not _is_from_an_end(words, match):
            first, last = words[match.start], words[match.end - 1]
            for new in _drawn(match.rule.contraries, before, after, stream, corpus):
                if not _is_said_elsewhere(caption, match, new, after):
                    yield _replace(caption, first, last, new)


def _drawn(
    contraries: Sequence[str],
    before: Word | None,
    after: Word | None,
    stream: RandomStream,
    corpus: Corpus,
) -> Iterator[str]:
    """The contraries that captions say between such nouns, drawn as often."""
    # The first of a line is the one that needs no evidence.
    if len(contraries) == 1 or after is None or corpus.is_small:
        return iter(contraries[:1])
    heads = "*" if before is None else f"*{group_of(before.lemma)}"
    times = _times_said(corpus, heads, after)
    # Birds are on trees, giraffes are not, and captions say enough of where giraffes are.
    own = {} if before is None else _times_said(corpus, before.lemma, after)
    is_known = sum(own.values()) >= KNOWN
    heard = [
        phrase
        for phrase in contraries
        if times.get(phrase, 0) >= LEAST and (not is_known or phrase in own)
    ]
    return stream.order(heard, [times[phrase] for phrase in heard])


def _times_said(corpus: Corpus, head: str, target: Word) -> dict[str, int]:
    """How often captions say each preposition between a noun, or a group of them, and another."""
    times: Counter[str] = Counter()
    for name in names_of(target.lemma):
        for said, number in corpus.relations(head, name).items():
            preposition = read_relation(said.partition("|")[2]).preposition
            times[preposition or ""] += number
    return times


def _is_idiom(caption: ParsedCaption, match: _Match) -> bool:
    """Whether a phrase is part of what is said as a whole, such as "out of focus"."""
    start, end = caption.words[match.start].start, caption.words[match.end - 1].end
    idioms = _idioms().finditer(caption.record.caption.lower())
    return any(idiom.start() < end and start < idiom.end() for idiom in idioms)


def _is_from_an_end(words: Sequence[Word], match: _Match) -> bool:
    """Whether something comes from the top, or is put onto it, as nothing is from the bottom."""
    if match.rule.old not in (("top",), ("bottom",)) or match.start < 2:
        return False
    *_, before, article = (word.lower for word in words[: match.start])
    return article == "the" and before in _ALONG


def _is_said_elsewhere(caption: ParsedCaption, match: _Match, new: str, after: Word | None) -> bool:
    """Whether a caption says a phrase of something else, or of the same thing."""
    words = caption.words
    text = caption.record.caption.lower()
    start, end = words[match.start].start, words[match.end - 1].end
    if match.rule.needs not in ("side", "in"):
        behind = rf"\b{new}\b(?: \w+){{,2}} {re.escape(after.lower)}\b" if after else ""
        return bool(behind) and re.search(behind, text[:start] + text[end:]) is not None
    # Of one sentence the word alone is enough: "a fish on the left and one on the right".
    opening = max(text.rfind(mark, 0, start) for mark in _ENDS) + 1
    closing = min((text + mark).find(mark, end) for mark in _ENDS)
    sentence = f"{text[opening:start]} {text[end:closing]}"
    if re.search(rf"\b{new}\b", sentence):
        return True
    phrases = []
    if match.start:
        phrases.append(f"{words[match.start - 1].lower} {new}")
    if match.end < len(words) and words[match.end].lower[0].isalpha():
        phrases.append(f"{new} {words[match.end].lower}")
    return any(re.search(rf"\b{re.escape(phrase)}\b", text) for phrase in phrases)


def _match(words: Sequence[Word], start: int) -> _Match | None:
    """The longest phrase that stands at a word, if it may be changed there."""
    longest = 0
    for rule in _rules().get(words[start].lower, ()):
        end = start + len(rule.old)
        # Within "on top of" nothing is "on".
        if len(rule.old) < longest:
            return None
        if tuple(word.lower for word in words[start:end]) == rule.old:
            longest = len(rule.old)
            if _holds(rule.needs, words, start, end):
                return _Match(start, end, rule)
    return None


def _holds(needs: str, words: Sequence[Word], start: int, end: int) -> bool:
    """Whether a rule's condition is met where its phrase stands."""
    if not needs:
        return True
    if needs == "side":
        return _is_side(words, start, end)
    if needs == "in":
        return "in" in [word.lower for word in words[max(0, start - 2) : start]]
    noun = _noun_after(words, end)
    if noun is None:
        return False
    if needs == "place":
        return grammar.is_noun(noun)
    listed = word_list(_LISTS[needs])
    return noun.lemma in listed or noun.lemma.rpartition(" ")[2] in listed


def _is_side(words: Sequence[Word], start: int, end: int) -> bool:
    after = words[end].lower if end < len(words) else ""
    before = words[start - 1].lower if start else ""
    if after == "of":
        return before == "the"
    return after in _AFTER_SIDE or before in _BEFORE_SIDE and words[start].tag[:2] != "VB"


def _noun_after(words: Sequence[Word], start: int) -> Word | None:
    """The noun of the noun phrase that begins at `start`."""
    index = grammar.noun_ahead(words, start, _BEFORE_NOUN, 6)
    return None if index is None else words[index]


def _noun_before(words: Sequence[Word], index: int) -> Word | None:
    for word in reversed(words[:index]):
        if word.tag in NOUNS:
            return word
    return None


def _replace(caption: ParsedCaption, first: Word, last: Word, new: str) -> Candidate:
    """Put a phrase in the place of the words from `first` to `last`."""
    text = caption.record.caption
    old = text[first.start : last.end]
    phrase = Word(first.start, last.end, old, old.lower(), first.tag, None, old.lower())
    cased = match_case(new, old)
    edits = with_article(text, Edit(first.start, last.end, old, cased))
    return Candidate((Change(phrase, cased, new),), edits)
