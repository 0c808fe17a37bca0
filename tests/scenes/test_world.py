"""Scenes: where things stand, and what is kept for testing."""

from dataclasses import replace

import pytest

from ahnpl_cli.scenes import world
from ahnpl_cli.scenes.edits import change, exchange
from ahnpl_cli.scenes.world import Appearance, Scene, is_held_out
from ahnpl_cli.stable_hash import stable_rng

CIRCLE, SQUARE = Appearance("circle", "red", "large"), Appearance("square", "blue", "small")


def test_a_thing_is_as_large_as_its_size_and_layout_say() -> None:
    few = Scene((CIRCLE, SQUARE), ((16, 47), (48, 47)), "apart", 0)
    many = replace(few, layout="group")
    assert [thing.radius for thing in few.things] == [14, 7]
    assert [thing.radius for thing in many.things] == [8, 5]
    assert [(thing.x, thing.y) for thing in few.things] == [(16, 47), (48, 47)]


def test_two_things_are_neighbors() -> None:
    for index in range(50):
        (ax, ay), (bx, by) = world.sample_apart(stable_rng(index), 2).positions
        assert (abs(ax - bx) > 16) != (abs(ay - by) > 16)


def test_things_of_a_group_are_smaller_so_that_nine_fit() -> None:
    scene = world.sample_group(stable_rng(0), 6, 3)
    assert len(set(scene.positions)) == 9
    assert {thing.radius for thing in scene.things} <= {5, 8}
    assert scene.appearances[:6] == (scene.appearances[0],) * 6
    assert scene.appearances[6] == scene.appearances[8] != scene.appearances[0]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_things_apart_differ_in_shape_and_color_and_stay_in_the_picture(count: int) -> None:
    for index in range(50):
        scene = world.sample_apart(stable_rng(index), count)
        assert len({appearance.shape for appearance in scene.appearances}) == count
        assert len({appearance.color for appearance in scene.appearances}) == count
        for thing in scene.things:
            assert thing.radius <= min(thing.x, thing.y)
            assert max(thing.x, thing.y) + thing.radius <= world.SIDE


def test_an_exchange_keeps_a_combination_on_its_side() -> None:
    for index in range(50):
        scene = world.sample_apart(stable_rng(index), 3)
        for part in ("shape", "color", "size"):
            assert is_held_out(exchange(scene, 0, 2, (part,))) == is_held_out(scene)


def test_one_combination_in_five_is_kept_for_testing() -> None:
    pairs = [
        Scene(
            (Appearance(s, c, "small"), Appearance(t, d, "small")), ((16, 16), (48, 16)), "apart", 0
        )
        for k, s in enumerate(world.SHAPES)
        for t in world.SHAPES[k + 1 :]
        for j, c in enumerate(world.COLORS)
        for d in world.COLORS[j + 1 :]
    ]
    kept = sum(is_held_out(scene) for scene in pairs)
    # 225 fair draws of 1 in 5: 45 with a standard deviation of 6.
    assert len(pairs) == 225 and 30 <= kept <= 60


def test_size_texture_and_place_do_not_decide_what_is_kept() -> None:
    scene = world.sample_apart(stable_rng(3), 2)
    moved = replace(change(scene, 0, size="small"), positions=scene.positions[::-1], texture=1)
    assert is_held_out(change(moved, 0, size="large")) == is_held_out(scene)
