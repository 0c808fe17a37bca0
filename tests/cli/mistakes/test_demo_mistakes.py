"""Wrong invocations of `ahnpl demo`, each answered in one line: what, where, what to do."""

from collections.abc import Callable

import pytest

MISTAKES = [
    ("demo --out file", 3, "file: file exists. Choose another place with --output."),
]


@pytest.mark.parametrize(("line", "code", "expected"), MISTAKES)
def test_a_mistake_is_answered_with_one_line(
    check: Callable[[str, int, str], None], line: str, code: int, expected: str
) -> None:
    check(line, code, expected)
