"""`ahnpl clean`: what the cache holds, and out with it."""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import CleanConfig


@options_from(CleanConfig)
def clean(*, config: CleanConfig, screen: Screen) -> None:
    """List what the cache holds; with --yes, remove it. Deleting it costs only time.

    Example: ahnpl clean --yes
    """
    from ahnpl_cli.inspection.cache import cache_table, empty, measure

    chosen = Path(config.cache) if config.cache else None
    entries = measure(chosen)
    screen.show(entries, [cache_table(entries)])
    if config.yes:
        empty(chosen)
        screen.note("Removed.")
    elif entries:
        screen.note("Next: ahnpl clean --yes removes it; it is made again when it is needed.")
