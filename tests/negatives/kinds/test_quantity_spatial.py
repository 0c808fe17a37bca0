from dataclasses import replace

import pytest

from ahnpl_cli.negatives.candidates import Candidate
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.kinds.quantity import change_quantity
from ahnpl_cli.negatives.kinds.spatial import change_place
from ahnpl_cli.negatives.lexicon.concreteness import word_weights
from ahnpl_cli.negatives.seen_together import SMALL
from ahnpl_cli.negatives.statistics import Statistics, Tally
from ahnpl_cli.records import apply_edits
from ahnpl_cli.stable_hash import RandomStream


def candidates(change, parsed, seed=0):
    proposals = change(
        parsed, RandomStream(seed), word_weights("random", 1.0), Corpus(Statistics())
    )
    return [proposal for proposal in proposals if isinstance(proposal, Candidate)]


def texts(change, parsed, seed=0):
    found = candidates(change, parsed, seed)
    return {apply_edits(parsed.record.caption, c.edits) for c in found}


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


def test_of_several_contraries_one_is_drawn_that_captions_say_between_such_things(parse):
    """A cat is under a table, or next to it, and never behind one."""
    tally = Tally()
    said = (
        "a cat on a table",
        "a cat under a table",
        "a cat next to a table",
        "a cup behind a box",
    )
    for number in range(SMALL):
        parsed = parse(said[number % len(said)])
        tally.add(str(number), parsed.record.caption, parsed.words)
    corpus = Corpus(tally.statistics())
    weigh = word_weights("random", 1.0)
    caption = parse("a cat on a table")
    made = set()
    for seed in range(20):
        for proposal in change_place(caption, RandomStream(seed), weigh, corpus):
            made.add(apply_edits(caption.record.caption, proposal.edits))
    assert made == {"a cat under a table", "a cat next to a table"}


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
        # Idioms, and a background that nothing is in.
        *("a boat out of focus", "pancakes out of the oven", "a man working on a laptop"),
        *("books on top of each other", "a dog lying on his back", "a cup on a white background"),
    ],
)
def test_words_that_tell_no_place_or_no_difference_are_left(parse, caption):
    assert texts(change_place, parse(caption)) == set()


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("there is no green cross", {"there is a green cross"}),
        ("there is no orange cross", {"there is an orange cross"}),
        ("the cup but no plates", {"the cup but some plates"}),
        ("several red stars", {"a red star"}),
        ("a single red star", {"several red stars"}),
        ("The lone fish", set()),
        ("one star", {"several stars"}),
        ("exactly one star", {"exactly two stars"}),
        ("Two orange cats are asleep", {"An orange cat is asleep"}),
        ("two people stand on the beach", {"a person stands on the beach"}),
        ("THREE DOGS ON THE SAND", {"A DOG ON THE SAND"}),
        ("A dog is asleep", {"Two dogs are asleep", "Several dogs are asleep"}),
        ("a horse runs on the sand", {"two horses run on the sand"}),
        ("a bus on the left", {"two buses on the left", "three buses on the left"}),
        ("a herd of cows are in the sun", {"a cow is in the sun"}),
        ("Some young dogs on the sand", {"A young dog on the sand"}),
        ("Brown dogs on the sand", {"A brown dog on the sand"}),
        ("exactly 3 circles", {"exactly 0 circles", "exactly 2 circles", "exactly 4 circles"}),
    ],
)
def test_quantities_become_wrong_with_noun_and_verb(parse, caption, expected):
    possible = set()
    for seed in range(40):
        possible |= texts(change_quantity, parse(caption), seed)
    assert expected <= possible
    assert bool(expected) == bool(possible)


def test_a_number_becomes_another_that_is_near(parse):
    numbers = set()
    for seed in range(20):
        for candidate in candidates(change_quantity, parse("the three yellow stars"), seed):
            numbers.add(candidate.edits[0].new)
    assert {"two", "four"} <= numbers <= {"two", "four", "five", "six"}


@pytest.mark.parametrize(
    "caption",
    [
        *("one of the dogs", "at 3 o'clock", "two", "One dog chases the others"),
        # Nothing was denied, and what is denied has no number.
        *("a no parking sign", "the sky is without a cloud", "he had no idea"),
        # Words that would no longer agree, or that count in another way.
        *("a dog and its toy", "a bowl of fruit", "there are cows"),
        # Nobody rides two of them at once, and body parts are counted by nobody.
        *("the man riding a horse", "the dog has brown eyes"),
        "a man that is jumping",
        # Eyewear is one thing, and one person is not scattered.
        *("portrait of the lady in glasses", "the beach has people scattered on it"),
    ],
)
def test_quantities_are_left_where_the_rest_would_not_fit(parse, caption):
    for seed in range(10):
        assert texts(change_quantity, parse(caption), seed) == set()


def test_several_are_not_one_where_another_caption_names_one(parse):
    caption = parse("two dogs on the sand")
    more = replace(caption, image_captions=("two dogs on the sand", "a small dog at the beach"))
    for seed in range(10):
        made = texts(change_quantity, more, seed)
        assert "a dog on the sand" not in made and made


def test_one_is_not_several_where_another_caption_counts_more(parse):
    caption = parse("a dog on the sand")
    more = replace(caption, image_captions=("a dog on the sand", "dogs at the beach"))
    for seed in range(10):
        assert texts(change_quantity, more, seed) == set()
