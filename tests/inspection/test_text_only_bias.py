"""What text alone gives away, against values worked by hand."""

import math

import pytest

from ahnpl_cli.inspection.text_only_bias import WordCounts, guess_rate, half_of


def in_fold(fold: int, start: int = 0) -> str:
    """An image name that falls into a fold."""
    return next(f"{i}.jpg" for i in range(start, 1000) if half_of(f"{i}.jpg") == fold)


def test_only_words_on_one_side_are_counted() -> None:
    counts = WordCounts()
    counts.add(0, "a red dog", "a red cat")
    assert (dict(counts.true[0]), dict(counts.false[0])) == ({"dog": 1}, {"cat": 1})


def test_a_score_comes_from_the_other_fold_alone() -> None:
    counts = WordCounts()
    counts.add(0, "a dog", "a cat")
    counts.add(0, "a dog", "a cat")
    # From fold 1 nothing is known; from fold 0: log(3/1) for dog, -log(1/3) for cat.
    assert counts.score(0, "a dog", "a cat") == 0
    assert counts.score(1, "a dog", "a cat") == pytest.approx(2 * math.log(3))


def test_a_swap_says_nothing_to_a_bag_of_words() -> None:
    counts = WordCounts()
    counts.add(0, "a dog on a cat", "a cat on a dog")
    assert counts.score(1, "a dog on a cat", "a cat on a dog") == 0


def test_the_most_one_sided_word_comes_first() -> None:
    counts = WordCounts()
    for _ in range(9):
        counts.add(0, "a dog", "a unicorn")
    counts.add(1, "a unicorn", "a lion")
    assert counts.most_skewed()[0] == ("dog", 9, 0)
    assert ("unicorn", 1, 9) in counts.most_skewed()


def test_a_tie_is_half_a_guess() -> None:
    assert guess_rate([1.0, -1.0, 0.0, 2.0]) == 100 * 2.5 / 4
    assert guess_rate([]) == 50.0


def test_both_halves_get_images() -> None:
    assert in_fold(0) != in_fold(1)
