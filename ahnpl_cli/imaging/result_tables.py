"""Tables of `ahnpl images`."""

from __future__ import annotations

from ahnpl_cli.records import PICTURE_REASONS, BenchmarkExport, ImagesReport, PartInfo, ReviewReport
from ahnpl_cli.reporting.tables import Cell, Table


def tables(report: ImagesReport) -> list[Table]:
    """Everything the command prints."""
    tables_shown = [part_table(report), reason_table(report), painter_table(report)]
    if report.skipped_list:
        rows = tuple((what,) for what in report.skipped_list)
        tables_shown.insert(0, Table("Skipped", ("what and why",), rows))
    return [table for table in tables_shown if table.rows]


def part_table(report: ImagesReport) -> Table:
    """Return what found, painted and judged, with its weights and their license."""
    parts: list[tuple[str, PartInfo]] = [("locator", report.locator)]
    parts += [("painter", part) for part in report.painters]
    parts += [("judge", part) for part in report.judges]
    parts += [("language", part) for part in report.language_models]
    rows = tuple(
        (role, part.name, part.model or "no model", part.revision, _license(part))
        for role, part in parts
    )
    return Table("Parts", ("", "name", "model", "revision", "license"), rows)


def _license(part: PartInfo) -> str | None:
    if part.model is None:
        return None
    return part.license or "not stated"


def reason_table(report: ImagesReport) -> Table:
    """Return why negatives have no picture."""
    rows: list[tuple[Cell, ...]] = []
    for reason, meaning in PICTURE_REASONS.items():
        number = sum(reasons.get(reason, 0) for reasons in report.rejected.values())
        if number:
            rows.append((reason, number, meaning))
    return Table("Negatives without a picture", ("reason", "negatives", "meaning"), tuple(rows))


def painter_table(report: ImagesReport) -> Table:
    """Return how many pictures were kept, by painter."""
    kept = sum(report.painted.values())
    tried = max(report.negatives, 1)
    rows = [(name, number, 100 * number / tried) for name, number in report.painted.items()]
    rows.append(("all", kept, 100 * kept / tried))
    note = (
        f"{report.captions:,} captions with {report.negatives:,} negatives in "
        f"{report.seconds:.1f} s, {report.pictures_per_second:,.1f} a second. {report.why}"
    )
    if report.dry_run:
        note = f"Dry run, nothing was written; of the first {note}"
    title = f"Pictures in {report.output}"
    return Table(title, ("painter", "pictures", "% of negatives"), tuple(rows), note)


def review_table(report: ReviewReport) -> Table:
    """Return what a reviewer said, or is asked to say."""
    rows = (("keep", report.kept), ("drop", report.dropped), ("not marked", report.open))
    note = "Pictures that are not marked are kept. The records are those of the input otherwise."
    if report.written:
        note = "Fill in the column `verdict` with keep or drop, then run the same command again."
    title = f"{report.pictures:,} pictures in {report.output}"
    return Table(title, ("verdict", "pictures"), rows, note)


def export_table(export: BenchmarkExport) -> Table:
    """Return which test files were written."""
    rows = (
        ("gnm/test.jsonl", "groups of 2 to 4 pictures", export.groups),
        ("bivlc/BiVLC.csv", "pairs of pictures", export.pairs),
    )
    return Table(f"Test files in {export.folder}", ("file", "what it holds", "number"), rows)
