"""Tables of examples: the change in a caption is marked, and only the change."""

from ahnpl_cli.records import Edit
from ahnpl_cli.reporting.inspect import changed
from ahnpl_cli.reporting.tables import Span


def test_the_blank_before_a_word_that_is_gone_is_not_struck() -> None:
    found = changed("there are no hearts", (Edit(9, 12, " no", ""),))
    assert found == (Span("there are"), Span(" "), Span("no", "old"), Span(" hearts"))


def test_old_and_new_words_stand_beside_each_other() -> None:
    found = changed("a dog", (Edit(2, 5, "dog", "cat"),))
    assert found == (Span("a "), Span("dog", "old"), Span("cat", "new"))
