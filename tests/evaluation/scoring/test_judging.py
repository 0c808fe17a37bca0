"""From similarities to verdicts, by hand."""

from pathlib import Path

import pytest

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.scoring.items import Item
from ahnpl_cli.evaluation.scoring.judging import TWO_BY_TWO, matrix

PAIR = Item("7", (ImageRef(Path("a.png")), ImageRef(Path("b.png"))), ("x", "y"), ("Object",))


@pytest.mark.parametrize(
    ("scores", "text", "image", "group"),
    [
        ((0.90, 0.80, 0.95, 0.96), True, False, False),  # caption x prefers the other image
        ((0.90, 0.95, 0.80, 0.96), False, True, False),  # image a prefers the other caption
        ((0.90, 0.80, 0.80, 0.90), True, True, True),
        ((0.90, 0.90, 0.80, 0.95), False, True, False),  # a tie is wrong
    ],
)
def test_text_image_and_group_score(scores, text, image, group):
    (verdict,) = TWO_BY_TWO.verdicts(PAIR, scores, False)
    assert [verdict.correct[name] for name in ("text", "image", "group")] == [text, image, group]
    assert verdict.correct["group / Object"] == group


def test_similarities_are_rows_of_images_and_columns_of_captions():
    assert matrix(PAIR, (1.0, 2.0, 3.0, 4.0)) == [(1.0, 2.0), (3.0, 4.0)]
