"""Tables of `ahnpl scenes`."""

from __future__ import annotations

from ahnpl_cli.reporting.tables import Table
from ahnpl_cli.scenes.generate import Written


def tables(written: Written) -> list[Table]:
    """Return how many records each file holds."""
    note = "Written now." if written.is_new else "Exists already, made with the same options."
    return [Table(written.folder, ("file", "records"), tuple(written.files.items()), note)]
