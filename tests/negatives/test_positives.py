"""True texts by rule, each of which applies only where the words leave no doubt."""

import json

import pytest

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.negatives.generate import generate
from ahnpl_cli.negatives.positives import RULES, Reworder
from ahnpl_cli.records import POSITIVE_KINDS, apply_edits

MADE = [
    ("deletion", "a man on a red horse", {"a man on a horse"}),
    ("deletion", "An old man rides a horse.", {"A man rides a horse."}),
    ("deletion", "Small dogs run in a park", {"Dogs run in a park"}),
    ("deletion", "A man is riding a horse on the beach.", {"A man is riding a horse."}),
    ("deletion", "a man eats a sandwich and a salad", {"a man eats a sandwich"}),
    ("passive", "A man riding a brown horse.", {"A brown horse ridden by a man."}),
    ("passive", "A man is riding two horses", {"Two horses are being ridden by a man"}),
    ("passive", "Two dogs chase a cat.", {"A cat is chased by two dogs."}),
    ("exchange", "A dog and a cat are playing.", {"A cat and a dog are playing."}),
    ("exchange", "a dog next to a cat", {"a cat next to a dog"}),
    ("exchange", "a man eats a sandwich and a salad", {"a man eats a salad and a sandwich"}),
    ("has", "a man with a beard", {"a man who has a beard"}),
    ("has", "Two pizzas with cheese and tomatoes.", {"Two pizzas that have cheese and tomatoes."}),
    ("synonym", "a dog on a couch", {"a dog on a sofa"}),
    ("synonym", "Two large couches", {"Two big couches", "Two large sofas"}),
    ("synonym", "A phone on a table", {"A telephone on a table"}),
]
LEFT = [
    ("deletion", "a street with no red cars"),
    ("deletion", "a few dogs"),
    ("deletion", "a wooden horse"),
    ("deletion", "a toy car"),
    ("deletion", "a black and white cat"),
    ("deletion", "a snow covered bank"),
    ("passive", "a dog near a man riding a horse"),
    ("passive", "a woman holding her bag"),
    ("passive", "A man holding a card in his hand."),
    ("passive", "a man sitting on a bench"),
    ("exchange", "a man sitting on a bench next to a tree"),
    ("exchange", "a dog next to a cat on a couch"),
    ("exchange", "a man and a dog on a leash"),
    ("exchange", "a woman and her dog"),
    ("exchange", "a dog on a bench"),
    ("exchange", "a cat and a cat"),
    ("has", "a man on a bench with a dog"),
    ("has", "a woman with her dog"),
    ("has", "a man with a horse"),
    ("has", "a cat with its mouth open"),
    ("synonym", "a couch of leather"),
    ("synonym", "a zebra"),
]


def texts(parse, kind, caption):
    parsed = parse(caption)
    return {apply_edits(caption, edits) for edits in RULES[kind](parsed)}


@pytest.mark.parametrize(("kind", "caption", "expected"), MADE)
def test_what_says_the_same(parse, kind, caption, expected):
    assert texts(parse, kind, caption) == expected


@pytest.mark.parametrize(("kind", "caption"), LEFT)
def test_what_might_say_something_else_is_left(parse, kind, caption):
    assert texts(parse, kind, caption) == set()


def test_another_caption_is_one_of_the_same_image_that_differs(parse):
    caption = parse("a dog on a couch")
    others = ["A dog on a couch.", "a sleeping dog", "a dog on a couch"]
    (positive,) = Reworder(["caption"], seed=0).positives(caption, others)
    assert (positive.caption, positive.edits, positive.filler) == ("a sleeping dog", (), "caption")
    assert Reworder(["caption"], seed=0).positives(caption, others[::2]) == []


def test_one_of_each_kind_in_their_order_and_no_text_twice(parse):
    caption = parse("a large dog and a cat")
    made = Reworder(list(POSITIVE_KINDS), seed=0).positives(caption, ["a cat and a large dog"])
    assert [positive.kind for positive in made] == ["caption", "deletion", "synonym"]
    assert len({positive.caption for positive in made}) == 3


def test_draws_depend_on_seed_and_id_alone(parse):
    caption = "a man and a woman on a large couch near a small tv"
    chosen = {
        Reworder(["synonym"], seed=seed).positives(parse(caption), [])[0].caption
        for seed in range(20)
    }
    assert len(chosen) > 2
    again = Reworder(["synonym"], seed=3).positives(parse(caption), [])
    assert again == Reworder(["deletion", "synonym"], seed=3).positives(parse(caption), [])[-1:]


@pytest.fixture
def three(tmp_path):
    path = tmp_path / "c.jsonl"
    captions = ["A man rides a red horse", "somebody on a horse\nat the beach", "nothing here"]
    with path.open("w") as file:
        for number, caption in enumerate(captions):
            image = "a.jpg" if number < 2 else "b.jpg"
            file.write(json.dumps({"id": str(number), "image": image, "caption": caption}) + "\n")
    return path


def test_they_stand_in_the_records_only_where_asked_for(three, tmp_path):
    config = NegativesConfig(filler="corpus", positives=("deletion", "caption"), units=True)
    report = generate(three, tmp_path / "n.jsonl", config)
    first, second, third = read_records(tmp_path / "n.jsonl")
    # As they are, capitals and line ends too.
    assert [(p.kind, p.caption) for p in first.positives] == [
        ("caption", "somebody on a horse\nat the beach"),
        ("deletion", "A man rides a horse"),
    ]
    expected = ["A man rides a red horse", "somebody on a horse"]
    assert [p.caption for p in second.positives] == expected
    assert third.positives == ()
    assert report.positives == {"caption": 2, "deletion": 2}
    plain = NegativesConfig(filler="corpus")
    report = generate(three, tmp_path / "plain.jsonl", plain)
    text = (tmp_path / "plain.jsonl").read_text()
    assert "positives" not in text and "units" not in text and report.units == {}
    # No negatives are said to be none.
    assert text.splitlines()[2].endswith('"negatives": []}')


def test_all_is_every_kind_that_needs_no_language_model():
    expected = tuple(kind for kind in POSITIVE_KINDS if kind != "rewrite")
    assert NegativesConfig(positives=("all",)).positives == expected
