"""Two things exchange their places."""

from dataclasses import replace

import numpy as np
import pytest

pytest.importorskip("cv2", reason="pip install '.[images]'")
from photos import (  # noqa: E402
    BLUE,
    CAT,
    DOG,
    RED,
    SIDE,
    draw_photo,
    exchanged,
    job_of,
)

from ahnpl_cli.imaging.base import Canvas, Refusal, Settings  # noqa: E402
from ahnpl_cli.imaging.painters.swap import Swap  # noqa: E402


def mask_of(box):
    mask = np.zeros(SIDE[::-1], bool)
    mask[box[1] : box[3], box[0] : box[2]] = True
    return mask


@pytest.fixture
def painter(tmp_path):
    return Swap(Settings(tmp_path))


@pytest.fixture
def canvas(record_of):
    image = draw_photo([(CAT, RED), (DOG, BLUE)])
    return Canvas(job_of(record_of(2)), image, (mask_of(CAT), mask_of(DOG)))


def middle(image, box):
    x, y = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
    return np.asarray(image)[y - 8 : y + 8, x - 8 : x + 8].reshape(-1, 3).mean(0)


def test_red_and_blue_change_places(painter, canvas):
    (picture,) = painter.paint([canvas])
    assert picture.size == SIDE
    left, right = middle(picture, CAT), middle(picture, DOG)
    assert left[2] > left[0] + 25 and right[0] > right[2] + 25


def test_restored_each_stays_where_it_was(painter, canvas):
    (picture,) = painter.paint([replace(canvas, restore=True)])
    left, right = middle(picture, CAT), middle(picture, DOG)
    assert left[0] > left[2] + 50 and right[2] > right[0] + 50


def test_far_from_both_the_picture_keeps_its_bytes(painter, canvas):
    (picture,) = painter.paint([canvas])
    np.testing.assert_array_equal(np.asarray(picture)[:15], np.asarray(canvas.image)[:15])


def test_things_that_overlap_or_differ_in_size_are_refused(painter, canvas):
    over = replace(canvas, masks=(mask_of(CAT), mask_of((12, 42, 62, 92))))
    tiny = replace(canvas, masks=(mask_of(CAT), mask_of((100, 40, 106, 46))))
    assert painter.paint([over, tiny]) == [Refusal("things overlap"), Refusal("sizes differ")]


def test_nouns_with_adjectives_are_refused_since_those_stay(painter, record_of):
    assert painter.refuses(job_of(record_of(2)), None) is None
    caption = "a gray cat beside a dog"
    record = replace(record_of(2), caption=caption, negatives=(exchanged(caption, "cat", "dog"),))
    assert painter.refuses(job_of(record), None) == "adjectives"
    assert painter.refuses(job_of(record_of(1)), None) == "no painter"
