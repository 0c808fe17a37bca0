"""Negatives by a changed place word (`spatial`) or number (`quantity`)."""

from __future__ import annotations

import functools
from collections.abc import Iterator, Sequence
from importlib import resources
from typing import NamedTuple

from ahnpl_cli.negatives import grammar
from ahnpl_cli.negatives.base import Candidate, Change, Draw, Parsed, Unit
from ahnpl_cli.negatives.spelling import match_case, plural, with_article
from ahnpl_cli.negatives.tables import word_list
from ahnpl_cli.records import Edit

_SIDE_BEFORE = frozenset(
    ("the", "to", "its", "his", "her", "their", "our", "your", "far", "top", "bottom", "upper")
    + ("lower", "facing", "turning", "left", "right")
)
_SIDE_AFTER = frozenset(("side", "hand", "corner", "half", "part", "end", "edge", "corners", "of"))


class _Rule(NamedTuple):
    old: tuple[str, ...]
    new: str
    needs: str


@functools.cache
def _rules() -> dict[str, list[_Rule]]:
    """First word -> rules, longest phrase first."""
    text = (resources.files("ahnpl_cli.negatives.tables") / "spatial.txt").read_text("utf-8")
    found: dict[str, list[_Rule]] = {}
    for line in text.splitlines():
        phrases, _, needs = line.partition(":")
        if not line or line.startswith("#"):
            continue
        both = "=" in phrases
        old, new = (part.strip() for part in phrases.replace("=", ">").split(">"))
        for one, other in ((old, new), (new, old)) if both else ((old, new),):
            words = tuple(one.split())
            found.setdefault(words[0], []).append(_Rule(words, other, needs.strip()))
    for rules in found.values():
        rules.sort(key=lambda rule: -len(rule.old))
    return found


def _noun_after(units: Sequence[Unit], index: int) -> Unit | None:
    """The noun of the noun phrase that begins at `index`."""
    for unit in units[index : index + 6]:
        if unit.tag in ("NN", "NNS"):
            return unit
        if unit.tag not in ("DT", "JJ", "PRP$", "CD", "NNP", "VBN", "VBG", "RB"):
            return None
    return None


def _noun_before(units: Sequence[Unit], index: int) -> Unit | None:
    for unit in reversed(units[:index]):
        if unit.tag in ("NN", "NNS"):
            return unit
    return None


def _is_side(units: Sequence[Unit], start: int, end: int) -> bool:
    after = units[end].lower if end < len(units) else ""
    before = units[start - 1].lower if start else ""
    if after == "of":
        return before == "the"
    return after in _SIDE_AFTER or before in _SIDE_BEFORE and units[start].tag[:2] != "VB"


def _holds(needs: str, units: Sequence[Unit], start: int, end: int) -> bool:
    """Whether a rule's condition is met where its phrase stands."""
    if not needs:
        return True
    if needs == "side":
        return _is_side(units, start, end)
    noun = _noun_after(units, end)
    if noun is None or needs == "place":
        return noun is not None and grammar.is_noun(noun)
    listed = word_list({"surface": "surfaces", "container": "containers", "slope": "slopes"}[needs])
    return noun.lemma in listed or noun.lemma.rpartition(" ")[2] in listed


def _match(units: Sequence[Unit], start: int) -> tuple[_Rule, int] | None:
    """The longest phrase that stands at a unit, and where it ends, if it may be changed there."""
    for rule in _rules().get(units[start].lower, ()):
        end = start + len(rule.old)
        if tuple(unit.lower for unit in units[start:end]) == rule.old:
            return (rule, end) if _holds(rule.needs, units, start, end) else None
    return None


def spatial(parsed: Parsed, draw: Draw) -> Iterator[Candidate | str]:
    """A place word becomes its contrary: left/right, above/below, on/under, in front of/behind.

    Yields candidates, or the reason why a phrase gives none.
    """
    units, found, at = parsed.units, [], 0
    while at < len(units):
        match = _match(units, at)
        if match:
            found.append((at, *match))
            at = match[1]
        else:
            at += 1
    for start, rule, end in draw.order(found):
        before, after = _noun_before(units, start), _noun_after(units, end)
        if before and after and before.lemma == after.lemma:
            yield "symmetric"
        elif grammar.negated(units, start):
            yield "negated"
        else:
            yield _replace(parsed, units[start], units[end - 1], rule.new)


def _replace(parsed: Parsed, first: Unit, last: Unit, new: str) -> Candidate:
    caption = parsed.record.caption
    old = caption[first.start : last.end]
    cased = match_case(new, old)
    whole = Unit(first.start, last.end, old, old.lower(), first.tag, None, old.lower())
    edits = with_article(caption, Edit(first.start, last.end, old, cased))
    return Candidate("spatial", (Change(whole, cased, new),), edits)


NUMBERS = ("one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten")
_MANY = ("several", "many", "numerous", "multiple")
_ONE = ("single", "lone", "solitary")
NEAR = 3  # a wrong count is at most this far from the right one (ours)


def quantity(parsed: Parsed, draw: Draw) -> Iterator[Candidate | str]:
    """A number becomes another one, or none becomes some.

    "three dogs" gives "two dogs", "a single dog" gives "several dogs", "no dog" gives "a dog".
    """
    units = parsed.units
    for index in draw.order(range(len(units))):
        made = _requantify(parsed, index, draw)
        if made is not None:
            yield made


def _requantify(parsed: Parsed, index: int, draw: Draw) -> Candidate | None:
    units, unit = parsed.units, parsed.units[index]
    head = _head(units, index + 1)
    if unit.lower == "no" and index + 1 < len(units):
        many = head is not None and units[head].tag == "NNS"
        return _edit(parsed, unit, "some" if many else "a", None)
    if head is None:
        return None
    noun = units[head]
    if noun.tag == "NNS" and unit.lower in _MANY:
        return _edit(parsed, unit, "two", None)
    if noun.tag == "NNS" and unit.tag == "CD":
        other = _other_number(unit.lower, draw)
        return other and _edit(parsed, unit, other, None) or None
    if noun.tag == "NN" and unit.lower in _ONE and index and units[index - 1].lower == "a":
        return _edit(parsed, units[index - 1], "several", noun, through=unit)
    if noun.tag == "NN" and unit.lower == "one" and _free(units, head):
        before = units[index - 1] if index and units[index - 1].lower == "exactly" else None
        return _edit(parsed, unit, "two" if before else "several", noun)
    return None


def _free(units: Sequence[Unit], head: int) -> bool:
    """Whether no finite verb agrees with the noun."""
    return head + 1 == len(units) or units[head + 1].tag not in ("VBZ", "VBP", "VBD", "MD")


def _head(units: Sequence[Unit], start: int) -> int | None:
    for at in range(start, min(start + 4, len(units))):
        if units[at].tag in ("NN", "NNS"):
            return at
        if units[at].tag not in ("JJ", "VBN", "NNP", "CC"):
            return None
    return None


def _other_number(text: str, draw: Draw) -> str | None:
    digits = text.isdigit()
    if not digits and text not in NUMBERS:
        return None
    value = int(text) if digits else NUMBERS.index(text) + 1
    if not 2 <= value <= 10:
        return None
    near = [n for n in range(max(2, value - NEAR), min(10, value + NEAR) + 1) if n != value]
    chosen = next(draw.order(near))
    return str(chosen) if digits else NUMBERS[chosen - 1]


def _edit(
    parsed: Parsed, unit: Unit, new: str, noun: Unit | None, *, through: Unit | None = None
) -> Candidate | None:
    """Change a quantifier, up to the unit `through`, and make the noun a plural if it is given."""
    caption, end = parsed.record.caption, (through or unit).end
    old = caption[unit.start : end]
    cased = match_case(new, old)
    changes = [Change(unit, cased, new)]
    edits = [Edit(unit.start, end, old, cased)]
    if new == "a" and noun is None:
        edits = [_with_sound(caption, edits[0])]
    if noun is not None:
        if noun.lower in word_list("mass"):
            return None
        edits.append(Edit(noun.start, noun.end, noun.text, plural(noun.text)))
    return Candidate("quantity", tuple(changes), tuple(edits))


def _with_sound(caption: str, edit: Edit) -> Edit:
    from ahnpl_cli.negatives.spelling import vowel_sound

    following = caption[edit.end :].lstrip()
    return Edit(edit.start, edit.end, edit.old, edit.new + "n" * vowel_sound(following))
