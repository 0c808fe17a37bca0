"""Scenes: where things stand, what is kept for testing, and generators of their own."""

from dataclasses import replace

import pytest

from ahnpl_cli.scenes import world
from ahnpl_cli.scenes.edits import change, exchange
from ahnpl_cli.scenes.world import Look, Scene, held_out, stream

CIRCLE, SQUARE = Look("circle", "red", "large"), Look("square", "blue", "small")


def test_a_carried_thing_stands_on_the_one_below_it() -> None:
    scene = Scene((CIRCLE, SQUARE), ((16, 47), (16, 47)), "carry", 0)
    below, above = scene.things
    # 13 and 8 are the radii; the two overlap by 2 pixels, so that they touch whatever their shape.
    assert (below.x, below.y, below.radius) == (16, 47, 13)
    assert (above.x, above.y, above.radius) == (16, 47 - 13 - 8 + 2, 8)


def test_a_held_thing_is_small_and_in_the_middle_of_its_holder() -> None:
    outer, inner = Scene((CIRCLE, SQUARE), ((16, 16), (16, 16)), "hold", 0).things
    assert (outer.x, outer.y) == (inner.x, inner.y) == (16, 16)
    assert (outer.radius, inner.radius) == (15, 7)


def test_things_of_a_group_are_smaller_so_that_nine_fit() -> None:
    scene = world.draw_group(stream(0), 6, 3)
    assert len(set(scene.spots)) == 9
    assert {thing.radius for thing in scene.things} <= {5, 8}
    assert scene.looks[:6] == (scene.looks[0],) * 6
    assert scene.looks[6] == scene.looks[8] != scene.looks[0]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_things_apart_differ_in_shape_and_color_and_stay_in_the_picture(count: int) -> None:
    for index in range(50):
        scene = world.draw_apart(stream(index), count)
        assert len({look.shape for look in scene.looks}) == count
        assert len({look.color for look in scene.looks}) == count
        for thing in scene.things:
            assert thing.radius <= min(thing.x, thing.y)
            assert max(thing.x, thing.y) + thing.radius <= world.SIDE


def test_an_exchange_keeps_a_combination_on_its_side() -> None:
    for index in range(50):
        scene = world.draw_apart(stream(index), 3)
        for part in ("shape", "color", "size"):
            assert held_out(exchange(scene, 0, 2, (part,))) == held_out(scene)


def test_one_combination_in_five_is_kept_for_testing() -> None:
    pairs = [
        Scene((Look(s, c, "small"), Look(t, d, "small")), ((16, 16), (48, 16)), "apart", 0)
        for k, s in enumerate(world.SHAPES)
        for t in world.SHAPES[k + 1 :]
        for j, c in enumerate(world.COLORS)
        for d in world.COLORS[j + 1 :]
    ]
    kept = sum(held_out(scene) for scene in pairs)
    # 225 fair draws of 1 in 5: 45 with a standard deviation of 6.
    assert len(pairs) == 225 and 30 <= kept <= 60


def test_size_texture_and_place_do_not_decide_what_is_kept() -> None:
    scene = world.draw_apart(stream(3), 2)
    moved = replace(change(scene, 0, size="small"), spots=scene.spots[::-1], texture=1)
    assert held_out(change(moved, 0, size="large")) == held_out(scene)


def test_a_stream_depends_on_its_whole_key_alone() -> None:
    assert stream(1, "a").random() == stream(1, "a").random()
    # Without a separator these two keys would be one.
    assert stream(1, "1a").random() != stream(11, "a").random()
