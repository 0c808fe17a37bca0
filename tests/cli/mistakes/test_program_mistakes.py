"""Wrong invocations of the program itself, each answered in one line: what, where, what to do."""

from collections.abc import Callable

import pytest

USAGE = [
    ("negatvies", 2, "No such command 'negatvies'. Did you mean 'negatives'?"),
    ("--verison", 2, "No such option: --verison (Possible options: --version)"),
]


@pytest.mark.parametrize(("line", "code", "expected"), USAGE)
def test_a_mistyped_line_leads_to_its_help(
    check_usage: Callable[[str, str], None], line: str, code: int, expected: str
) -> None:
    check_usage(line, expected)
