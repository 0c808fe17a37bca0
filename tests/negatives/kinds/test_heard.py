"""Kinds that rest on what captions say together: relation, addition, and refilled words."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from ahnpl_cli.negatives.candidates import Candidate, MaskedWord, ParsedCaption, Rejected
from ahnpl_cli.negatives.evidence import Corpus
from ahnpl_cli.negatives.kinds.addition import add_detail
from ahnpl_cli.negatives.kinds.negation import change_presence
from ahnpl_cli.negatives.kinds.order import shuffle_words
from ahnpl_cli.negatives.kinds.refill import best_valid
from ahnpl_cli.negatives.kinds.relation import change_relation
from ahnpl_cli.negatives.lexicon.concreteness import word_weights
from ahnpl_cli.negatives.seen_together import SMALL
from ahnpl_cli.negatives.statistics import Tally
from ahnpl_cli.records import apply_edits
from ahnpl_cli.stable_hash import RandomStream

WEIGH = word_weights("random", 1.0)
SEEDS = 80  # few captions have something added that makes them longer
# What the small world says, a line an image.
WORLD = (
    ("a man riding a horse on the sand", "a man is on a horse"),
    ("a man standing next to a horse", "a woman leading a horse"),
    ("a woman riding a horse near a fence", "a woman on a brown horse"),
    ("a man sitting on a bench next to a horse", "a man standing behind a bench"),
    ("a cat sleeping on a couch", "a black cat on a red couch"),
    ("a cat sitting under a couch and a vase", "a vase on a table next to a couch"),
    ("a dog and a cat on a bed", "a dog under a bed and a cat on a bed"),
    ("a woman holding an umbrella next to a bench", "a man holding an umbrella"),
    ("two dogs eating food on the sand", "a dog chasing a ball"),
    ("a boy eats a sandwich at a table", "a boy with a banana at a table", "a boy eats a hot dog"),
)


# Scenes of which each is an image.
SCENES = (
    *("a man riding a horse", "a man riding a skateboard", "a man walking down a street"),
    *("a man holding a phone", "a man flying a kite", "a man on a beach", "a dog on a beach"),
    *("a cat on a bed", "a cat on a couch", "a cat in a room", "a bed in a room", "a horse"),
    *("a bus on a street", "a bus in a station", "a bus on a street", "a truck walking on a hill"),
    *("a train in a station", "a train on a track", "a train on a track", "a dog and a kite"),
    *("a man sitting on a couch", "a bride and a skateboard", "a hand", "a phone"),
    "a man eating a cake",
)


@pytest.fixture(scope="module")
def corpus(parse: Callable[..., ParsedCaption]) -> Corpus:
    tally = Tally()
    parsed = [[parse(caption) for caption in captions] for captions in WORLD]
    for turn in range(SMALL // 10):
        for number, captions in enumerate(parsed):
            for caption in captions:
                tally.add(f"{turn}-{number}", caption.record.caption, caption.words)
    return Corpus(tally.statistics())


@pytest.fixture(scope="module")
def scenes(parse: Callable[..., ParsedCaption]) -> Corpus:
    return company_of(parse, list(SCENES))


def proposals(kind, caption: ParsedCaption, corpus: Corpus, seeds: int = 20):
    for seed in range(seeds):
        yield from kind(caption, RandomStream(seed), WEIGH, corpus)


def texts(kind, caption: ParsedCaption, corpus: Corpus, seeds: int = 20) -> set[str]:
    return {
        apply_edits(caption.record.caption, proposal.edits)
        for proposal in proposals(kind, caption, corpus, seeds)
        if isinstance(proposal, Candidate)
    }


def test_relations_become_what_is_said_between_such_things(parse, corpus):
    made = texts(change_relation, parse("A man riding a horse."), corpus)
    assert "A man standing next to a horse." in made and "A man leading a horse." in made
    # Nobody sleeps on a horse, and who rides it is on it.
    assert not {text for text in made if "sleep" in text or "on a horse" in text}


def test_the_edit_leaves_words_that_both_relations_share(parse, corpus):
    (caption, *_) = [parse("a woman sitting on a bench next to a horse")]
    edits = {
        edit.old
        for proposal in proposals(change_relation, caption, corpus)
        if isinstance(proposal, Candidate)
        for edit in proposal.edits
    }
    assert edits and not any(edit.endswith("bench") for edit in edits)


def test_what_another_caption_of_the_image_says_is_no_negative(parse, corpus):
    caption = parse("a man riding a horse")
    said = replace(caption, image_captions=("a man next to a horse", "a horse"))
    assert "a man standing next to a horse" in texts(change_relation, caption, corpus)
    assert "a man standing next to a horse" not in texts(change_relation, said, corpus)


def test_behind_a_negation_no_relation_is_changed(parse, corpus):
    made = set(proposals(change_relation, parse("there is no man riding a horse"), corpus))
    assert made == {Rejected("negated")}


def test_a_thing_is_added_that_goes_with_the_others_and_is_not_named(parse, corpus):
    made = texts(add_detail, parse("a cat sleeping on a couch"), corpus, SEEDS)
    assert any("bed" in text for text in made)
    assert not any("horse" in text for text in made)
    caption = parse("a cat sleeping on a couch", "bed")
    assert not any("bed" in text for text in texts(add_detail, caption, corpus, SEEDS))


def test_additions_take_the_place_of_a_detail(parse, corpus):
    made = texts(add_detail, parse("a woman holding an umbrella"), corpus, SEEDS)
    # What captions say of a woman, but the umbrella.
    assert "a woman riding a horse" in made
    # Nobody on a horse is beside the bench that others sit on.
    caption = parse("a woman holding an umbrella next to a bench")
    assert not texts(add_detail, caption, corpus, SEEDS)


def test_a_rare_attribute_is_added_where_another_caption_says_the_contrary(parse):
    cats = ["a brown cat on a couch"] * 59 + ["a black cat on a couch"]
    corpus = company_of(parse, cats)
    caption = parse("a cat sleeping on a couch", "white")
    said = replace(caption, image_captions=("a white cat on a couch",))
    made = texts(add_detail, said, corpus, SEEDS)
    assert "a black cat sleeping on a couch" in made
    # So many cats are brown that this one may be, for all that the caption tells.
    assert "a brown cat sleeping on a couch" not in made
    assert "a black cat sleeping on a couch" not in texts(add_detail, caption, corpus, SEEDS)
    # What is small may be black as well.
    caption = parse("a small cat sleeping on a couch", "white")
    said = replace(caption, image_captions=("a white cat on a couch",))
    assert "a black cat sleeping on a couch" not in texts(add_detail, said, corpus, SEEDS)


@pytest.mark.parametrize(
    ("caption", "never"),
    [
        # A train in a station is on a track, and in a room there are beds.
        ("a train in a station", "track"),
        ("a cat on a bed", "room"),
        # More is told of what is done: with whom, along what, with what in the hand.
        ("a man riding a horse and a dog", "kite"),
        ("a man holding a phone in his hand", "riding"),
        ("a man holding a phone while walking", "kite"),
        # Things do nothing, and no bus is seen on a hill.
        ("a bus on a street", "walking"),
        ("a bus on a street", "hill"),
        ("a bride and a man riding a horse", "skateboard"),
        # The man is on the street, and who eats may hold a phone.
        ("a man on a bus is on a street", "station"),
        ("a man eating a cake", "phone"),
        # Of what captions never name they cannot tell what goes with it.
        ("a llama next to a man riding a horse", "skateboard"),
    ],
)
def test_what_may_be_true_or_does_not_fit_the_rest_is_not_added(parse, scenes, caption, never):
    made = texts(add_detail, parse(caption), scenes, SEEDS)
    assert not any(never in text for text in made)


@pytest.mark.parametrize(
    ("caption", "expected"),
    [
        ("a man riding a horse", "a man riding a skateboard"),
        ("a man holding a phone", "a man flying a kite"),
        ("a cat on a bed", "a cat on a couch"),
        ("a bus on a street", "a bus in a station"),
        ("a man on a beach", "a man walking down a street"),
    ],
)
def test_what_nobody_does_or_is_in_as_well_is_added(parse, scenes, caption, expected):
    assert expected in texts(add_detail, parse(caption), scenes, SEEDS)


def test_a_place_becomes_another_with_its_article(parse, corpus):
    caption = parse("a woman holding an umbrella on the bench")
    made = texts(add_detail, caption, corpus, SEEDS)
    assert "a woman holding an umbrella riding the horse" not in made
    placed = parse("a cat sleeping on the couch")
    assert "a cat on the bed" in texts(add_detail, placed, corpus, SEEDS)
    # Sand is no thing that there is one of.
    assert not any("a sand" in text for text in made)


def test_who_works_on_a_thing_is_beside_it(parse, corpus):
    caption = parse("a man working on a horse")
    made = texts(change_relation, caption, corpus)
    assert not any(text.startswith("a man standing next to") for text in made)
    assert not any(text.startswith("a man next to") for text in made)


def test_presence_is_denied_and_affirmed(parse, corpus):
    made = texts(change_presence, parse("A cat sleeping on a couch."), corpus)
    assert "A cat sleeping on a couch. There is no cat." in made
    assert "A cat sleeping on a couch, with a vase in view." in made
    assert "a boy without a banana" in texts(change_presence, parse("a boy with a banana"), corpus)


def test_the_order_changes_and_no_word_is_lost(parse, corpus):
    made = texts(shuffle_words, parse("A cat sleeping on a couch."), corpus)
    assert len(made) > 3
    for text in made:
        words = ["A", "cat", "sleeping", "on", "a", "couch"]
        assert sorted(text.rstrip(".").split()) == sorted(words)


@pytest.mark.parametrize(
    ("caption", "index", "ranked", "expected"),
    [
        # Nobody leads a couch or a dog; a man sits on a bench, and does not lie there.
        ("a woman leading a horse", 4, ["couch", "dog"], []),
        ("a man standing on a bench", 2, ["sitting", "eating", "lying"], ["sitting"]),
        # Of what captions never name it cannot be told what may take its place.
        ("a woman leading a llama", 4, ["horse"], []),
        # A thing that has a color may have any, and no cat does; no bench here is made of anything.
        ("a cat on a red couch", 4, ["white", "blue"], ["white", "blue"]),
        ("a black cat on a couch", 1, ["white", "blue"], []),
        ("a wooden bench next to a horse", 1, ["metal", "plastic"], []),
        # A hot dog is no dog, and whatever a snack is, nobody sits it.
        ("a boy walking a small dog", 2, ["eating"], []),
        ("a man eating a snack", 2, ["sitting", "standing"], []),
    ],
)
def test_a_word_is_put_where_captions_say_such_words(
    parse, corpus, caption, index, ranked, expected
):
    masked = MaskedWord(parse(caption), index)
    valid, _ = best_valid(masked, [(word, 0.0) for word in ranked], 10, corpus)
    assert [word for word, _ in valid] == expected


@pytest.mark.parametrize(
    ("caption", "made"),
    [
        ("a man riding a horse", True),
        # More is told of what he rides, and where to.
        ("a man riding a horse and a donkey", False),
        ("a man riding a horse down a road", False),
        ("a man riding a horse in a race through the air", False),
        ("a man riding a horse on a motor cycle", False),
    ],
)
def test_a_relation_fits_what_else_is_told(parse, corpus, caption, made):
    others = texts(change_relation, parse(caption), corpus)
    assert any(text.startswith("a man standing next to a horse") for text in others) is made


def test_a_posture_is_exchanged_in_the_form_that_is_there(parse):
    corpus = company_of(parse, ["a dog sitting on a bed", "a dog standing on a bed", "a bed"])
    made = texts(change_relation, parse("a dog stands on a bed"), corpus)
    assert "a dog sits on a bed" in made


def test_likely_edits_are_more_plausible(corpus):
    def plausibility(new: str, gained: str | None = None) -> float:
        return corpus.plausibility("a man riding a horse", new, ("man",), "horse", gained)

    near = plausibility("a man standing next to a horse")
    assert near > plausibility("a man sleeping under a horse")
    assert near > plausibility("a horse riding a man")
    assert plausibility("a man riding a bench", "bench") > plausibility(
        "a man riding a sandwich", "sandwich"
    )


def company_of(parse: Callable[..., ParsedCaption], captions: list[str]) -> Corpus:
    """What a thousand images say together, each caption as often as the others."""
    tally = Tally()
    parsed = [parse(caption) for caption in captions]
    for image in range(SMALL):
        caption = parsed[image % len(parsed)]
        tally.add(str(image), caption.record.caption, caption.words)
    return Corpus(tally.statistics())


def test_company_goes_unsaid_but_not_where_everything_is_seen_with_everything(parse):
    rooms = ["a sink and a kettle", "a sink and a kettle", "a sink and a toaster"]
    rooms += [f"a {thing} and a lamp" for thing in ("toaster", "dishwasher", "blender", "mixer")]
    rooms += [f"a dog and a {thing}" for thing in ("ball", "cat", "bone", "stick", "frisbee")]
    kitchens = company_of(parse, rooms)
    is_usual = kitchens.usual(("sink",))
    assert is_usual("kettle") and not is_usual("dog")
    shapes = ("circle", "square", "triangle", "star", "heart")
    pairs = [f"a {one} and a {other}" for one in shapes for other in shapes if one != other]
    is_usual = company_of(parse, pairs).usual(("circle",))
    assert not any(map(is_usual, shapes))


def test_of_a_noun_that_does_much_a_verb_must_be_said_itself(parse):
    farm = ["a cow grazing in a field", "a cow standing in a field", "a dog running in a field"]
    farm += ["a dog sleeping in a barn", "a llama standing in a barn"]
    corpus = company_of(parse, farm)
    assert corpus.does("graze", "cow") and not corpus.does("graze", "dog")
    # Of what is hardly named, its group tells.
    assert corpus.does("graze", "goat") and not corpus.does("graze", "car")


def test_of_a_noun_that_is_much_described_an_adjective_must_be_said_itself(parse):
    described = ["a brown dog", "a black dog", "a white bird", "a pink bird", "a pink pig"]
    described += [
        "a pink flamingo",
        "a pink fish",
        "a red shirt",
        "a yellow banana",
        "a green pear",
    ]
    corpus = company_of(parse, described)
    assert "black" in corpus.adjectives("dog") and "pink" not in corpus.adjectives("dog")
    # What was made may have any color, what has grown its own.
    assert "purple" in corpus.adjectives("shirt") and "blonde" not in corpus.adjectives("shirt")
    assert "purple" not in corpus.adjectives("banana")


def test_a_relation_that_is_often_said_must_be_said_of_the_noun_itself(parse):
    tracks = ["a train driving down a track", "a bus driving down a street", "a car near a track"]
    tracks += ["a train near a street", "a bus and a track", "a tram near a bus"]
    corpus = company_of(parse, tracks)
    assert "train" in (corpus.heads_saying("driving down", "track") or ())
    assert "bus" not in (corpus.heads_saying("driving down", "track") or ("bus",))
    # Hardly ever said: nothing is known.
    assert corpus.heads_saying("driving over", "track") is None


def test_what_was_said_once_or_twice_may_be_a_slip(parse):
    captions = ["a man holding an umbrella"] * 499 + ["a man riding an umbrella"]
    corpus = company_of(parse, captions)
    assert ("hold", "") in corpus.acts("person", "umbrella")
    assert ("ride", "") not in corpus.acts("person", "umbrella")


def test_few_things_are_done_in_the_air(parse):
    captions = [
        "a man jumping in the air",
        "a man sitting in the sand",
        "a man floating in the air",
    ]
    masked = MaskedWord(parse("a man jumping in the air"), 2)
    ranked = [("sitting", 0.0), ("floating", -1.0)]
    valid, _ = best_valid(masked, ranked, 10, company_of(parse, captions))
    assert [word for word, _ in valid] == ["floating"]
