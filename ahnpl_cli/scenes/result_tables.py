"""Tables of `ahnpl scenes`."""

from __future__ import annotations

from ahnpl_cli.records import ScenesReport
from ahnpl_cli.reporting.tables import Table


def tables(report: ScenesReport) -> list[Table]:
    """Return how many records each file holds."""
    note = "Written now." if report.is_new else "Exists already, made with the same options."
    return [Table(report.folder, ("file", "records"), tuple(report.files.items()), note)]
