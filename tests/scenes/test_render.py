"""Pixels: the same scene gives the same image, and an edit changes nothing but what it edits."""

import numpy as np
import pytest

from ahnpl_cli.scenes import render, world
from ahnpl_cli.scenes.edits import change, exchange
from ahnpl_cli.scenes.world import Appearance, Scene
from ahnpl_cli.stable_hash import stable_rng

SCENE = Scene(
    (Appearance("circle", "red", "small"), Appearance("star", "blue", "large")),
    ((16, 16), (48, 48)),
    "apart",
    5,
)


def test_the_same_scene_gives_the_same_pixels() -> None:
    assert render.paint(SCENE).tobytes() == render.paint(SCENE).tobytes()


def test_an_edit_leaves_every_pixel_away_from_the_edited_thing_as_it_was() -> None:
    before = np.asarray(render.paint(SCENE))
    after = np.asarray(render.paint(change(SCENE, 0, shape="square")))
    changed = np.argwhere((before != after).any(axis=2))
    assert len(changed) > 0
    assert changed.max() <= 16 + 7


def test_a_thing_has_its_color_in_the_middle() -> None:
    red, green, blue = np.asarray(render.paint(SCENE))[16, 16].tolist()
    assert red > 190 and green < 60 and blue < 60


def test_exchanged_colors_keep_their_shade() -> None:
    before = np.asarray(render.paint(SCENE))
    after = np.asarray(render.paint(exchange(SCENE, 0, 1, ("color",))))
    assert before[16, 16].tolist() == after[48, 48].tolist()
    assert before[48, 48].tolist() == after[16, 16].tolist()


def test_a_thing_at_the_edge_is_cut_off_there() -> None:
    scene = Scene((Appearance("square", "red", "large"),), ((2, 62),), "apart", 0)
    pixels = np.asarray(render.paint(scene))
    assert pixels.shape == (64, 64, 3)
    assert pixels[62, 2, 0] > 190


@pytest.mark.parametrize("shape", world.SHAPES)
def test_every_shape_fills_a_part_of_its_square(shape: str) -> None:
    mask = render.shape_mask(shape, 8)
    assert mask.shape == (17, 17)
    assert mask.min() == 0 and mask.max() == 1
    assert 0.25 < mask.mean() < 0.85


def test_shapes_look_different() -> None:
    masks = [render.shape_mask(shape, 8) for shape in world.SHAPES]
    for k, mask in enumerate(masks):
        assert all(abs(mask - other).mean() > 0.04 for other in masks[k + 1 :])


def test_quarters_show_four_scenes_where_their_boxes_say() -> None:
    scenes = [world.sample_apart(stable_rng(k), 1) for k in range(4)]
    image = np.asarray(render.paint_quarters(scenes))
    assert image.shape == (128, 128, 3)
    for k, scene in enumerate(scenes):
        (thing,) = scene.things
        row, column = 64 * (k // 2) + thing.y, 64 * (k % 2) + thing.x
        if thing.appearance.shape != "ring":
            expected = np.asarray(render.RGB[thing.appearance.color])
            assert abs(image[row, column] - expected).max() <= 11
