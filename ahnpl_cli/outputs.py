"""What to do with an output that exists: start afresh, resume it, or leave it as it is.

Every command asks here, so that the rule and its words are the same everywhere: an output made with
other options, or by somebody else, is never overwritten without `--force`.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Literal

from ahnpl_cli.errors import ConfigError

State = Literal["fresh", "resume", "done"]
HINT = "Choose another --output, or overwrite it with --force."
LONGEST = 60  # characters of a value in a message


def _shown(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def changes(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return which options differ, as `lr 1e-05, now 2e-05`.

    Args:
        kept: options that an output was made with.
        wanted: options of this call, in the order in which they are named.
    """
    names = [*wanted, *(name for name in kept if name not in wanted)]
    return [
        f"{name} {_shown(kept.get(name))}, now {_shown(wanted.get(name))}"
        for name in names
        if kept.get(name) != wanted.get(name)
    ]


def settle(
    path: Path,
    wanted: Mapping[str, Any],
    kept: Mapping[str, Any] | None,
    *,
    complete: bool = False,
    force: bool = False,
    resume: bool = True,
) -> State:
    """Decide what becomes of an output.

    Args:
        path: the output.
        wanted: the options that decide its content.
        kept: those it was made with; None where there is nothing yet.
        complete: whether what is there is finished.
        force: `--force`.
        resume: `--resume`; without it, work of the same options is done again.

    Returns:
        `fresh`: make it anew. `resume`: continue. `done`: nothing is left to do.

    Raises:
        ConfigError: it was made with other options, and `force` is off.
    """
    if force or kept is None:
        return "fresh"
    differing = changes(kept, wanted)
    if differing:
        what = f"made with other options: {'; '.join(differing)}"
        raise ConfigError(what, where=str(path), hint=HINT)
    if not resume:
        return "fresh"
    return "done" if complete else "resume"


def foreign(path: Path, command: str) -> ConfigError:
    """Return the error for an output that `command` did not write."""
    return ConfigError(f"exists, and was not written by `{command}`", where=str(path), hint=HINT)


def check_new(path: Path, *, force: bool) -> None:
    """Refuse to overwrite a file.

    Raises:
        ConfigError: it exists, and `force` is off.
    """
    if path.exists() and not force:
        raise ConfigError("exists", where=str(path), hint=HINT)
