"""Names resolve lazily and unknown ones get a suggestion."""

import math

import pytest

from ahnpl_cli.catalog import choose, resolve
from ahnpl_cli.errors import ConfigError


def test_a_known_name_gives_what_the_table_points_at() -> None:
    assert resolve("root", {"root": "math:sqrt"}, "function") is math.sqrt


def test_an_unknown_name_suggests_the_closest_and_lists_all() -> None:
    with pytest.raises(ConfigError) as caught:
        choose("negclp", ["clip", "negclip"], "objective")
    expected = "unknown objective 'negclp'. Did you mean 'negclip'? Known: clip, negclip."
    assert str(caught.value) == expected


def test_a_name_like_no_other_gets_the_list_alone() -> None:
    with pytest.raises(ConfigError, match=r"^unknown thing 'zzz'. Known: a, b.$"):
        choose("zzz", ["a", "b"], "thing")
