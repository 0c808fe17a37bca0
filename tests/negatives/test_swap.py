import itertools

import pytest

from ahnpl_cli.negatives.base import Candidate, Draw
from ahnpl_cli.negatives.select import weigher
from ahnpl_cli.negatives.swap import AdjectiveSwap, NounSwap
from ahnpl_cli.records import apply_edits


def texts(generator, parsed):
    made = [c for c in generator(parsed, Draw(0)) if isinstance(c, Candidate)]
    return {apply_edits(parsed.record.caption, candidate.edits) for candidate in made}


def reasons(generator, parsed):
    return {reason for reason in generator(parsed, Draw(0)) if isinstance(reason, str)}


NOUNS = NounSwap(weigher("random", 1.0))
ADJECTIVES = AdjectiveSwap(weigher("random", 1.0))


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("A man is chasing a dog.", "A dog is chasing a man."),
        ("A man is chasing an elephant.", "An elephant is chasing a man."),
        ("the small circle is above the star", "the small star is above the circle"),
        ("A dog biting a fire hydrant", "A fire hydrant biting a dog"),
        ("Dogs chasing cats", "Cats chasing dogs"),
        ("a cup on the left and a jar on the right", "a jar on the left and a cup on the right"),
        ("A slice of pizza on a plate", "A plate on a slice of pizza"),
        ("a red circle and a blue square", "a red square and a blue circle"),
        ("A man watching water", "Water watching a man"),
        ("a snowboarder carrying snow", "snow carrying a snowboarder"),
    ],
)
def test_two_nouns_change_places(parse, caption, expected):
    assert expected in texts(NOUNS, parse(caption))


@pytest.mark.parametrize("caption", ["A metal strainer with some fruit", "the paint on a curb"])
def test_what_takes_no_article_is_not_put_behind_one(parse, caption):
    assert not {"A metal fruit with some strainer", "the curb on a paint"} & texts(
        NOUNS, parse(caption)
    )


def test_words_are_tokens_never_substrings(parse):
    made = texts(NOUNS, parse("A man and snowman watching a snowboarder on snow"))
    assert all("snowman" in text and "snowboarder" in text for text in made)


@pytest.mark.parametrize(
    "caption",
    [
        "a circle and a square",
        "a dog next to a cat",
        "a cat sitting next to a dog",
        "a cat, a dog and a horse",
        "a dog with a cat",
        "a red circle and a red square",
        "Rice is served with vegetables and fruit.",
        "A dessert with two spoons, and a beverage.",
        "a fan a light and a stove",
        "a circle on the right and a ring on the right",
    ],
)
def test_an_exchange_that_says_the_same_is_rejected(parse, caption):
    assert texts(NOUNS, parse(caption)) == set()
    assert reasons(NOUNS, parse(caption)) == {"symmetric"}


def test_nouns_that_name_each_other_are_not_exchanged(parse):
    assert reasons(NOUNS, parse("The giraffe is a tall animal.")) == {"hypernym"}


def test_different_numbers_are_not_exchanged(parse):
    assert texts(NOUNS, parse("A man watching two dogs")) == set()


def test_nouns_joined_by_of_stay_together(parse):
    assert texts(NOUNS, parse("A statue of a horse")) == set()


def test_after_a_negation_nothing_is_exchanged(parse):
    assert reasons(NOUNS, parse("there is no cat on the bed")) == {"negated"}


def test_nouns_of_one_sort_are_exchanged_first(parse):
    parsed = parse("A man throwing a ball to a dog near a tree")
    firsts = [
        next(c for c in NOUNS(parsed, Draw(seed)) if isinstance(c, Candidate)) for seed in range(40)
    ]
    living = [c for c in firsts if {x.unit.lemma for x in c.changes} == {"man", "dog"}]
    assert len(living) > 20


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a red cup on a blue plate", {"a blue cup on a red plate"}),
        ("a small dog on a large bed", {"a large dog on a small bed"}),
        ("a red and white bus", set()),
        ("a red cup near a white cup", set()),
        ("a red cup on a wooden table", set()),
        ("an old man with a young dog", {"a young man with an old dog"}),
    ],
)
def test_contrary_adjectives_of_different_nouns_change_places(parse, caption, expected):
    assert texts(ADJECTIVES, parse(caption)) == expected


def test_exchanging_twice_gives_the_caption_back(parse):
    caption = "A man is chasing an elephant."
    for once in texts(NOUNS, parse(caption)):
        assert caption in texts(NOUNS, parse(once))


def test_draws_do_not_depend_on_what_was_drawn_before(parse):
    parsed = parse("A man with a hat throwing a ball to a dog")
    runs = [list(itertools.islice(NOUNS(parsed, Draw(1, "id", "relation")), 3)) for _ in range(2)]
    assert runs[0] == runs[1]
