"""The options of `ahnpl compare`."""

from __future__ import annotations

from dataclasses import dataclass

from ahnpl_cli.config.options import (
    TableFormat,
    force_option,
    format_option,
    opt,
    output_option,
    seed_option,
)


@dataclass(frozen=True, kw_only=True)
class CompareConfig:
    """Two saved results."""

    output: str | None = output_option("JSON file to write; default: none.")
    bootstrap: int = opt(1000, "Bootstrap replicates of the differences.", min=100, max=1_000_000)
    seed: int = seed_option()
    force: bool = force_option()
    format: TableFormat = format_option()
