"""Puts meanings into English, in as many ways as a few templates and prefixes give."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from ahnpl_cli.scenes.meanings import (
    Count,
    Description,
    Existence,
    Listing,
    Meaning,
    Placement,
    Quantity,
    Relation,
)

NUMBERS = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
PREFIXES = ("", "", "", "", "there is ", "a picture of ")


@dataclass(frozen=True, slots=True)
class Style:
    """How a meaning is said; both scenes of a pair share it.

    Attributes:
        prefix: what comes first, such as `there is `; dropped where the sentence has its own verb.
        clause: "a circle is above a square" rather than "a circle above a square".
        definite: "the" for "a" in such a clause.
        digits: "exactly 3 circles" rather than "three circles".
        sentence: capital first letter and full stop.
        variant: picks among further forms.
    """

    prefix: str = ""
    clause: bool = False
    definite: bool = False
    digits: bool = False
    sentence: bool = False
    variant: int = 0


def sample_style(rng: random.Random) -> Style:
    """A style at random."""
    return Style(
        prefix=rng.choice(PREFIXES),
        clause=rng.random() < 0.3,
        definite=rng.random() < 0.5,
        digits=rng.random() < 0.5,
        sentence=rng.random() < 0.1,
        variant=rng.randrange(12),
    )


def say(meaning: Meaning, style: Style) -> str:
    """`meaning` in English."""
    text = _TEMPLATES[type(meaning)](meaning, style)
    return f"{text[0].upper()}{text[1:]}." if style.sentence else text


def plural(shape: str) -> str:
    """The plural noun."""
    return f"{shape}s"


def words(item: Description, *, many: bool = False) -> str:
    """The noun phrase without an article, such as `small red circle`."""
    noun = plural(item.shape) if many else item.shape
    return " ".join(word for word in (item.size, item.color, noun) if word)


def _a(item: Description) -> str:
    return f"a {words(item)}"  # no word of the world begins with a vowel


def _join(parts: list[str], joint: str = " and ") -> str:
    return joint.join(part for part in (", ".join(parts[:-1]), parts[-1]) if part)


def _listing(meaning: Listing, style: Style) -> str:
    joint = " with " if style.variant % 4 == 0 and len(meaning.items) == 2 else " and "
    if style.clause and style.definite:
        return _join([f"the {words(item)}" for item in meaning.items], joint)
    return style.prefix + _join([_a(item) for item in meaning.items], joint)


def _relation(meaning: Relation, style: Style) -> str:
    if not style.clause:
        return f"{style.prefix}{_a(meaning.subject)} {meaning.phrase} {_a(meaning.object)}"
    article = "the" if style.definite else "a"
    subject, object_ = words(meaning.subject), words(meaning.object)
    return f"{article} {subject} is {meaning.phrase} {article} {object_}"


def _placement(meaning: Placement, style: Style) -> str:
    if len(meaning.items) == 1 and style.variant % 3 == 0:
        item, place = meaning.items[0]
        return f"{place} there is {_a(item)}"
    link = " is " if style.clause else " "
    parts = [f"{_a(item)}{link}{place}" for item, place in meaning.items]
    return ("" if style.clause else style.prefix) + _join(parts)


def _count(meaning: Count, style: Style) -> str:
    parts = [_number(item, number, style) for item, number in meaning.items]
    return _agree(style.prefix, meaning.items[0][1] != 1) + _join(parts)


def _number(item: Description, number: int, style: Style) -> str:
    amount = f"exactly {number}" if style.digits else NUMBERS[number]
    return f"{amount} {words(item, many=number != 1)}"


def _quantity(meaning: Quantity, style: Style) -> str:
    one, several = (
        ("a single", "several"),
        ("exactly one", "a number of"),
        ("a lone", "many"),
    )[style.variant % 3]
    quantifier = several if meaning.several else one
    text = f"{quantifier} {words(meaning.item, many=meaning.several)}"
    if meaning.beside:
        return f"{style.prefix}{_a(meaning.beside)} and {text}"
    return _agree(style.prefix, meaning.several) + text


def _existence(meaning: Existence, style: Style) -> str:
    if meaning.beside:
        negated = f"{('and', 'but')[style.variant % 2]} no {words(meaning.item)}"
        rest = f"and {_a(meaning.item)}" if meaning.present else negated
        return f"{style.prefix}{_a(meaning.beside)} {rest}"
    where = " in the picture" if style.variant % 2 else ""
    many = style.digits
    there = "there are " if many else "there is "
    article = ("" if many else "a ") if meaning.present else "no "
    return f"{there}{article}{words(meaning.item, many=many)}{where}"


def _agree(prefix: str, many: bool) -> str:
    return prefix.replace(" is ", " are ") if many else prefix


_TEMPLATES: dict[type, Callable[[Any, Style], str]] = {
    Listing: _listing,
    Relation: _relation,
    Placement: _placement,
    Count: _count,
    Quantity: _quantity,
    Existence: _existence,
}
