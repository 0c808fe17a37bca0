"""One color word for another, inside the mask."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cv2", reason="pip install '.[images]'")
from photos import RED, SIDE, draw_photo, job_of  # noqa: E402

from ahnpl_cli.imaging.base import Canvas, Refusal, Settings  # noqa: E402
from ahnpl_cli.imaging.painters.colors import GROUPS, anchors, looks_like, to_lab  # noqa: E402
from ahnpl_cli.imaging.painters.recolor import Recolor  # noqa: E402

BOX = (20, 30, 110, 90)


@pytest.fixture
def painter(tmp_path):
    return Recolor(Settings(tmp_path))


@pytest.fixture
def canvas(record_of):
    mask = np.zeros(SIDE[::-1], bool)
    mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    return Canvas(job_of(record_of(1)), draw_photo([(BOX, RED)]), (mask,))


def lab_of(image, mask):
    return to_lab(np.asarray(image, np.float32) / np.float32(255))[mask]


def test_the_thing_becomes_blue_and_the_rest_keeps_its_bytes(painter, canvas):
    (picture,) = painter.paint([canvas])
    (mask,) = canvas.masks
    assert looks_like(lab_of(picture, mask), "blue").mean() > 0.95
    np.testing.assert_array_equal(np.asarray(picture)[~mask], np.asarray(canvas.image)[~mask])


def test_light_and_shade_stay(painter, canvas):
    (picture,) = painter.paint([canvas])
    old, new = lab_of(canvas.image, canvas.masks[0]), lab_of(picture, canvas.masks[0])
    assert np.corrcoef(old[:, 0], new[:, 0])[0, 1] > 0.9


def test_restored_it_is_still_red(painter, canvas):
    (picture,) = painter.paint([replace(canvas, restore=True)])
    assert looks_like(lab_of(picture, canvas.masks[0]), "red").mean() > 0.95


def test_a_thing_of_another_color_is_refused(painter, canvas):
    green = replace(canvas, image=draw_photo([(BOX, (55, 140, 65))]))
    assert painter.paint([green]) == [Refusal("other color")]


def test_a_gray_photo_is_refused(painter, canvas):
    gray = replace(canvas, image=canvas.image.convert("L").convert("RGB"))
    assert painter.paint([gray]) == [Refusal("gray picture")]


def test_only_color_words_are_taken(painter, record_of):
    assert painter.refuses(job_of(record_of(1)), None) is None
    assert painter.refuses(job_of(record_of(1), slot=1), None) == "no painter"


def test_each_anchor_looks_like_itself():
    for name, lab in anchors().items():
        assert looks_like(lab[None], name).all(), name
    assert set(anchors()) == set(GROUPS)
