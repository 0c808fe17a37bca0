"""Masks from COCO's instance and panoptic files."""

import json
from dataclasses import replace

import numpy as np
import pytest
from photos import SIDE, job_of
from PIL import Image

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.imaging.base import Refusal, Settings, Target
from ahnpl_cli.imaging.locators.coco_index import Index, build_index, image_key

pytest.importorskip("pycocotools", reason="pip install '.[images]'")
from ahnpl_cli.imaging.locators.coco import CocoLocator, match  # noqa: E402


def target(noun):
    return Target(noun, noun, noun, "x", "x")


@pytest.fixture
def locator(photos, tmp_path):
    settings = Settings(photos, annotations=(photos / "instances.json",), cache=tmp_path)
    return CocoLocator(settings)


def locate(locator, record, photos, slot=0):
    image = ImageRef(photos / record.image).load()
    return locator.locate([(job_of(record, slot), image)])[0]


def test_the_mask_is_the_polygon_that_was_annotated(locator, record_of, photos):
    (mask,) = locate(locator, record_of(1), photos)
    expected = np.zeros(SIDE[::-1], bool)
    expected[30:90, 20:110] = True
    assert (mask != expected).mean() < 0.02


def test_two_nouns_have_two_masks(locator, record_of, photos):
    cat, dog = locate(locator, record_of(2), photos)
    assert cat[:, :70].any() and not cat[:, 80:].any()
    assert dog[:, 80:].any() and not dog[:, :80].any()


def test_one_car_said_and_two_seen_is_refused(locator, record_of, photos):
    assert locate(locator, record_of(4), photos) == Refusal("several instances")


def test_many_said_are_all_painted(locator, record_of, photos):
    record = replace(record_of(4), caption="red cars")
    job = replace(job_of(record_of(4)), record=record, targets=(target("cars"),))
    (mask,) = locator.locate([(job, ImageRef(photos / record.image).load())])[0]
    assert mask[:, :70].any() and mask[:, 80:].any()


def test_names_are_the_categories_of_the_image(locator):
    assert locator.names("images/000000000002.jpg") == {"cat", "dog"}
    assert locator.names("COCO_val2014_000000000002.jpg") == {"cat", "dog"}
    assert locator.names("images/unknown.jpg") == frozenset()


@pytest.mark.parametrize(
    ("noun", "category", "many"),
    [
        ("puppy", "dog", False),
        ("kittens", "cat", True),
        ("women", "person", True),
        ("men", "person", True),
        ("buses", "bus", True),
        ("ponies", "horse", True),
        ("sheep", "sheep", False),
        ("hot dog", "hot dog", False),
        ("old fire hydrant", "fire hydrant", False),
        ("double decker bus", "bus", False),
        ("wine glasses", "wine glass", True),
        ("ocean", "sea", False),
    ],
)
def test_caption_nouns_have_a_category(noun, category, many):
    assert match(target(noun))[:2] == (category, many)


def test_an_unknown_noun_has_none():
    assert match(target("happiness")) is None


def test_rle_of_both_kinds_is_decoded(tmp_path):
    from pycocotools import mask as coco

    drawn = np.zeros((6, 8), np.uint8, order="F")
    drawn[2:5, 3:7] = 1
    packed = coco.encode(drawn)
    counts, run, current = [], 0, 0
    for bit in drawn.flatten(order="F"):
        if bit != current:
            counts.append(run)
            run, current = 0, bit
        run += 1
    counts.append(run)
    outlines = [
        {"size": [6, 8], "counts": counts},
        {"size": [6, 8], "counts": packed["counts"].decode()},
    ]
    for number, outline in enumerate(outlines):
        path = tmp_path / f"{number}.json"
        note = {"image_id": 5, "category_id": 1, "iscrowd": 1, "segmentation": outline}
        image = {"id": 5, "file_name": "5.jpg", "height": 6, "width": 8}
        categories = [{"id": 1, "name": "person"}]
        path.write_text(
            json.dumps({"annotations": [note], "images": [image], "categories": categories})
        )
        locator = CocoLocator(Settings(tmp_path, annotations=(path,), cache=tmp_path))
        mask = locator._mask("5.jpg", target("people"), Image.new("RGB", (8, 6)))
        np.testing.assert_array_equal(mask, drawn.astype(bool))


def test_stuff_comes_from_the_panoptic_pictures(tmp_path):
    segments = np.zeros((6, 8, 3), np.uint8)
    segments[3:] = (2, 1, 0)  # segment 2 + 256
    (tmp_path / "panoptic_val2017").mkdir()
    Image.fromarray(segments).save(tmp_path / "panoptic_val2017" / "9.png")
    segment = {"id": 258, "category_id": 187, "iscrowd": 0, "area": 24}
    content = {
        "images": [{"id": 9, "file_name": "9.jpg", "height": 6, "width": 8}],
        "annotations": [{"image_id": 9, "file_name": "9.png", "segments_info": [segment]}],
        "categories": [{"id": 187, "name": "sky-other-merged"}],
    }
    path = tmp_path / "panoptic_val2017.json"
    path.write_text(json.dumps(content))
    locator = CocoLocator(Settings(tmp_path, annotations=(path,), cache=tmp_path))
    mask = locator._mask("9.jpg", target("sky"), Image.new("RGB", (8, 6)))
    assert mask[3:].all() and not mask[:3].any()


def test_the_file_is_indexed_once(photos, tmp_path):
    index = build_index(photos / "instances.json", tmp_path)
    made = index.stat().st_mtime_ns
    assert build_index(photos / "instances.json", tmp_path).stat().st_mtime_ns == made
    assert [thing.category for thing in Index(index).things("000000000002.jpg")] == ["cat", "dog"]


def test_a_file_without_things_is_refused(tmp_path):
    path = tmp_path / "captions.json"
    path.write_text('{"images": [], "annotations": []}')
    with pytest.raises(DataError, match="no annotated things. Name instances_"):
        build_index(path, tmp_path)
    assert not list((tmp_path / "coco").glob("*"))


def test_no_annotations_is_one_line(tmp_path):
    with pytest.raises(ConfigError, match="needs annotations"):
        CocoLocator(Settings(tmp_path))


def test_all_years_name_an_image_alike():
    assert image_key("COCO_val2014_000000000139.jpg") == image_key("val2017/000000000139.jpg")
