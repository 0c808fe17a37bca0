"""Tables of `ahnpl eval --list`: what there is to evaluate on, and what of it is here."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ahnpl_cli.evaluation.availability import Availability
from ahnpl_cli.evaluation.table_cells import Row
from ahnpl_cli.reporting.tables import Span, Table

SHOWN = 4  # things missing of a suite; --json has all
PLACES = "Looked for under --data, or data/ and $AHNPL_DATA, up to three folders down."


def _state(suite: Availability) -> Span:
    if not suite.found:
        return Span("not here", "dim")
    return Span("in part", "bad") if suite.missing else Span("here", "good")


def _missing(suite: Availability) -> str:
    shown = suite.missing[:SHOWN]
    more = len(suite.missing) - len(shown)
    if more:
        shown = [*shown, f"and {more} more"]
    return "; ".join(shown) or "nothing"


def availability_tables(suites: Sequence[Availability]) -> list[Table]:
    """Return the overview, what was found, and where to get each suite."""
    overview: list[Row] = []
    here: list[Row] = []
    sources: list[Row] = []
    for suite in suites:
        overview.append((suite.name, suite.measures, _state(suite)))
        if suite.found:
            folder = Path(suite.found[0]).parent
            here.append((suite.name, f"{len(suite.found)} in {folder}", _missing(suite)))
        sources.append((suite.name, "from", suite.source))
        sources.append(("", "license", suite.license))
        sources.append(("", "looked for", suite.files))
    tables = [Table("Suites", ("suite", "measures", "here"), tuple(overview))]
    if here:
        columns = ("suite", "files", "missing, or not as published")
        tables.append(Table("Found here", columns, tuple(here)))
    tables.append(Table("Where to get them", ("suite", "", ""), tuple(sources), PLACES))
    return tables
