"""Tables of `ahnpl negatives`."""

from __future__ import annotations

from collections.abc import Iterator

from ahnpl_cli.records import REASONS, CaptionRecord, Edit, NegativesReport
from ahnpl_cli.reporting.tables import Cell, Span, Table

SHOWN = 5  # captions shown as examples, all of them in a dry run


def changed(caption: str, edits: tuple[Edit, ...]) -> tuple[Span, ...]:
    """Return a caption with what was taken out and what was put in, marked."""

    def parts() -> Iterator[Span]:
        at = 0
        for edit in edits:
            yield Span(caption[at : edit.start])
            yield Span(edit.old, "old")
            yield Span(" ")
            yield Span(edit.new, "new")
            at = edit.end
        yield Span(caption[at:].rstrip())

    return tuple(span for span in parts() if span.text)


def example_table(records: tuple[CaptionRecord, ...]) -> Table:
    """A few captions with their negatives."""
    rows = tuple(
        (negative.kind, changed(record.caption, negative.edits), negative.score)
        for record in records
        for negative in record.negatives
    )
    note = "Score of the filler, higher fits better; an exchange has none."
    return Table("Examples", ("kind", "caption, changed", "score"), rows, note, digits=2)


def kind_table(report: NegativesReport) -> Table:
    """How many negatives of each kind there are."""
    total, captions = sum(report.negatives.values()), max(report.captions, 1)
    rows: list[tuple[Cell, ...]] = [
        (kind, n, n / captions, sum(report.rejected.get(kind, {}).values()))
        for kind, n in report.negatives.items()
    ]
    rows.append(("all", total, total / captions, _all_rejected(report)))
    note = (
        f"{report.captions:,} captions in {report.seconds:.1f} s, "
        f"{report.captions_per_second:,.0f} a second. Filler: {report.filler}. "
        f"Tags: {report.tagger}. A kind that a caption cannot have is absent."
    )
    if report.dry_run:
        note = f"Dry run, nothing was written; of the first {note}"
    if report.skipped:
        note += f" {report.skipped:,} broken records skipped."
    columns = ("kind", "negatives", "per caption", "candidates rejected")
    return Table(f"Hard negatives in {report.output}", columns, tuple(rows), note, digits=2)


def _all_rejected(report: NegativesReport) -> int:
    return sum(n for reasons in report.rejected.values() for n in reasons.values())


def reason_table(report: NegativesReport) -> Table:
    """Why candidates were rejected."""
    totals = {
        reason: sum(reasons.get(reason, 0) for reasons in report.rejected.values())
        for reason in REASONS
    }
    rows = tuple((r, n, REASONS[r]) for r, n in totals.items() if n)
    return Table("Candidates rejected", ("reason", "candidates", "meaning"), rows)


def tables(report: NegativesReport) -> list[Table]:
    """Everything the command prints."""
    shown = report.examples[: None if report.dry_run else SHOWN]
    made = [example_table(shown), reason_table(report), kind_table(report)]
    if report.skipped_list:
        rows = tuple((what,) for what in report.skipped_list)
        made.insert(0, Table("Skipped", ("what and why",), rows))
    return [table for table in made if table.rows]
