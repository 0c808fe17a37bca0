"""One table in five forms; what users fed in stays text in each."""

import io
from collections.abc import Callable

import pytest
from rich.console import Console

from ahnpl_cli.reporting.tables import (
    Span,
    Table,
    as_records,
    csv_text,
    latex,
    markdown,
    print_table,
    speed,
    text,
)

CHANGE = (Span("a "), Span("dog", "old"), Span("cat", "new"))
TABLE = Table(
    "Scores",
    ("name\nof it", "n", "%"),
    (("plain", 1200, 12.345), (CHANGE, 3, None), (Span("0.3 ✓", "good"), 4, 1.0)),
    note="in percent",
)


def printed(table: Table, format: str = "rich", *, color: bool = False) -> str:
    stream = io.StringIO()
    system = "standard" if color else None
    console = Console(file=stream, width=80, force_terminal=color, color_system=system)
    print_table(table, format, console)
    return stream.getvalue()


def test_changes_are_marked_without_colour_as_wdiff_marks_them() -> None:
    assert text(CHANGE, 1) == "a [-dog-]{+cat+}"
    assert "a [-dog-]{+cat+}" in printed(TABLE)


def test_changes_are_struck_and_coloured_on_a_terminal() -> None:
    shown = printed(TABLE, color=True)
    assert "[-dog-]" not in shown
    assert "\x1b[9;31mdog\x1b[0m" in shown  # red and struck
    assert "\x1b[1;32mcat\x1b[0m" in shown  # green and bold


def test_markdown() -> None:
    assert markdown(TABLE) == (
        "**Scores**\n\n"
        "| name of it | n | % |\n"
        "| --- | ---: | ---: |\n"
        "| plain | 1,200 | 12.3 |\n"
        "| a ~~dog~~**cat** | 3 | - |\n"
        "| **0.3 ✓** | 4 | 1.0 |\n\n"
        "in percent\n"
    )


def test_latex() -> None:
    assert latex(TABLE) == (
        "% Scores\n"
        "\\begin{tabular}{lrr}\n"
        "\\toprule\n"
        "name of it & n & \\% \\\\\n"
        "\\midrule\n"
        "plain & 1,200 & 12.3 \\\\\n"
        "a \\sout{dog}\\textbf{cat} & 3 & - \\\\\n"
        "\\textbf{0.3 $\\checkmark$} & 4 & 1.0 \\\\\n"
        "\\bottomrule\n"
        "\\end{tabular}\n"
        "% in percent\n"
    )


def test_csv_keeps_numbers_whole() -> None:
    assert csv_text(TABLE) == (
        "name of it,n,%\nplain,1200,12.345\na [-dog-]{+cat+},3,\n0.3 ✓,4,1.0\n"
    )


def test_records_keep_numbers_and_none() -> None:
    assert as_records(TABLE)[1] == {"name\nof it": "a [-dog-]{+cat+}", "n": 3, "%": None}


@pytest.mark.parametrize(
    ("make", "expected"),
    [
        (markdown, "\\*a\\* \\| &lt;b> \\_c\\_"),
        (latex, "*a* | <b> \\_c\\_"),
        (csv_text, "*a* | <b> _c_"),
    ],
)
def test_what_users_fed_in_stays_text(make: Callable[[Table], str], expected: str) -> None:
    assert expected in make(Table("t", ("x",), (("*a* | <b> _c_",),)))


def test_markup_of_rich_in_a_caption_stays_text() -> None:
    assert "[red]not red[/red] :dog:" in printed(
        Table("t", ("x",), (("[red]not red[/red] :dog:",),))
    )


HOSTILE = Table("t\x1b[2J", ("x\x9b",), (("\x1b]0;title\x07\u202egpj",),), "n\x00")


@pytest.mark.parametrize("format", ["rich", "markdown", "latex", "csv", "json"])
def test_no_format_lets_an_input_steer_the_terminal(format: str) -> None:
    stream = io.StringIO()
    console = Console(file=stream, width=80, force_terminal=False)
    print_table(HOSTILE, format, console)
    shown = stream.getvalue()
    assert "]0;title" in shown
    assert not set(shown) & set("\x1b\x9b\x07\x00\u202e")


@pytest.mark.parametrize(
    ("cell", "shown"),
    [
        ("=cmd|' /C calc'!A0", "'=cmd|' /C calc'!A0"),
        ("@SUM(A1)", "'@SUM(A1)"),
        ("+1+cmd|x", "'+1+cmd|x"),
        ("-2+3", "'-2+3"),
        (" =1", "' =1"),
        ("+21.7 *", "+21.7 *"),
        ("-6.1 to 24.1", "-6.1 to 24.1"),
        ("-", "-"),
        ("a = b", "a = b"),
    ],
)
def test_a_cell_that_a_spreadsheet_would_run_is_text(cell: str, shown: str) -> None:
    assert csv_text(Table("t", ("x",), ((cell,),))) == f"x\n{shown}\n"
    assert csv_text(Table("t", (cell,), (("x",),))) == f"{shown}\nx\n"


@pytest.mark.parametrize(
    ("per_second", "shown"), [(1234.5, 1234), (12.4, 12), (9.96, 9.96), (0.432, 0.43), (0.0, 0)]
)
def test_a_slow_rate_keeps_its_digits(per_second: float, shown: float) -> None:
    assert speed(per_second) == shown
