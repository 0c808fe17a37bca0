"""The change in a caption is marked, and only the change."""

import random

import pytest

from ahnpl_cli.records import Edit, apply_edits
from ahnpl_cli.reporting.edits import changed, word_edits
from ahnpl_cli.reporting.tables import Span


def test_the_blank_before_a_word_that_is_gone_is_not_struck() -> None:
    found = changed("there are no hearts", (Edit(9, 12, " no", ""),))
    assert found == (Span("there are"), Span(" "), Span("no", "old"), Span(" hearts"))


def test_old_and_new_words_stand_beside_each_other() -> None:
    found = changed("a dog", (Edit(2, 5, "dog", "cat"),))
    assert found == (Span("a "), Span("dog", "old"), Span("cat", "new"))


@pytest.mark.parametrize(
    ("caption", "other", "edits"),
    [
        ("a red dog", "a red cat", (Edit(6, 9, "dog", "cat"),)),
        (
            "a dog on a bed",
            "a bed on a dog",
            (Edit(2, 5, "dog", "bed"), Edit(11, 14, "bed", "dog")),
        ),
        ("a dog", "a dog", ()),
        ("a dog", "a big dog", (Edit(1, 1, "", " big"),)),
        ("", "a dog", (Edit(0, 0, "", "a dog"),)),
    ],
)
def test_word_edits_are_runs_of_words(caption: str, other: str, edits: tuple[Edit, ...]) -> None:
    assert word_edits(caption, other) == edits


def test_word_edits_always_give_the_other_caption() -> None:
    rng = random.Random(3)
    words = ["a", "dog", "bed", " ", "  on", "\tthe", "é", "dog."]
    for _ in range(300):
        caption, other = (" ".join(rng.choices(words, k=rng.randrange(7))) for _ in range(2))
        assert apply_edits(caption, word_edits(caption, other)) == other


def shown(caption, edits, around=None):
    return "".join(span.text for span in changed(caption, edits, around))


def test_of_a_long_caption_what_lies_around_the_changes_is_shown():
    long = " ".join(f"w{number}" for number in range(200))
    first, second = long.index("w100"), long.index("w190")
    edits = (Edit(first, first + 4, "w100", "dog"), Edit(second, second + 4, "w190", "cat"))
    assert shown(long, edits, 15) == (
        " … w97 w98 w99 w100dog w101 w102 … w188 w189 w190cat w191 w192 … "
    )
    assert shown(long, edits) == shown(long, edits, 2000)
    assert shown("a dog runs", (Edit(2, 5, "dog", "cat"),), 60) == "a dogcat runs"
