"""The options of `ahnpl runs` and `ahnpl clean`."""

from __future__ import annotations

from dataclasses import dataclass

from ahnpl_cli.config.options import TableFormat, format_option, opt


@dataclass(frozen=True, kw_only=True)
class RunsConfig:
    """The leaderboard."""

    sort: str | None = opt(
        None,
        "Column to sort by: a suite, compositional, retention, steps, run; default: the newest "
        "first.",
        metavar="COLUMN",
    )
    csv: bool = opt(False, "The same as --format csv.")
    format: TableFormat = format_option()


@dataclass(frozen=True, kw_only=True)
class CleanConfig:
    """The cache."""

    cache: str | None = opt(
        None, "Folder to look at; default: $AHNPL_CACHE, or ~/.cache/ahnpl.", metavar="PATH"
    )
    yes: bool = opt(False, "Remove it all; without this it is only listed.", flags=("-y",))
    format: TableFormat = format_option()
