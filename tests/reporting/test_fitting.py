"""Tables are read in a terminal of 80 columns: whole words, one line a row."""

import io

import pytest
from rich.console import Console

from ahnpl_cli.frontier.report import FrontierReport
from ahnpl_cli.frontier.result_tables import frontier_tables
from ahnpl_cli.reporting.tables import Table, csv_text, fitted, print_table

NAMES = ("macro_7", "vg_relation_micro_all_rows", "macro_groups_of_micro", "text", "image")
WIDE = Table(
    "Wide",
    ("model", *NAMES),
    (("ahnpl", 72.5, 63.1, 70.0, 48.9, 3.2), ("start", 61.7, 40.2, 60.0, 3.4, None)),
)


def printed(table: Table, width: int) -> list[str]:
    stream = io.StringIO()
    print_table(table, "rich", Console(file=stream, width=width))
    return stream.getvalue().splitlines()


def test_a_table_that_is_too_wide_is_turned() -> None:
    lines = printed(WIDE, 60)
    assert max(map(len, lines)) <= 60
    assert "│ vg_relation_micro_all_rows │ 63.1  │ 40.2  │" in lines
    assert "│ image                      │ 3.2   │ -     │" in lines


def test_a_table_that_fits_stays_as_it_is() -> None:
    assert fitted(WIDE, 110) is WIDE
    assert any("72.5" in line and "63.1" in line for line in printed(WIDE, 110))


def test_columns_that_can_be_done_without_go_where_turning_does_not_help() -> None:
    rows = tuple((f"row {number}", "x" * 30, 1.0, 2.0) for number in range(30))
    table = Table("Long", ("name", "text", "lowest", "highest"), rows, least=("lowest", "highest"))
    assert fitted(table, 50).columns == ("name", "text")
    assert fitted(table, 80) is table


def test_of_columns_that_can_be_done_without_no_more_go_than_have_to() -> None:
    rows = tuple((f"row {number}", "x" * 30, 1.0, 2.0) for number in range(30))
    table = Table("Long", ("name", "text", "lowest", "highest"), rows, least=("lowest", "highest"))
    assert fitted(table, 58).columns == ("name", "text", "highest")


def test_a_narrow_terminal_gets_the_brief_form_and_a_program_the_whole() -> None:
    rows = (("sugarcrepe", "67.8 ±1.4 +2.9"), ("  swap_obj", "50.4 ±4.4 -0.6"))
    brief = Table("T", ("suite", "a"), (("sugarcrepe", "67.8 +2.9"), ("  swap_obj", "50.4 -0.6")))
    table = Table("T", ("suite", "n", "a"), tuple((a, 500, b) for a, b in rows), narrow=brief)
    assert fitted(table, 30) is brief
    assert fitted(table, 60) is table
    assert "67.8 ±1.4 +2.9" in csv_text(table)


@pytest.mark.parametrize("width", [60, 80, 100])
def test_numbers_dates_and_intervals_are_never_broken(width: int) -> None:
    text = "a sentence that is longer than any terminal of eighty columns could ever hold at once"
    row = ("run", "2026-11-26 02:35", "-6.1 to 24.1", text)
    lines = printed(Table("T", ("run", "date", "95 % interval", "what"), (row,)), width)
    assert max(map(len, lines)) <= width
    assert any("2026-11-26 02:35" in line and "-6.1 to 24.1" in line for line in lines)


def test_a_frontier_keeps_whole_headings_and_what_points_are_read_by(
    frontier: FrontierReport,
) -> None:
    table = frontier_tables(frontier)[0]
    lines = printed(table, 80)
    assert any("gain ±" in line and "retention ±" in line for line in lines)
    assert not any("tuning)" in line for line in lines)
    assert any("gain (tuning)" in line for line in printed(table, 120))
