"""What would steer a terminal is spelled out, in every format; everything else stays as it is."""

import json
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ahnpl_cli.reporting.visible import dump_json, visible, visible_line


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a red dog", "a red dog"),
        ("café – 犬 👩‍👩‍👧", "café – 犬 👩‍👩‍👧"),
        ("two\nlines\tand a tab", "two\nlines\tand a tab"),
        ("\x1b]0;title\x07", r"\x1b]0;title\x07"),
        ("\x9b31mred", r"\x9b31mred"),
        ("\x00\x7f\r", r"\x00\x7f\r"),
        ("photo\u202egpj.exe", r"photo\u202egpj.exe"),
        ("a\u2028b\u2066c", r"a\u2028b\u2066c"),
        ("caf\udce9", r"caf\udce9"),
    ],
)
def test_control_characters_are_spelled_out(text: str, shown: str) -> None:
    assert visible(text) == shown


def test_a_line_stays_one_line() -> None:
    assert visible_line("a\nb\tc\r\n") == r"a\nb\tc\r\n"


@given(st.text(st.characters(codec=None)))
def test_nothing_that_steers_is_left(text: str) -> None:
    for char in visible(text):
        assert char in "\t\n" or unicodedata.category(char) not in ("Cc", "Cs", "Zl", "Zp")
    assert visible_line(text).isprintable() or "\n" not in visible_line(text)
    visible(text).encode("utf-8")


@given(st.text(st.characters(codec=None)))
def test_json_loses_nothing(text: str) -> None:
    dumped = dump_json({"caption": text})
    assert json.loads(dumped) == {"caption": text}
    assert visible(dumped) == dumped
