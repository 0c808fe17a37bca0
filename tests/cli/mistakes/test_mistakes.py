"""Wrong invocations, each answered in one line; the tables stand in the files of this folder."""

import importlib
from collections.abc import Callable

import pytest

ABOUT = ("demo", "embed", "eval", "inspect", "negatives", "program", "scenes", "train")
USAGE: list[tuple[str, int, str]] = []
MISTAKES: list[tuple[str, int, str]] = []
for about in ABOUT:
    mistakes = importlib.import_module(f"tests.cli.mistakes.{about}_mistakes")
    USAGE += getattr(mistakes, "USAGE", [])
    MISTAKES += getattr(mistakes, "MISTAKES", [])


@pytest.mark.parametrize(("line", "code", "expected"), USAGE)
def test_a_mistyped_line_leads_to_its_help(
    check_usage: Callable[[str, str], None], line: str, code: int, expected: str
) -> None:
    check_usage(line, expected)


@pytest.mark.parametrize(("line", "code", "expected"), MISTAKES)
def test_a_mistake_is_answered_with_one_line(
    check: Callable[[str, int, str], None], line: str, code: int, expected: str
) -> None:
    check(line, code, expected)


def test_the_tables_hold_fifty_mistakes_and_every_exit_code() -> None:
    rows = USAGE + MISTAKES
    lines = {line for line, _, _ in rows}
    assert len(rows) == len(lines) >= 50
    assert {code for _, code, _ in rows} == {2, 3, 4, 5}
