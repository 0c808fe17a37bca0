"""The options of `ahnpl docs`."""

from __future__ import annotations

from dataclasses import dataclass

from ahnpl_cli.config.options import TableFormat, format_option


@dataclass(frozen=True, kw_only=True)
class DocsConfig:
    """The manual."""

    format: TableFormat = format_option()
