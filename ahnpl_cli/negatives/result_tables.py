"""Tables of `ahnpl negatives`."""

from __future__ import annotations

from collections import Counter

from ahnpl_cli.records import REASONS, CaptionRecord, NegativesReport
from ahnpl_cli.reporting.edits import changed
from ahnpl_cli.reporting.tables import Cell, Table

REASONS_SHOWN = 3
AROUND = 60  # characters shown on each side of a change in a long caption
SHOWN = 5  # captions shown as examples, all of them in a dry run


def example_table(records: tuple[CaptionRecord, ...]) -> Table:
    """A few captions with their negatives."""
    rows = tuple(
        (negative.kind, changed(record.caption, negative.edits, AROUND), negative.plausibility)
        for record in records
        for negative in record.negatives
    )
    columns = ("kind", "caption, changed", "plausibility")
    return Table("Examples", columns, rows, digits=2)


def kind_table(report: NegativesReport) -> Table:
    """How many negatives of each kind there are, and what can be told of them without an image."""
    captions = max(report.captions, 1)
    total = sum(report.negatives.values())
    rows: list[tuple[Cell, ...]] = [
        (kind, n, n / captions, report.blind.get(kind), report.plausibility.get(kind))
        for kind, n in report.negatives.items()
    ]
    rows.append(("all", total, total / captions, None, None))
    columns = ("kind", "negatives", "per caption", "blind %", "plausibility")
    title = f"Hard negatives in {report.output}"
    return Table(title, columns, tuple(rows), _note(report), digits=2)


def _note(report: NegativesReport) -> str:
    speed = report.captions_per_second
    # Slow work is not no work: "0 a second" would say so.
    shown_speed = f"{speed:,.0f}" if speed >= 1 else f"{speed:.1f}"
    note = (
        f"{report.captions:,} captions in {report.seconds:.1f} s, {shown_speed} a second. "
        f"Filler: {report.filler}. Tags: {report.tagger}. Statistics: of {report.statistics}. "
        "Blind %: pairs that a bag of words tells apart on images held out; 50 is chance. "
        "Plausibility: mean log-odds of the edit against what was there. "
    )
    if report.language_model is not None:
        note += (
            f"Language model: {report.language_model}; its answers, in {report.answers}, decide "
            "the output. "
        )
    if report.dry_run:
        note = f"Dry run, nothing was written; of the first {note}"
    if report.skipped:
        note += f"{report.skipped:,} broken records skipped."
    return note.strip()


def lost_table(report: NegativesReport) -> Table:
    """How many captions have no negative of a kind, and what stood against most of them."""
    rows: list[tuple[Cell, ...]] = []
    for kind in report.negatives:
        reasons = Counter(report.lost.get(kind, {}))
        if reasons:
            shown = [f"{reason} {n:,}" for reason, n in reasons.most_common(REASONS_SHOWN)]
            rows.append((kind, reasons.total(), ", ".join(shown)))
    note = "By the reason that rejected most of a caption's candidates."
    columns = ("kind", "captions", "why, most often")
    return Table("Captions without a kind", columns, tuple(rows), note)


def extra_table(report: NegativesReport) -> Table:
    """How many positives and units of each kind there are."""
    captions = max(report.captions, 1)
    rows = [("positive", kind, n, n / captions) for kind, n in report.positives.items()]
    rows += [("unit", kind, n, n / captions) for kind, n in report.units.items()]
    columns = ("what", "kind", "number", "per caption")
    return Table("Positives and units", columns, tuple(rows), digits=2)


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
        lost_table(report),
        extra_table(report),
        kind_table(report),
    ]
    return [section for section in sections if section.rows]
