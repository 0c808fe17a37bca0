"""A person looks at painted pictures: a table to fill in, and its verdicts taken back."""

from __future__ import annotations

import csv
import io
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import atomic_path, read_text
from ahnpl_cli.records import CaptionRecord, Negative, ReviewReport
from ahnpl_cli.reporting.tables import as_csv_cell

COLUMNS = ("picture", "original", "caption", "negative", "painter", "verdict")
VERDICTS = ("keep", "drop", "")


def review(records: Path, table: Path) -> ReviewReport:
    """Write a table of all pictures to be filled in, or take a filled one back.

    Args:
        records: an `images.jsonl`.
        table: a CSV file; one that is not there is written. Its column `verdict` says `keep` or
            `drop` of each picture; an empty one keeps it.

    Raises:
        DataError: the table names no picture of the file, or has another verdict.
    """
    return _take_back(records, table) if table.exists() else _write_table(records, table)


def reviewed_path(records: Path) -> Path:
    """Return where the records without what was dropped go."""
    return records.with_name(f"{records.name.removesuffix('.jsonl')}.reviewed.jsonl")


def _painted(records: Path) -> Iterator[tuple[CaptionRecord, Negative]]:
    for record in read_records(records):
        for negative in record.negatives:
            if negative.image is not None:
                yield record, negative


def _write_table(records: Path, table: Path) -> ReviewReport:
    count = 0
    with atomic_path(table) as part, part.open("w", encoding="utf-8", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(COLUMNS)
        for record, negative in _painted(records):
            engine = negative.painter.engine if negative.painter else ""
            texts = (negative.image, record.image, record.caption, negative.caption, engine, "")
            rows.writerow(tuple(as_csv_cell(str(text)) for text in texts))
            count += 1
    return ReviewReport(str(table), count, kept=0, dropped=0, open=count, written=True)


def _read_verdicts(table: Path) -> dict[str, str]:
    verdicts: dict[str, str] = {}
    rows = csv.DictReader(io.StringIO(read_text(table)))
    if not {"picture", "verdict"} <= set(rows.fieldnames or ()):
        hint = "Write the table anew: name a file that is not there."
        raise DataError("no columns `picture` and `verdict`", where=str(table), hint=hint)
    for row in rows:
        verdict = (row["verdict"] or "").strip().lower()
        if verdict not in VERDICTS:
            where = f"{table}:{rows.line_num}"
            raise DataError(f"verdict '{verdict}'", where=where, hint="Write keep or drop.")
        verdicts[row["picture"]] = verdict
    return verdicts


def _take_back(records: Path, table: Path) -> ReviewReport:
    verdicts = _read_verdicts(table)
    counts: Counter[str] = Counter()
    output = reviewed_path(records)

    def reviewed() -> Iterator[CaptionRecord]:
        for record in read_records(records):
            negatives = tuple(_judged(each, verdicts, counts) for each in record.negatives)
            yield replace(record, negatives=negatives)

    write_records(output, reviewed())
    total = counts.total()
    if verdicts and not counts["keep"] + counts["drop"] and any(verdicts.values()):
        output.unlink()
        hint = "Take the table that was written for this file."
        raise DataError(f"names no picture of {records}", where=str(table), hint=hint)
    return ReviewReport(
        str(output), total, counts["keep"], counts["drop"], counts[""], written=False
    )


def _judged(negative: Negative, verdicts: dict[str, str], counts: Counter[str]) -> Negative:
    if negative.image is None:
        return negative
    verdict = verdicts.get(negative.image, "")
    counts[verdict] += 1
    return replace(negative, image=None, painter=None) if verdict == "drop" else negative
