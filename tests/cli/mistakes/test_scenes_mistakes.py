"""Wrong invocations of `ahnpl scenes`, each answered in one line: what, where, what to do."""

from collections.abc import Callable

import pytest

USAGE = [
    ("scenes out --train -1", 2, "Invalid value for '--train': Input should be greater..."),
    ("scenes out --test many", 2, "Invalid value for '--test': Input should be a valid..."),
]
MISTAKES = [
    ("scenes file", 3, "file: file exists. Choose another place with --output."),
]


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
