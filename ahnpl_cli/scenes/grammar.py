"""Puts meanings into English, in as many ways as a few templates and prefixes give."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
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
# Most captions have no prefix.
PREFIXES = ("", "", "", "", "there is ", "a picture of ")
QUANTIFIERS = (("a single", "several"), ("exactly one", "a number of"), ("a lone", "many"))
# Of which each number of forms below is a divisor, so that all of them come equally often.
VARIANTS = 12


@dataclass(frozen=True, slots=True)
class Style:
    """How a meaning is said; the captions of a scene pair share it.

    Attributes:
        prefix: what comes first, such as `there is `; dropped where the sentence has its own verb.
        clause: "a circle is above a square" rather than "a circle above a square".
        definite: "the" for "a" in such a clause.
        digits: "exactly 3 circles" rather than "three circles".
        sentence: capital first letter and period.
        variant: picks among further forms.
    """

    prefix: str = ""
    clause: bool = False
    definite: bool = False
    digits: bool = False
    sentence: bool = False
    variant: int = 0


def sample_style(rng: random.Random) -> Style:
    """Sample a style."""
    return Style(
        prefix=rng.choice(PREFIXES),
        clause=rng.random() < 0.3,
        definite=rng.random() < 0.5,
        digits=rng.random() < 0.5,
        sentence=rng.random() < 0.1,
        variant=rng.randrange(VARIANTS),
    )


def say(meaning: Meaning, style: Style) -> str:
    """Return `meaning` in English."""
    text = _TEMPLATES[type(meaning)](meaning, style)
    if not style.sentence:
        return text
    return f"{text[0].upper()}{text[1:]}."


def plural(shape: str) -> str:
    """Return the plural noun."""
    return f"{shape}s"


def _noun_phrase(item: Description, *, many: bool = False) -> str:
    """Return the words without an article, such as `small red circle`."""
    noun = plural(item.shape) if many else item.shape
    return " ".join(word for word in (item.size, item.color, noun) if word)


def _a(item: Description) -> str:
    return f"a {_noun_phrase(item)}"  # no word of the world begins with a vowel


def _join(parts: Sequence[str], conjunction: str = " and ") -> str:
    if len(parts) == 1:
        return parts[0]
    return ", ".join(parts[:-1]) + conjunction + parts[-1]


def _agree(prefix: str, *, many: bool) -> str:
    return prefix.replace(" is ", " are ") if many else prefix


def _say_listing(meaning: Listing, style: Style) -> str:
    with_form = style.variant % 4 == 0 and len(meaning.items) == 2
    conjunction = " with " if with_form else " and "
    if style.clause and style.definite:
        return _join([f"the {_noun_phrase(item)}" for item in meaning.items], conjunction)
    return style.prefix + _join([_a(item) for item in meaning.items], conjunction)


def _say_relation(meaning: Relation, style: Style) -> str:
    if not style.clause:
        return f"{style.prefix}{_a(meaning.subject)} {meaning.phrase} {_a(meaning.object)}"
    article = "the" if style.definite else "a"
    subject = f"{article} {_noun_phrase(meaning.subject)}"
    object_ = f"{article} {_noun_phrase(meaning.object)}"
    return f"{subject} is {meaning.phrase} {object_}"


def _say_placement(meaning: Placement, style: Style) -> str:
    if len(meaning.items) == 1 and style.variant % 3 == 0:
        item, place = meaning.items[0]
        return f"{place} there is {_a(item)}"
    if style.clause:
        return _join([f"{_a(item)} is {place}" for item, place in meaning.items])
    return style.prefix + _join([f"{_a(item)} {place}" for item, place in meaning.items])


def _say_count(meaning: Count, style: Style) -> str:
    parts = [_say_number(item, number, style) for item, number in meaning.items]
    # The verb agrees with the noun that follows it.
    _, first_number = meaning.items[0]
    return _agree(style.prefix, many=first_number != 1) + _join(parts)


def _say_number(item: Description, number: int, style: Style) -> str:
    amount = f"exactly {number}" if style.digits else NUMBERS[number]
    return f"{amount} {_noun_phrase(item, many=number != 1)}"


def _say_quantity(meaning: Quantity, style: Style) -> str:
    for_one, for_several = QUANTIFIERS[style.variant % 3]
    quantifier = for_several if meaning.several else for_one
    text = f"{quantifier} {_noun_phrase(meaning.item, many=meaning.several)}"
    if meaning.beside:
        return f"{style.prefix}{_a(meaning.beside)} and {text}"
    return _agree(style.prefix, many=meaning.several) + text


def _say_existence(meaning: Existence, style: Style) -> str:
    if meaning.beside:
        return f"{style.prefix}{_a(meaning.beside)} {_say_addition(meaning, style)}"
    where = " in the picture" if style.variant % 2 else ""
    # "exactly" has no place here, so the field picks the plural instead.
    many = style.digits
    verb = "there are" if many else "there is"
    noun_phrase = _noun_phrase(meaning.item, many=many)
    if not meaning.present:
        return f"{verb} no {noun_phrase}{where}"
    article = "" if many else "a "
    return f"{verb} {article}{noun_phrase}{where}"


def _say_addition(meaning: Existence, style: Style) -> str:
    """Return what follows the thing that is there, such as `but no red star`."""
    if meaning.present:
        return f"and {_a(meaning.item)}"
    conjunction = "but" if style.variant % 2 else "and"
    return f"{conjunction} no {_noun_phrase(meaning.item)}"


_TEMPLATES: dict[type, Callable[[Any, Style], str]] = {
    Listing: _say_listing,
    Relation: _say_relation,
    Placement: _say_placement,
    Count: _say_count,
    Quantity: _say_quantity,
    Existence: _say_existence,
}
