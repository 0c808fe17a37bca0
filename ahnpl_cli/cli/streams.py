"""stdout and stderr that can always be written to, whatever the surroundings give us."""

from __future__ import annotations

import io
import os
import sys

NARROWEST = 20  # columns; on none at all, rich prints nothing


def open_missing() -> None:
    """Give each of stdin, stdout and stderr that is closed (`>&-`) the null device.

    A file opened later would get the free number, and what is meant for stdout would go into it.
    """
    for number in range(3):
        try:
            os.fstat(number)
        except OSError:
            os.open(os.devnull, os.O_RDWR)  # takes the lowest free number, which is this one
    if sys.stdout is None:
        sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    if sys.stderr is None:
        sys.stderr = os.fdopen(2, "w", encoding="utf-8", closefd=False)


def make_usable() -> None:
    """Spell out what a stream's encoding lacks (ASCII, Latin-1) instead of stopping at it.

    A width that shows nothing, as some schedulers set it, is forgotten: rich then finds its own.
    """
    columns = os.environ.get("COLUMNS", "")
    if columns.isdecimal() and int(columns) < NARROWEST:
        del os.environ["COLUMNS"]
    for stream in (sys.stdout, sys.stderr):
        # Python's own stderr does so from the start; a test's stream may be another class.
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
