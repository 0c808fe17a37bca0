"""Truth: what holds of a scene strictly, and what is not even loosely true."""

import pytest

from ahnpl_cli.scenes.meanings import (
    OPPOSITES,
    PLACES,
    Count,
    Description,
    Existence,
    Listing,
    Meaning,
    Placement,
    Quantity,
    Relation,
)
from ahnpl_cli.scenes.world import Appearance, Scene

CIRCLE, SQUARE, STAR = Description("circle"), Description("square"), Description("star")
RED_CIRCLE = Appearance("circle", "red", "large")
BLUE_SQUARE = Appearance("square", "blue", "small")
WHITE_CIRCLE = Appearance("circle", "white", "small")

ROW = Scene((RED_CIRCLE, BLUE_SQUARE), ((16, 16), (48, 18)), "apart", 0)
DIAGONAL = Scene((RED_CIRCLE, BLUE_SQUARE), ((16, 16), (48, 48)), "apart", 0)
TWO_CIRCLES = Scene(
    (RED_CIRCLE, BLUE_SQUARE, WHITE_CIRCLE), ((16, 16), (48, 16), (16, 48)), "apart", 0
)
GROUP = Scene(
    (RED_CIRCLE,) * 3 + (BLUE_SQUARE,), ((11, 11), (32, 11), (53, 11), (11, 32)), "group", 0
)


@pytest.mark.parametrize(
    ("scene", "meaning", "strictly", "loosely"),
    [
        (ROW, Relation(CIRCLE, "left of", SQUARE), True, True),
        (ROW, Relation(SQUARE, "left of", CIRCLE), False, False),
        (ROW, Relation(SQUARE, "to the right of", CIRCLE), True, True),
        (ROW, Relation(CIRCLE, "above", SQUARE), False, True),
        # A diagonal is too doubtful to say, and too true to be a foil.
        (DIAGONAL, Relation(CIRCLE, "left of", SQUARE), False, True),
        (DIAGONAL, Relation(SQUARE, "left of", CIRCLE), False, False),
        (DIAGONAL, Relation(SQUARE, "below", CIRCLE), False, True),
        # One of two circles is enough.
        (TWO_CIRCLES, Relation(CIRCLE, "below", CIRCLE), True, True),
        (TWO_CIRCLES, Relation(Description("circle", "red"), "below", CIRCLE), False, False),
        (ROW, Listing((CIRCLE, SQUARE)), True, True),
        (ROW, Listing((CIRCLE, CIRCLE)), False, False),
        (TWO_CIRCLES, Listing((CIRCLE, CIRCLE)), True, True),
        (ROW, Listing((Description("circle", "blue"),)), False, False),
        (ROW, Listing((Description("circle", "red", "small"),)), False, False),
        (ROW, Placement(((CIRCLE, "on the left"),)), True, True),
        (ROW, Placement(((CIRCLE, "in the top left corner"),)), True, True),
        (ROW, Placement(((CIRCLE, "on the right"),)), False, False),
        (ROW, Placement(((CIRCLE, "on the left"), (SQUARE, "on the left"))), False, False),
        (GROUP, Count(((CIRCLE, 3),)), True, True),
        (GROUP, Count(((CIRCLE, 2),)), False, False),
        (GROUP, Count(((CIRCLE, 3), (SQUARE, 2))), False, False),
        (GROUP, Quantity(CIRCLE, True), True, True),
        (GROUP, Quantity(SQUARE, False), True, True),
        (GROUP, Quantity(SQUARE, False, beside=STAR), False, False),
        # Two are too few to be called several, and too many for that to be plainly wrong.
        (TWO_CIRCLES, Quantity(CIRCLE, True), False, True),
        (ROW, Existence(STAR, False), True, True),
        (ROW, Existence(STAR, True), False, False),
        (ROW, Existence(STAR, False, beside=STAR), False, False),
    ],
)
def test_truth_is_read_off_the_scene(
    scene: Scene, meaning: Meaning, strictly: bool, loosely: bool
) -> None:
    assert meaning.holds(scene) is strictly
    assert meaning.holds(scene, loosely=True) is loosely


def test_an_opposite_is_true_of_the_exchanged_things_and_of_them_alone() -> None:
    for phrase, opposite in OPPOSITES.items():
        scenes = (ROW, Scene(ROW.appearances, ((16, 16), (16, 48)), "apart", 0))
        for scene in scenes:
            there = Relation(CIRCLE, phrase, SQUARE)
            back = Relation(SQUARE, opposite, CIRCLE)
            assert there.holds(scene) == back.holds(scene)
            assert not (there.holds(scene) and Relation(CIRCLE, opposite, SQUARE).holds(scene))


def test_every_place_is_somewhere() -> None:
    assert all(sides != (0, 0) for sides in PLACES.values())
