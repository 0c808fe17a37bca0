"""Tables of `ahnpl embed`."""

from __future__ import annotations

from ahnpl_cli.records import EmbedReport
from ahnpl_cli.reporting.tables import Cell, Table

LISTED = 20


def _note(report: EmbedReport) -> str:
    what = f"{report.model}, D = {report.dim}, {report.dtype}, {report.bytes / 1e6:,.1f} MB"
    if report.dry_run:
        return f"{what}. Nothing was written."
    if report.shard is not None:
        what = (
            f"Part {report.shard}: {report.shards} shards of features, {report.bytes / 1e6:,.1f} MB"
        )
        return f"{what}. When all are there, the same command without --shard joins them."
    kept = f", {report.kept} already up to date" if report.kept else ""
    return f"{what} in {report.shards} files{kept}, {report.seconds:.1f} s."


def counts(report: EmbedReport) -> Table:
    """Return how many distinct rows of each tensor there are."""
    rows: list[tuple[Cell, ...]] = [
        ("image_features", "distinct images", report.images),
        ("text_features", "distinct captions", report.texts),
        ("negative_features", "distinct negative captions", report.negatives),
    ]
    if report.image_negatives:
        rows.append(("image_negative_features", "Eqs. 1-2", report.image_negatives))
    rows = [row for row in rows if row[2]]
    rows.append(("records", "each with its rows", report.records))
    return Table(report.folder, ("tensor", "of", "rows"), tuple(rows), _note(report))


def skipped(report: EmbedReport) -> Table:
    """Return the records left out for their image, the first few by name."""
    count = len(report.skipped)
    note = f"{count:,} in all; all are in index.json." if count > LISTED else ""
    rows = tuple(report.skipped[:LISTED])
    return Table("Skipped", ("record", "image", "why"), rows, note)


def tables(report: EmbedReport) -> list[Table]:
    """Return what `ahnpl embed` prints."""
    return [counts(report), *([skipped(report)] if report.skipped else [])]
