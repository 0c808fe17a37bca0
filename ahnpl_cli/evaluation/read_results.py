"""Saved results as one pandas table, for notebooks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ahnpl_cli.evaluation.output import load_report
from ahnpl_cli.evaluation.result_tables import tidy_table
from ahnpl_cli.reporting.tables import Cell

if TYPE_CHECKING:
    import pandas as pd


def _rows(path: Path) -> Iterator[dict[str, Cell]]:
    table = tidy_table(load_report(path))
    for row in table.rows:
        yield {"file": str(path), **dict(zip(table.columns, row, strict=True))}


def read_results(*paths: str | Path) -> pd.DataFrame:
    """Return every number of saved results, one a row.

    Args:
        *paths: what `ahnpl eval` wrote, such as results.json.

    Returns:
        A table with the columns `file`, `model`, `suite`, `name`, `kind` (subset, detail, average
        or value), `n`, `percent`, `low` and `high` (95 % interval), `ties`, `coverage`, and the
        `difference` to the first model of its file with its interval, p and significance. What a
        row has not is missing.

    Raises:
        DataError: a file is not a report of `ahnpl eval`.
    """
    import pandas as pd

    rows: list[dict[str, Cell]] = []
    for path in paths:
        rows.extend(_rows(Path(path)))
    frame = pd.DataFrame(rows)
    whole = {name: "Int64" for name in ("n", "ties")}
    return frame.astype({**whole, "significant": "string"}) if rows else frame
