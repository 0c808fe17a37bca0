"""Tables of `ahnpl eval --list`: what there is to evaluate on, and what of it is here."""

from __future__ import annotations

from collections.abc import Sequence

from ahnpl_cli.evaluation.availability import Availability
from ahnpl_cli.reporting.tables import Span, Table


def _state(listing: Availability) -> Span:
    if not listing.found:
        return Span("not here", "dim")
    return Span("here", "good") if not listing.missing else Span("in part", "bad")


def _missing(listing: Availability) -> str:
    some = listing.missing[:4]
    more = len(listing.missing) - len(some)
    return "; ".join([*some, *([f"and {more} more"] if more else [])])


def availability_tables(listings: Sequence[Availability]) -> list[Table]:
    """Return the overview, what was found, and where to get each suite."""
    overview = Table(
        "Suites",
        ("suite", "measures", "here"),
        tuple((one.name, one.measures, _state(one)) for one in listings),
    )
    found = Table(
        "Found here",
        ("suite", "files", "missing, or not as published"),
        tuple(
            (one.name, f"{len(one.found)} in {_folder(one)}", _missing(one) or "nothing")
            for one in listings
            if one.found
        ),
    )
    sources = Table(
        "Where to get them",
        ("suite", "", ""),
        tuple(
            row
            for one in listings
            for row in (
                (one.name, "from", one.source),
                ("", "license", one.license),
                ("", "looked for", one.files),
            )
        ),
        "Looked for under --data, or data/ and $AHNPL_DATA, up to three folders down.",
    )
    return [overview, *([found] if found.rows else []), sources]


def _folder(listing: Availability) -> str:
    first = listing.found[0]
    return first.rsplit("/", 1)[0] if "/" in first else "."
