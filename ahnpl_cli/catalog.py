"""Names that users type, and the code behind them, imported only when asked for."""

from __future__ import annotations

import difflib
import importlib
from collections.abc import Iterable, Mapping
from typing import Any

from ahnpl_cli.errors import ConfigError

MOST_SHOWN = 16


def choose(name: str, known: Iterable[str], what: str) -> str:
    """Return `name` if it is known.

    Args:
        name: what the user typed.
        known: every name there is.
        what: the thing named, in the singular, such as `benchmark`.

    Raises:
        ConfigError: the name is unknown; the message suggests the closest and lists all.
    """
    names = list(known)
    if name in names:
        return name
    close = difflib.get_close_matches(name, names, n=3)
    guess = f"Did you mean '{close[0]}'? " if close else ""
    # A list of a hundred names hides the guess.
    shown = names if len(names) <= MOST_SHOWN else close or names[:MOST_SHOWN]
    more = f" and {len(names) - len(shown)} more" if len(shown) < len(names) else ""
    hint = f"{guess}Known: {', '.join(shown)}{more}."
    raise ConfigError(f"unknown {what} '{name}'", hint=hint)


def resolve(name: str, table: Mapping[str, str], what: str) -> Any:
    """Import and return what `table` gives for `name` as `"module:attribute"`.

    Raises:
        ConfigError: see `choose`.
    """
    module, _, attribute = table[choose(name, table, what)].partition(":")
    return getattr(importlib.import_module(module), attribute)
