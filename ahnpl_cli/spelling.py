"""English spelling around a changed word: case, a or an, plurals."""

from __future__ import annotations

import re

from ahnpl_cli.records import Edit

_YOU_SOUND = re.compile(r"(uni(?!n|m)|us[aeiu]|ut[ei]|eu|ewe|one(?!i)|once|uk|urin|u\b)")
_SILENT_H = ("hour", "honest", "honor", "heir")
_BEFORE = re.compile(r"\b(an?)(\s+)$", re.IGNORECASE)


def vowel_sound(word: str) -> bool:
    """Whether a word wants `an` before it."""
    lower = word.lower()
    if lower.startswith(_SILENT_H):
        return True
    return lower[:1] in "aeio8" and not _YOU_SOUND.match(lower) or _vowel_u(lower)


def _vowel_u(lower: str) -> bool:
    return lower[:1] == "u" and not _YOU_SOUND.match(lower)


def match_case(new: str, old: str) -> str:
    """Return `new` in the case of `old`: capital first letter, all capitals, or as it is."""
    if len(old) > 1 and old.isupper():
        return new.upper()
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def with_article(caption: str, edit: Edit) -> tuple[Edit, ...]:
    """Return the edit, and before it the repair of the a or an that stands right before it."""
    article = _BEFORE.search(caption, 0, edit.start)
    if not article or vowel_sound(edit.old) == vowel_sound(edit.new):
        return (edit,)
    old = article.group(1)
    new = "an" if vowel_sound(edit.new) else "a"
    if old[0].isupper():
        new = match_case(new, old)
    if old == new:
        return (edit,)
    return (Edit(article.start(1), article.end(1), old, new), edit)


_REGULAR = ("human", "german", "roman", "ottoman")
_PLURALS = {
    "man": "men",
    "woman": "women",
    "child": "children",
    "person": "people",
    "sheep": "sheep",
    "fish": "fish",
    "goose": "geese",
    "mouse": "mice",
    "foot": "feet",
    "tooth": "teeth",
    "knife": "knives",
    "leaf": "leaves",
    "shelf": "shelves",
    "loaf": "loaves",
    "wolf": "wolves",
    "calf": "calves",
    "deer": "deer",
    "aircraft": "aircraft",
    "bus": "buses",
}


def plural(noun: str) -> str:
    """Return the plural of a singular noun; of a compound, of its last word."""
    head, space, last = noun.rpartition(" ")
    for singular, irregular in _PLURALS.items():
        compound = last.endswith(singular) and last not in _REGULAR and len(singular) > 2
        if last == singular or compound:
            return head + space + last[: -len(singular)] + irregular
    if last.endswith(("s", "x", "z", "ch", "sh")):
        return noun + "es"
    if last.endswith("y") and last[-2:-1] not in "aeiou":
        return noun[:-1] + "ies"
    return noun + ("es" if last.endswith(("tomato", "potato", "hero")) else "s")
