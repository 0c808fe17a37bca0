import pytest

from ahnpl_cli.negatives.candidates import Candidate
from ahnpl_cli.negatives.kinds.quantity import change_quantity
from ahnpl_cli.negatives.kinds.spatial import change_place
from ahnpl_cli.negatives.lexicon.concreteness import word_weights
from ahnpl_cli.records import apply_edits
from ahnpl_cli.stable_hash import RandomStream


def candidates(change, parsed, seed=0):
    proposals = change(parsed, RandomStream(seed), word_weights("random", 1.0))
    return [proposal for proposal in proposals if isinstance(proposal, Candidate)]


def texts(change, parsed):
    return {apply_edits(parsed.record.caption, c.edits) for c in candidates(change, parsed)}


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        (
            "a photo of a small red circle to the left of a blue square",
            {"a photo of a small red circle to the right of a blue square"},
        ),
        ("a star left of a heart", {"a star right of a heart"}),
        (
            "a red heart in the top left",
            {"a red heart in the bottom left", "a red heart in the top right"},
        ),
        ("A circle above a star", {"A circle below a star"}),
        ("a circle below a star", {"a circle above a star"}),
        ("a star over a ring", {"a star under a ring"}),
        ("a star beneath a ring", {"a star on top of a ring"}),
        ("a ring on top of a star", {"a ring underneath a star"}),
        ("A cat in front of a TV", {"A cat behind a TV"}),
        ("A cat behind a TV", {"A cat in front of a TV"}),
        ("A cat on a table", {"A cat under a table"}),
        ("a cat under the table", {"a cat on top of the table"}),
        ("an apple in a bowl", {"an apple under a bowl"}),
        ("a man skiing down a hill", {"a man skiing up a hill"}),
        ("a dog walking towards the ocean", {"a dog walking away from the ocean"}),
        ("a star is inside a ring", {"a star is outside a ring"}),
    ],
)
def test_place_words_become_their_contraries(parse, caption, expected):
    assert texts(change_place, parse(caption)) == expected


@pytest.mark.parametrize(
    "caption",
    [
        "a man on a tour",
        "a dog left alone at home",
        "a man right after lunch",
        "people on a sunny day",
        "a man walking down the street",
        "a giraffe behind another giraffe",
        "there is no cat on the table",
    ],
)
def test_words_that_tell_no_place_or_no_difference_are_left(parse, caption):
    assert texts(change_place, parse(caption)) == set()


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("there is no green cross", "there is a green cross"),
        ("there is no orange cross", "there is an orange cross"),
        ("a cup but no plates", "a cup but some plates"),
        ("several red stars", "two red stars"),
        ("a single red star", "several red stars"),
        ("A lone fish", "Several fish"),
        ("one star", "several stars"),
        ("exactly one star", "exactly two stars"),
    ],
)
def test_quantities_become_wrong(parse, caption, expected):
    assert texts(change_quantity, parse(caption)) == {expected}


def test_a_number_becomes_another_that_is_near(parse):
    for seed in range(20):
        (candidate,) = candidates(change_quantity, parse("Three yellow stars"), seed)
        assert candidate.edits[0].new in ("Two", "Four", "Five", "Six")
    (candidate,) = candidates(change_quantity, parse("exactly 3 white circles"))
    assert candidate.edits[0].new in ("2", "4", "5", "6")


@pytest.mark.parametrize("caption", ["one of the dogs", "at 3 o'clock", "One man is here", "two"])
def test_other_numbers_are_left(parse, caption):
    assert texts(change_quantity, parse(caption)) == set()
