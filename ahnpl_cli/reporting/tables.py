"""One neutral table, printed as rich, Markdown, LaTeX or CSV.

Workflows return records, each stage makes tables of its own, and `cli.console.Screen` prints them.
Text that users fed in is made visible and escaped for each format here, in one place.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Literal

from ahnpl_cli.reporting.visible import dump_json, visible

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.text import Text

Mark = Literal["", "good", "bad", "old", "new", "dim", "bold", "second"]
_STYLES: dict[Mark, str] = {
    "": "",
    "good": "green",
    "bad": "red",
    "old": "red strike",
    "new": "green bold",
    "dim": "dim",
    "bold": "bold",
    "second": "underline",
}
# For readers without color: wdiff's marks, Markdown's, and LaTeX's (\\sout is package ulem's).
_PLAIN: dict[Mark, str] = {"old": "[-{}-]", "new": "{{+{}+}}"}
_MARKDOWN: dict[Mark, str] = {
    "old": "~~{}~~",
    "new": "**{}**",
    "good": "**{}**",
    "bold": "**{}**",
    "second": "<u>{}</u>",
}
_LATEX: dict[Mark, str] = {
    "old": r"\sout{{{}}}",
    "new": r"\textbf{{{}}}",
    "good": r"\textbf{{{}}}",
    "bold": r"\textbf{{{}}}",
    "second": r"\underline{{{}}}",
}
_LATEX_SPECIAL = str.maketrans(
    {
        "\\": r"\textbackslash{}",
        "&": r"\&",
        "%": r"\%",
        "$": r"\$",
        "#": r"\#",
        "_": r"\_",
        "{": r"\{",
        "}": r"\}",
        "~": r"\textasciitilde{}",
        "^": r"\textasciicircum{}",
        "\n": " ",
        "✓": r"$\checkmark$",
        "✗": r"$\times$",
        "±": r"$\pm$",
    }
)


LABEL_WIDTH = 32
# Our own signed numbers, such as "+21.7 *" and "-6.1 to 24.1", begin like a formula and are none.
_SIGNED = re.compile(r"[+-][\d.,]+(%| \*| to [+-]?[\d.,]+)?")


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a cell's text and what it means."""

    text: str
    mark: Mark = ""


Cell = str | int | float | None | Span | tuple[Span, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """Rows under named columns.

    Attributes:
        title: what the table says.
        columns: headings; the first is left-aligned, numbers are right-aligned.
        rows: one tuple a row, as long as `columns`.
        note: how to read it: units, n, definitions of averages.
        digits: digits after the point of floats.
        least: columns that a narrow terminal does without, the first the most easily.
        narrow: the same in fewer characters, for a narrow terminal.
        caption: whether LaTeX gets a table with the note as its caption, and not a tabular alone.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    note: str = ""
    digits: int = 1
    caption: bool = False
    least: tuple[str, ...] = ()
    narrow: Table | None = None


def spans(cell: Cell, digits: int) -> tuple[Span, ...]:
    """Return any cell as marked text that is safe to look at; None is a dash."""
    if cell is None:
        return (Span("-", "dim"),)
    if isinstance(cell, tuple):
        return tuple(Span(visible(span.text), span.mark) for span in cell)
    if isinstance(cell, Span):
        return (Span(visible(cell.text), cell.mark),)
    if isinstance(cell, float):
        return (Span(f"{cell:.{digits}f}"),)
    if isinstance(cell, int):
        return (Span(f"{cell:,}"),)
    return (Span(visible(cell)),)


def text(cell: Cell, digits: int) -> str:
    """Return a cell as plain text; what was changed is marked as wdiff does."""
    pieces = []
    for span in spans(cell, digits):
        pieces.append(_PLAIN.get(span.mark, "{}").format(span.text))
    return "".join(pieces)


def speed(per_second: float) -> Cell:
    """Return a rate with the digits that it deserves: 0.4 a second is not 0."""
    return round(per_second) if per_second >= 10 else round(per_second, 2)


def is_numeric(table: Table, column: int) -> bool:
    """Whether every cell of a column that is there is a number."""
    cells = [row[column] for row in table.rows]
    there = [cell for cell in cells if cell is not None]
    return bool(there) and all(isinstance(cell, int | float) for cell in there)


def _is_label(table: Table, column: int) -> bool:
    """Whether a column names its rows, shortly: names are not broken while others can be."""
    if column:
        return False
    labels = _texts(table, column)
    return all(len(label) <= LABEL_WIDTH for label in labels)


def _texts(table: Table, column: int) -> list[str]:
    return [text(row[column], table.digits) for row in table.rows]


def _rich_text(cell: Cell, digits: int, *, color: bool) -> Text:
    from rich.text import Text

    if not color:
        return Text(text(cell, digits))
    pieces = [(span.text, _STYLES[span.mark]) for span in _spaced(spans(cell, digits))]
    return Text.assemble(*pieces)


def _spaced(marked: tuple[Span, ...]) -> Iterator[Span]:
    """Yield the spans, with a blank between an old word and the new one beside it."""
    for before, span in zip((Span(""), *marked), marked, strict=False):
        if (before.mark, span.mark) == ("old", "new"):
            yield Span(" ")
        yield span


SHORT = 20  # characters of a cell that is never broken: a number, a date, an interval


def _widths(table: Table) -> list[int]:
    """Return how wide each column is where nothing is broken; headings break between words."""
    widths = []
    for index, name in enumerate(table.columns):
        lengths = [len(word) for word in name.split()]
        lengths += map(len, _texts(table, index))
        widths.append(max(lengths, default=0))
    return widths


def _fits(table: Table, width: int) -> bool:
    return _with_bars(_widths(table)) <= width


def _with_bars(widths: Sequence[int]) -> int:
    """Return how wide a table is: a bar and two blanks beside each column, and the last bar."""
    return sum(widths) + 3 * len(widths) + 1


def turned(table: Table) -> Table:
    """Return a table with its rows as columns; cells become text, as one column is of one kind."""
    heads = (table.columns[0], *_texts(table, 0))
    rows: list[tuple[Cell, ...]] = []
    for index, name in enumerate(table.columns[1:], start=1):
        cells = [spans(row[index], table.digits) for row in table.rows]
        rows.append((name, *cells))
    return replace(table, columns=heads, rows=tuple(rows))


def fitted(table: Table, width: int) -> Table:
    """Return a table as it is read best in a terminal of some width.

    Where its words would be broken it is turned, or loses the columns that it can do without.
    """
    if not table.rows or len(table.columns) < 3 or _fits(table, width):
        return table
    if table.narrow is not None:
        return fitted(table.narrow, width)
    # Rows of one name, such as two models of a suite, would be columns that nobody tells apart.
    names = set(_texts(table, 0))
    turned_table = turned(table)
    if len(names) == len(table.rows) and _fits(turned_table, width):
        return turned_table
    for count in range(1, len(table.least) + 1):
        shorter = without(table, table.least[:count])
        if _fits(shorter, width):
            return shorter
    return without(table, table.least)


def without(table: Table, names: Sequence[str]) -> Table:
    """Return a table without the columns of some names."""
    kept = [index for index, name in enumerate(table.columns) if name not in names]
    rows = []
    for row in table.rows:
        rows.append(tuple(row[index] for index in kept))
    columns = tuple(table.columns[index] for index in kept)
    return replace(table, columns=columns, rows=tuple(rows))


def _print_rich(table: Table, console: Console) -> None:
    from rich.table import Table as RichTable
    from rich.text import Text

    table = fitted(table, console.width)
    widths = _widths(table)
    # Short columns stay whole as long as some room is left for the others.
    keeps_short = _with_bars([min(width, SHORT) for width in widths]) <= console.width
    headed = list(map(max, widths, map(len, table.columns)))
    is_wide = _with_bars(headed) > console.width
    grid = RichTable(
        title=Text(table.title, style="bold"),
        title_justify="left",
        caption=Text(table.note) if table.note else None,
        caption_justify="left",
        header_style="bold",
    )
    for index, name in enumerate(table.columns):
        side: Literal["left", "right"] = "right" if is_numeric(table, index) else "left"
        whole = _is_label(table, index) or (keeps_short and widths[index] <= SHORT)
        # `no_wrap` holds for the heading too, which is broken between its words before.
        heading = textwrap.fill(name, widths[index]) if whole and is_wide else name
        grid.add_column(Text(heading), justify=side, overflow="fold", no_wrap=whole)
    color = console.color_system is not None and not console.no_color
    for row in table.rows:
        cells = [_rich_text(cell, table.digits, color=color) for cell in row]
        grid.add_row(*cells)
    console.print(grid)


def markdown(table: Table) -> str:
    """Return the table in GitHub's Markdown.

    By hand: pandas asks for one more package, tabulate, and pads cells until lines are unreadable.
    """
    heads = [_escape_markdown(name) for name in table.columns]
    lines = [heads, _per_column(table, "---", "---:")]
    for row in table.rows:
        lines.append([_markdown(cell, table.digits) for cell in row])
    body = "\n".join(f"| {' | '.join(line)} |" for line in lines)
    note = f"\n\n{_escape_markdown(table.note)}" if table.note else ""
    return f"**{_escape_markdown(table.title)}**\n\n{body}{note}\n"


def _per_column(table: Table, left: str, right: str) -> list[str]:
    """Return `right` for each column of numbers, and `left` for the others."""
    sides = []
    for index in range(len(table.columns)):
        sides.append(right if is_numeric(table, index) else left)
    return sides


def _markdown(cell: Cell, digits: int) -> str:
    pieces = []
    for span in spans(cell, digits):
        escaped = _escape_markdown(span.text)
        pieces.append(_MARKDOWN.get(span.mark, "{}").format(escaped))
    return "".join(pieces)


def _escape_markdown(value: str) -> str:
    value = value.replace("&", "&amp;").replace("<", "&lt;").replace("\n", " ")
    for mark in "\\|*_`[]":
        value = value.replace(mark, "\\" + mark)
    return value


def _frame(columns: list[str], rows: list[list[Any]]) -> pd.DataFrame:
    """Return cells as pandas keeps them, each as it is: no column is made numbers or dates."""
    import pandas as pd

    return pd.DataFrame(rows, columns=columns, dtype=object)


def latex(table: Table) -> str:
    """Return the table as a booktabs `tabular`."""
    sides = "".join(_per_column(table, "l", "r"))
    heads = [name.translate(_LATEX_SPECIAL) for name in table.columns]
    rows = []
    for row in table.rows:
        rows.append([_latex(cell, table.digits) for cell in row])
    tabular = _frame(heads, rows).to_latex(index=False, escape=False, column_format=sides)
    if table.caption:
        note = table.note.translate(_LATEX_SPECIAL)
        body = f"\\centering\n\\caption{{{note}}}\n{tabular}"
        return f"\\begin{{table}}\n{body}\\end{{table}}\n"
    title = f"% {table.title}".replace("\n", " ")
    note = f"% {table.note}".replace("\n", " ") + "\n" if table.note else ""
    return f"{title}\n{tabular}{note}"


def _latex(cell: Cell, digits: int) -> str:
    pieces = []
    for span in spans(cell, digits):
        escaped = span.text.translate(_LATEX_SPECIAL)
        pieces.append(_LATEX.get(span.mark, "{}").format(escaped))
    return "".join(pieces)


def csv_text(table: Table) -> str:
    """Return the table as CSV, numbers at full precision, without title and note."""
    heads = []
    for name in table.columns:
        # A model's name may begin like a formula as well as a cell.
        heads.append(as_csv_cell(name.replace("\n", " ")))
    rows = []
    for row in table.rows:
        rows.append([_csv_cell(cell) for cell in row])
    return _frame(heads, rows).to_csv(index=False, lineterminator="\n")


def _csv_cell(cell: Cell) -> str | int | float:
    if cell is None:
        return ""
    if isinstance(cell, int | float):
        return cell
    return as_csv_cell(text(cell, 0))


def as_csv_cell(content: str) -> str:
    """Return text that no spreadsheet runs: an apostrophe makes it show a formula as text."""
    return f"'{content}" if _is_formula(content) else content


def _is_formula(content: str) -> bool:
    """Whether a spreadsheet would run a cell."""
    content = content.strip()
    if content.startswith(("=", "@")):
        return True
    if len(content) < 2 or content[0] not in "+-":
        return False
    return not _SIGNED.fullmatch(content)


def as_records(table: Table) -> list[dict[str, object]]:
    """Return one mapping per row, for JSON."""
    records = []
    for row in table.rows:
        record: dict[str, object] = {}
        for name, cell in zip(table.columns, row, strict=True):
            is_plain = isinstance(cell, int | float | None)
            record[name] = cell if is_plain else text(cell, table.digits)
        records.append(record)
    return records


def _shown(table: Table) -> Table:
    """Return a table whose title, headings and note are safe to look at."""
    columns = tuple(visible(name) for name in table.columns)
    title, note = visible(table.title), visible(table.note)
    return replace(table, title=title, columns=columns, note=note)


def print_table(table: Table, format: str, console: Console) -> None:
    """Print a table on `console` in the format of `--format`."""
    table = _shown(table)
    if format == "rich":
        _print_rich(table, console)
        return
    writers = {"markdown": markdown, "latex": latex, "csv": csv_text}
    text = dump_json(as_records(table)) if format == "json" else writers[format](table)
    console.print(text, markup=False, highlight=False, soft_wrap=True, emoji=False)
