import itertools

import pytest

from ahnpl_cli.negatives.candidates import Candidate, Rejected
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.kinds.swap import swap_adjectives, swap_nouns
from ahnpl_cli.negatives.lexicon.concreteness import word_weights
from ahnpl_cli.negatives.statistics import Statistics
from ahnpl_cli.records import apply_edits
from ahnpl_cli.stable_hash import RandomStream

NO_CORPUS = Corpus(Statistics())
WEIGH = word_weights("random", 1.0)


def proposals(swap, parsed, seed=0):
    return list(swap(parsed, RandomStream(seed), WEIGH, NO_CORPUS))


def texts(swap, parsed):
    candidates = [p for p in proposals(swap, parsed) if isinstance(p, Candidate)]
    return {apply_edits(parsed.record.caption, candidate.edits) for candidate in candidates}


def reasons(swap, parsed):
    return {p.reason for p in proposals(swap, parsed) if isinstance(p, Rejected)}


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
    assert expected in texts(swap_nouns, parse(caption))


@pytest.mark.parametrize("caption", ["A metal strainer with some fruit", "the paint on a curb"])
def test_what_takes_no_article_is_not_put_behind_one(parse, caption):
    assert not {"A metal fruit with some strainer", "the curb on a paint"} & texts(
        swap_nouns, parse(caption)
    )


def test_words_are_tokens_never_substrings(parse):
    made = texts(swap_nouns, parse("A man and snowman watching a snowboarder on snow"))
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
    assert texts(swap_nouns, parse(caption)) == set()
    assert reasons(swap_nouns, parse(caption)) == {"symmetric"}


def test_nouns_that_name_each_other_are_not_exchanged(parse):
    assert reasons(swap_nouns, parse("The giraffe is a tall animal.")) == {"hypernym"}


def test_different_numbers_are_not_exchanged(parse):
    assert texts(swap_nouns, parse("A man watching two dogs")) == set()


def test_nouns_joined_by_of_stay_together(parse):
    assert texts(swap_nouns, parse("A statue of a horse")) == set()


def test_after_a_negation_nothing_is_exchanged(parse):
    assert reasons(swap_nouns, parse("there is no cat on the bed")) == {"negated"}


def test_nouns_of_one_sort_are_exchanged_first(parse):
    parsed = parse("A man throwing a ball to a dog near a tree")
    firsts = [
        next(p for p in proposals(swap_nouns, parsed, seed) if isinstance(p, Candidate))
        for seed in range(40)
    ]
    living = [c for c in firsts if {x.word.lemma for x in c.changes} == {"man", "dog"}]
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
    assert texts(swap_adjectives, parse(caption)) == expected


def test_exchanging_twice_gives_the_caption_back(parse):
    caption = "A man is chasing an elephant."
    for once in texts(swap_nouns, parse(caption)):
        assert caption in texts(swap_nouns, parse(once))


def test_draws_do_not_depend_on_what_was_drawn_before(parse):
    parsed = parse("A man with a hat throwing a ball to a dog")
    streams = [RandomStream(1, "id", "relation") for _ in range(2)]
    runs = [
        list(itertools.islice(swap_nouns(parsed, stream, WEIGH, NO_CORPUS), 3))
        for stream in streams
    ]
    assert runs[0] == runs[1]


def test_a_page_of_text_gives_no_millions_of_pairs(parse):
    page = ", ".join(f"a {noun}" for noun in ("cat", "dog", "horse", "man", "bus") * 60)
    made = proposals(swap_nouns, parse(page))
    assert 0 < len(made) <= 100 * 99 / 2
