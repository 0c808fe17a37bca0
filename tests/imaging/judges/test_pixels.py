"""How much of the region changed."""

import numpy as np
import pytest
from photos import job_of
from PIL import Image

from ahnpl_cli.imaging.base import Canvas, Settings
from ahnpl_cli.imaging.judges import Judgment, Painted
from ahnpl_cli.imaging.judges.pixels import PixelChange


@pytest.mark.parametrize(
    ("rows", "by", "judgment"),
    [
        # Deviation of two values is half of their distance: 21 levels are 10.5, above 10.
        (2, 21, Judgment({"changed": 20.0})),
        (1, 21, Judgment({"changed": 10.0}, "barely changed")),
        (10, 20, Judgment({"changed": 0.0}, "barely changed")),
    ],
)
def test_the_share_of_pixels_beyond_the_deviation_counts(record_of, rows, by, judgment):
    old = np.full((20, 10, 3), 100, np.uint8)
    new = old.copy()
    new[:rows] += by
    region = np.zeros((20, 10), bool)
    region[:10] = True
    canvas = Canvas(job_of(record_of(1)), Image.fromarray(old), (region,))
    judge = PixelChange(Settings(image_root=None))
    assert judge.judge([Painted(canvas, Image.fromarray(new), region)]) == [judgment]


@pytest.mark.parametrize(
    ("second", "varied", "reason"),
    [(160, 100.0, None), (121, 0.0, "variations look alike")],
)
def test_variations_of_one_thing_are_compared_with_each_other(record_of, second, varied, reason):
    old = np.full((20, 10, 3), 60, np.uint8)
    region = np.ones((20, 10), bool)
    # Two negatives of one record that exchange the same word, and one of another record.
    shown = [(record_of(1), 120), (record_of(1), second), (record_of(2), 120)]
    painted = []
    for record, level in shown:
        picture = Image.fromarray(np.full_like(old, level))
        canvas = Canvas(job_of(record), Image.fromarray(old), (region,))
        painted.append(Painted(canvas, picture, region))
    first, other, alone = PixelChange(Settings(image_root=None)).judge(painted)
    assert first == other == Judgment({"changed": 100.0, "varied": varied}, reason)
    assert alone == Judgment({"changed": 100.0})
