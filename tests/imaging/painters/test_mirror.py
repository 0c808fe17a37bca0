"""The flipped photo, and when it would give itself away."""

from dataclasses import replace

import numpy as np
import pytest
from photos import draw_photo, job_of, replaced

from ahnpl_cli.imaging.base import Canvas, Settings
from ahnpl_cli.imaging.painters.mirror import Mirror


@pytest.fixture
def painter(tmp_path):
    return Mirror(Settings(tmp_path))


def test_the_picture_is_flipped_exactly(painter, record_of):
    image = draw_photo([((10, 20, 50, 80), (200, 30, 30))])
    (picture,) = painter.paint([Canvas(job_of(record_of(3)), image)])
    np.testing.assert_array_equal(np.asarray(picture), np.asarray(image)[:, ::-1])


@pytest.mark.parametrize(
    ("caption", "old", "new", "names", "reason"),
    [
        ("a dog left of a cat", "left of", "right of", None, None),
        ("a dog on the left of a lawn", "on the left of", "on the right of", {"dog"}, None),
        ("a dog above a cat", "above", "below", None, "no painter"),
        ("a left dog and a cat on the right", "left", "right", None, "two sides"),
        ("a sign left of a door", "left of", "right of", None, "lettering"),
        ("a man left of a door", "left of", "right of", {"clock"}, "lettering"),
    ],
)
def test_it_is_refused_where_a_mirror_shows(painter, record_of, caption, old, new, names, reason):
    negative = replaced(caption, old, new, "spatial")
    record = replace(record_of(3), caption=caption, negatives=(negative,))
    known = None if names is None else frozenset(names)
    assert painter.refuses(job_of(record), known) == reason
