"""Models that find a phrase, small and random, loaded from folders as published ones are."""

from dataclasses import replace

import numpy as np
import pytest
from photos import RED, SIDE, draw_photo, job_of, replaced
from tiny_models import save_clipseg, save_grounding_dino, save_owlv2, save_sam2, save_sam3

from ahnpl_cli.errors import ConfigError, ModelError
from ahnpl_cli.imaging.base import Refusal, Settings
from ahnpl_cli.imaging.locators.grounded import GroundedLocator, _box_mask, _is_plural, _joined
from ahnpl_cli.records import CaptionRecord

SAVERS = {
    "clipseg": save_clipseg,
    "owlv2": save_owlv2,
    "dino": save_grounding_dino,
    "sam2": save_sam2,
    "sam3": save_sam3,
}


@pytest.fixture(scope="session")
def folders(tmp_path_factory):
    """Gives the folder of a tiny model."""
    root = tmp_path_factory.mktemp("locators")

    def of(name):
        if not (root / name).exists():
            SAVERS[name](root / name)
        return str(root / name)

    return of


def locator(folders, names, **options):
    models = tuple(folders(name) for name in names)
    return GroundedLocator(Settings(image_root=None, locator_model=models, **options))


def jobs(caption="red cars on a street"):
    noun = "cars" if "cars" in caption else "car"
    record = CaptionRecord("1", "x.jpg", caption, (replaced(caption, noun, "trucks", "object"),))
    images = [draw_photo([((20, 30, 110, 90), RED)]), draw_photo([]).resize((90, 130))]
    return [(job_of(record), image) for image in images]


# Random detectors find something everywhere when nothing is asked of their certainty.
@pytest.mark.parametrize(
    ("names", "threshold"),
    [
        (["clipseg"], 0.5),
        (["owlv2"], 0.0),
        (["owlv2", "sam2"], 0.0),
        (["dino"], 0.0),
        (["dino", "sam2"], 0.0),
        (["sam3"], 0.0),
    ],
)
def test_each_family_gives_masks_of_the_pictures_size(folders, names, threshold):
    found = locator(folders, names, threshold=threshold)
    for batch_size in (1, 4):
        found.batch_size = batch_size
        results = found.locate(jobs())
        for (_, image), masks in zip(jobs(), results, strict=True):
            if isinstance(masks, Refusal):
                assert masks.reason in ("too large", "too small", "not found")
            else:
                (mask,) = masks
                assert mask.shape == (image.height, image.width) and mask.dtype == bool
    assert found.info.name == "grounded" and folders(names[0]) in found.info.model


@pytest.mark.parametrize("names", [["owlv2"], ["sam3"], ["dino"]])
def test_certainty_that_nothing_has_finds_nothing(folders, names):
    results = locator(folders, names, threshold=1.0).locate(jobs())
    assert results == [Refusal("not found")] * 2


def test_several_found_and_one_said_is_refused(folders):
    results = locator(folders, ["owlv2"], threshold=0.0).locate(jobs("a red car on a street"))
    assert results[0] == Refusal("several instances")


def test_masks_are_joined_where_many_are_said():
    left, right = np.zeros((2, 10, 10), bool)
    left[:, :3], right[:, 6:] = True, True
    np.testing.assert_array_equal(_joined([left, right], many=True), left | right)
    assert _joined([left, right], many=False) == Refusal("several instances")
    assert _joined([], many=True) == Refusal("not found")


@pytest.mark.parametrize(
    ("noun", "many"), [("cars", True), ("people", True), ("glass", False), ("bus", False)]
)
def test_plurals(noun, many):
    assert _is_plural(noun) == many


def test_a_box_is_a_mask_inside_the_picture():
    import torch

    mask = _box_mask(draw_photo([]), torch.tensor([-5.0, 10.0, 20.0, 400.0]))
    assert mask.shape == SIDE[::-1] and mask[10:, :20].all() and mask.sum() == 110 * 20


def test_a_job_with_two_targets_has_two_masks(folders, record_of):
    found = locator(folders, ["clipseg"], threshold=0.5)
    job = job_of(record_of(2))
    one = replace(job, targets=job.targets[:1])
    image = draw_photo([])
    two_masks, one_mask = found.locate([(job, image), (one, image)])
    assert len(two_masks) == 2 and len(one_mask) == 1
    np.testing.assert_array_equal(two_masks[0], one_mask[0])


def test_what_finds_no_phrases_is_one_line(folders, transformers_folder, tmp_path):
    with pytest.raises(ModelError, match="a clip finds no phrases. Name SAM 3"):
        GroundedLocator(Settings(tmp_path, locator_model=(str(transformers_folder("clip")),)))
    with pytest.raises(ConfigError, match="the locator grounded needs a model"):
        GroundedLocator(Settings(tmp_path))
    with pytest.raises(ModelError, match="no such folder"):
        GroundedLocator(Settings(tmp_path, locator_model=(str(tmp_path / "gone"),)))
