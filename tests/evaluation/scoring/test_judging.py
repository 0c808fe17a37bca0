"""From similarities to verdicts, by hand."""

from pathlib import Path

import pytest

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.scoring import judging
from ahnpl_cli.evaluation.scoring.items import Item
from ahnpl_cli.evaluation.scoring.judging import TWO_BY_TWO, Outcome, matrix

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


@pytest.mark.parametrize(
    ("scores", "positives", "ties_win", "expected"),
    [
        ((0.3, 0.2), 1, False, Outcome(True, False)),
        ((0.2, 0.3), 1, False, Outcome(False, False)),
        ((0.2, 0.2), 1, False, Outcome(False, True)),
        ((0.2, 0.2), 1, True, Outcome(True, True)),
        ((0.4, 0.1, 0.4), 1, False, Outcome(False, True)),
        ((0.4, 0.3, 0.35), 2, False, Outcome(False, False)),  # the worse true caption decides
        ((0.4, 0.36, 0.35), 2, False, Outcome(True, False)),
    ],
)
def test_every_true_caption_has_to_be_above_every_false_one(scores, positives, ties_win, expected):
    assert judging.choose(scores, positives, ties_win=ties_win) == expected


def test_a_tie_counts_against_the_rank_of_the_first():
    assert judging.rank_of_first((0.5, 0.4, 0.3)) == 0
    assert judging.rank_of_first((0.5, 0.6, 0.5, 0.1)) == 2


MATRIX = ((0.9, 0.8), (0.7, 0.6))  # image 1 prefers caption 0; caption 1 prefers image 0


def test_rows_are_images_and_columns_are_captions():
    text = [judging.group_text(MATRIX, i).correct for i in range(2)]
    image = [judging.group_image(MATRIX, i).correct for i in range(2)]
    assert text == [True, False]
    assert image == [True, False]
    lopsided = ((0.9, 0.1), (0.95, 0.2))
    assert [judging.group_text(lopsided, i).correct for i in range(2)] == [True, False]
    assert [judging.group_image(lopsided, i).correct for i in range(2)] == [False, True]


def test_argmax_forgives_a_later_equal_and_not_an_earlier_one():
    equal = ((0.5, 0.5), (0.5, 0.5))
    assert judging.group_text(equal, 0, ties_win=True) == Outcome(True, True)
    assert judging.group_text(equal, 1, ties_win=True) == Outcome(False, True)
    assert judging.group_text(equal, 0) == Outcome(False, True)


def test_a_tie_is_reported_only_where_it_decides():
    wrong, tied, right = Outcome(False, False), Outcome(False, True), Outcome(True, False)
    assert judging.both(right, right) == Outcome(True, False)
    assert judging.both(right, tied) == Outcome(False, True)
    assert judging.both(wrong, tied) == Outcome(False, False)
