"""Scenes drawn again so that a negative becomes true."""

import pytest

from ahnpl_cli.scenes import captions, world
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.grammar import Style, say
from ahnpl_cli.scenes.meanings import Count, Description, Existence, Relation
from ahnpl_cli.scenes.parts import CAPTIONS_PER_IMAGE
from ahnpl_cli.scenes.redraw import redraw, training_scene
from ahnpl_cli.scenes.world import Appearance, Scene

RED_CIRCLE, BLUE_SQUARE = (
    Appearance("circle", "red", "large"),
    Appearance("square", "blue", "small"),
)
PAIR = Scene((RED_CIRCLE, BLUE_SQUARE), ((16, 16), (48, 16)), "apart", 5)
LEFT = Caption(
    Relation(Description("circle", "red"), "left of", Description("square", "blue")), Style()
)


@pytest.mark.parametrize(
    ("negative", "looks", "spots"),
    [
        (
            "a green circle left of a blue square",
            (Appearance("circle", "green", "large"), BLUE_SQUARE),
            PAIR.positions,
        ),
        (
            "a red star left of a blue square",
            (Appearance("star", "red", "large"), BLUE_SQUARE),
            PAIR.positions,
        ),
        (
            "a red square left of a blue circle",
            (Appearance("square", "red", "large"), Appearance("circle", "blue", "small")),
            PAIR.positions,
        ),
        (
            "a blue circle left of a red square",
            (Appearance("circle", "blue", "large"), Appearance("square", "red", "small")),
            PAIR.positions,
        ),
        ("a red circle right of a blue square", (BLUE_SQUARE, RED_CIRCLE), PAIR.positions),
    ],
)
def test_the_least_change_makes_the_negative_true(negative, looks, spots):
    scene = redraw(PAIR, LEFT, negative)
    assert (scene.appearances, scene.positions, scene.texture) == (looks, spots, PAIR.texture)


def test_a_negative_that_the_world_has_no_words_for_is_not_drawn():
    assert redraw(PAIR, LEFT, "a purple circle left of a blue square") is None
    assert redraw(PAIR, LEFT, "a red circle left of a blue square") is None


@pytest.mark.parametrize(("text", "number"), [("two red circles", 2), ("four red circles", 4)])
def test_things_are_taken_away_or_added(text, number):
    look = Appearance("circle", "red", "small")
    spots = tuple(world.GROUP_CELLS[:3])
    scene = Scene((look,) * 3, spots, "group", 1)
    caption = Caption(Count(((Description("circle", "red"), 3),)), Style())
    redrawn = redraw(scene, caption, text)
    assert redrawn.appearances == (look,) * number
    assert len(set(redrawn.positions)) == number


@pytest.mark.parametrize("variant", [0, 1])
def test_what_is_absent_comes_in(variant):
    meaning = Existence(Description("star"), False, beside=Description("circle", "red"))
    caption = Caption(meaning, Style(variant=variant))
    text = say(meaning, caption.style).replace("no star", "a star")
    redrawn = redraw(PAIR, caption, text)
    assert redrawn.appearances[:2] == PAIR.appearances
    assert redrawn.positions[:2] == PAIR.positions
    assert [appearance.shape for appearance in redrawn.appearances[2:]] == ["star"]


def test_two_lots_of_things_exchange_their_colors():
    three, two = Appearance("circle", "red", "small"), Appearance("star", "blue", "small")
    scene = Scene((three,) * 3 + (two,) * 2, tuple(world.GROUP_CELLS[:5]), "group", 1)
    counts = ((Description("circle", "red"), 3), (Description("star", "blue"), 2))
    redrawn = redraw(scene, Caption(Count(counts), Style()), "three blue circles and two red stars")
    assert [look.color for look in redrawn.appearances] == ["blue"] * 3 + ["red"] * 2


def test_what_is_drawn_holds_and_the_caption_does_not():
    for index in range(20):
        scene, texts = training_scene(0, index, CAPTIONS_PER_IMAGE)
        for caption in texts:
            for word in ("red", "blue"):
                changed = caption.text.replace(word, "green")
                redrawn = redraw(scene, caption, changed)
                if redrawn is not None:
                    assert not caption.meaning.holds(redrawn, loosely=True)
                    assert redrawn.texture == scene.texture


def test_the_training_scene_is_that_of_the_file(tmp_path):
    import numpy as np
    from PIL import Image

    from ahnpl_cli.scenes.generate import generate
    from ahnpl_cli.scenes.render import paint

    generate(tmp_path, train=3, test=1, seed=5, workers=1)
    scene, texts = training_scene(5, 2, CAPTIONS_PER_IMAGE)
    with Image.open(tmp_path / "images/000002.png") as file:
        drawn = np.asarray(file)
    np.testing.assert_array_equal(np.asarray(paint(scene)), drawn)
    assert len(texts) == CAPTIONS_PER_IMAGE and isinstance(texts[0], captions.Caption)
