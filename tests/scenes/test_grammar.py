"""English: agreement, articles and the forms that the templates give."""

import pytest

from ahnpl_cli.scenes.captions import (
    MentionRates,
    sample_captions,
    sample_description,
    sample_scene,
    true_relations,
)
from ahnpl_cli.scenes.grammar import Style, say
from ahnpl_cli.scenes.meanings import (
    Count,
    Description,
    Existence,
    Listing,
    Meaning,
    Placement,
    Quantity,
    Relation,
)
from ahnpl_cli.scenes.world import Appearance, Scene, is_held_out
from ahnpl_cli.stable_hash import stable_rng

RED = Description("circle", "red")
STAR = Description("star", size="small")
THERE = Style(prefix="there is ", variant=1)
CLAUSE = Style(prefix="there is ", clause=True, definite=True, variant=1)


@pytest.mark.parametrize(
    ("meaning", "style", "text"),
    [
        (Listing((RED, STAR)), THERE, "there is a red circle and a small star"),
        (Listing((RED, STAR)), CLAUSE, "the red circle and the small star"),
        (Listing((RED, STAR, RED)), Style(), "a red circle, a small star and a red circle"),
        (Listing((RED, STAR)), Style(variant=4), "a red circle with a small star"),
        (Relation(RED, "left of", STAR), THERE, "there is a red circle left of a small star"),
        (Relation(RED, "left of", STAR), CLAUSE, "the red circle is left of the small star"),
        (Placement(((RED, "on the left"),)), THERE, "there is a red circle on the left"),
        (Placement(((RED, "on the left"),)), Style(), "on the left there is a red circle"),
        (Placement(((RED, "at the top"),)), CLAUSE, "a red circle is at the top"),
        (Count(((RED, 3),)), THERE, "there are three red circles"),
        (Count(((RED, 1),)), THERE, "there is one red circle"),
        (
            Count(((RED, 1), (STAR, 2))),
            Style(digits=True, sentence=True),
            "Exactly 1 red circle and exactly 2 small stars.",
        ),
        (Quantity(RED, True), Style("here is "), "here are several red circles"),
        (Quantity(RED, False), Style("here is "), "here is a single red circle"),
        (
            Quantity(RED, True, beside=STAR),
            THERE,
            "there is a small star and a number of red circles",
        ),
        (Existence(STAR, False), Style(), "there is no small star"),
        (Existence(STAR, True), Style(variant=1), "there is a small star in the picture"),
        (Existence(STAR, False, beside=RED), Style(variant=1), "a red circle but no small star"),
    ],
)
def test_a_meaning_is_said_in_plain_english(meaning: Meaning, style: Style, text: str) -> None:
    assert say(meaning, style) == text


def test_every_training_caption_holds_and_together_they_name_everything() -> None:
    for index in range(150):
        rng = stable_rng("captions", index)
        scene = sample_scene(rng)
        captions = sample_captions(rng, scene, 3)
        assert not is_held_out(scene)
        assert all(caption.meaning.holds(scene) for caption in captions)
        assert len({caption.text for caption in captions}) == 3
        text = " ".join(caption.text for caption in captions).lower()
        for appearance in scene.appearances:
            assert all(
                word in text for word in (appearance.shape, appearance.color, appearance.size)
            ), text


def test_a_list_always_tells_colors_so_that_exchanged_nouns_make_it_false() -> None:
    for index in range(150):
        rng = stable_rng("lists", index)
        scene = sample_scene(rng)
        for caption in sample_captions(rng, scene, 3):
            if isinstance(caption.meaning, Listing):
                assert all(item.color for item in caption.meaning.items)


def test_true_relations_finds_every_pair_that_a_phrase_fits() -> None:
    appearances = (Appearance("circle", "red", "small"), Appearance("star", "blue", "small"))
    scene = Scene(appearances, ((16, 16), (48, 16)), "apart", 0)
    assert true_relations(scene, ("left of", "right of", "above")) == [
        (0, "left of", 1),
        (1, "right of", 0),
    ]


def test_a_description_mentions_what_the_rates_say() -> None:
    appearance = Appearance("circle", "red", "small")
    assert sample_description(stable_rng(0), appearance, MentionRates(1, 1)) == Description(
        "circle", "red", "small"
    )
    assert sample_description(stable_rng(0), appearance, MentionRates(0, 0)) == Description(
        "circle"
    )
