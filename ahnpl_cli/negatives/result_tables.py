"""Tables of `ahnpl negatives`."""

from __future__ import annotations

from collections import Counter

from ahnpl_cli.records import REASONS, CaptionRecord, NegativesReport
from ahnpl_cli.reporting.edits import changed
from ahnpl_cli.reporting.tables import Cell, Table

SHOWN = 5  # captions shown as examples, all of them in a dry run


def example_table(records: tuple[CaptionRecord, ...]) -> Table:
    """A few captions with their negatives."""
    rows = tuple(
        (negative.kind, changed(record.caption, negative.edits), negative.score)
        for record in records
        for negative in record.negatives
    )
    note = "Score of the filler, higher fits better; a swap has none."
    return Table("Examples", ("kind", "caption, changed", "score"), rows, note, digits=2)


def kind_table(report: NegativesReport) -> Table:
    """How many negatives of each kind there are."""
    captions = max(report.captions, 1)
    total = sum(report.negatives.values())
    rows: list[tuple[Cell, ...]] = [
        (kind, n, n / captions, sum(report.rejected.get(kind, {}).values()))
        for kind, n in report.negatives.items()
    ]
    rejected = sum(_rejections(report).values())
    rows.append(("all", total, total / captions, rejected))
    columns = ("kind", "negatives", "per caption", "candidates rejected")
    title = f"Hard negatives in {report.output}"
    return Table(title, columns, tuple(rows), _note(report), digits=2)


def _note(report: NegativesReport) -> str:
    speed = report.captions_per_second
    # Slow work is not no work: "0 a second" would say so.
    shown_speed = f"{speed:,.0f}" if speed >= 1 else f"{speed:.1f}"
    note = (
        f"{report.captions:,} captions in {report.seconds:.1f} s, {shown_speed} a second. "
        f"Filler: {report.filler}. Tags: {report.tagger}. "
        "A caption without a suitable word gets no negative of that kind."
    )
    if report.dry_run:
        note = f"Dry run, nothing was written; of the first {note}"
    if report.skipped:
        note += f" {report.skipped:,} broken records skipped."
    return note


def _rejections(report: NegativesReport) -> Counter[str]:
    """Reason -> candidates rejected, of all kinds."""
    totals: Counter[str] = Counter()
    for reasons in report.rejected.values():
        totals.update(reasons)
    return totals


def reason_table(report: NegativesReport) -> Table:
    """Why candidates were rejected."""
    totals = _rejections(report)
    # A kind may bring reasons of its own, which nothing explains.
    reasons = [*REASONS, *sorted(totals.keys() - REASONS.keys())]
    rows = tuple((r, totals[r], REASONS.get(r, "")) for r in reasons if totals[r])
    return Table("Candidates rejected", ("reason", "candidates", "meaning"), rows)


def tables(report: NegativesReport) -> list[Table]:
    """Everything the command prints."""
    shown = report.examples[: None if report.dry_run else SHOWN]
    skipped = tuple((what,) for what in report.skipped_list)
    sections = [
        Table("Skipped", ("what and why",), skipped),
        example_table(shown),
        reason_table(report),
        kind_table(report),
    ]
    return [section for section in sections if section.rows]
