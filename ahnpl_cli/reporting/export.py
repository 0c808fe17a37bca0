"""The table of `ahnpl export`."""

from __future__ import annotations

from ahnpl_cli.records import ExportReport
from ahnpl_cli.reporting.tables import Cell, Table


def tables(report: ExportReport) -> list[Table]:
    """Return what `ahnpl export` prints: the parity check, and the files."""
    rows: list[tuple[Cell, ...]] = []
    for name, difference in report.parity.items():
        rows.append((name, f"{difference:.1e}"))
    if not rows:
        rows.append(("not checked", "peft is not installed"))
    note = f"{report.folder}: {', '.join(report.files)}."
    title = f"{report.checkpoint} for {report.to}"
    return [Table(title, ("compared with the checkpoint", "largest difference"), tuple(rows), note)]
