"""What text alone gives away, against values worked by hand."""

import math

import pytest

from ahnpl_cli.caption_words import (
    WordCounts,
    blind_accuracy,
    guess_rate,
    half_of,
    most_skewed,
)
from ahnpl_cli.records import CaptionRecord, Negative


def in_fold(fold: int, start: int = 0) -> str:
    """An image name that falls into a fold."""
    return next(f"{i}.jpg" for i in range(start, 1000) if half_of(f"{i}.jpg") == fold)


def test_only_words_on_one_side_are_counted() -> None:
    counts = WordCounts()
    counts.add(0, "a red dog", "a red cat")
    assert (dict(counts.true[0]), dict(counts.false[0])) == (
        {"dog": 1, "red dog": 1},
        {"cat": 1, "red cat": 1},
    )


def test_a_score_comes_from_the_other_fold_alone() -> None:
    counts = WordCounts()
    counts.add(0, "a dog", "a cat")
    counts.add(0, "a dog", "a cat")
    # From fold 1 nothing is known; from fold 0: log(3/1) for "dog" and "a dog", and the same
    # against "cat" and "a cat".
    assert counts.score(0, "a dog", "a cat") == 0
    assert counts.score(1, "a dog", "a cat") == pytest.approx(4 * math.log(3))


def test_a_swap_both_ways_says_nothing() -> None:
    counts = WordCounts()
    counts.add(0, "a dog on a cat", "a cat on a dog")
    counts.add(0, "a cat on a dog", "a dog on a cat")
    assert counts.score(1, "a dog on a cat", "a cat on a dog") == 0


def test_a_swap_one_way_is_told_by_neighbors() -> None:
    counts = WordCounts()
    counts.add(0, "a man rides a horse", "a horse rides a man")
    # "man rides" for the caption, "horse rides" against the negative.
    score = counts.score(1, "the man rides a cow", "the horse rides a cow")
    assert score == pytest.approx(2 * math.log(2))


def pair(number: int, caption: str, text: str) -> CaptionRecord:
    return CaptionRecord(str(number), f"{number}.jpg", caption, (Negative("object", text),))


def test_a_kind_is_learned_on_one_half_and_asked_on_the_other() -> None:
    told = [pair(number, "a dog", "a unicorn") for number in range(120)]
    assert blind_accuracy(told, ["object", "action"]) == {"object": 100.0, "action": None}
    both = [pair(n, *(("a dog", "a cat") if n % 2 else ("a cat", "a dog"))) for n in range(400)]
    value = blind_accuracy(both, ["object"])["object"]
    assert value is not None and 30 < value < 70
    assert blind_accuracy(told[:99], ["object"]) == {"object": None}


def test_the_most_one_sided_word_comes_first() -> None:
    counts = WordCounts()
    for _ in range(9):
        counts.add(0, "a dog", "a unicorn")
    counts.add(1, "a unicorn", "a lion")
    assert most_skewed([counts])[0] == ("dog", 9, 0)
    assert ("unicorn", 1, 9) in most_skewed([counts])


def test_a_tie_is_half_a_guess() -> None:
    assert guess_rate([1.0, -1.0, 0.0, 2.0]) == 100 * 2.5 / 4
    assert guess_rate([]) == 50.0


def test_both_halves_get_images() -> None:
    assert in_fold(0) != in_fold(1)
