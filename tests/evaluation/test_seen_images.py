"""Which photos of a test a model was trained on, by its run's own list."""

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from layouts import accuracy, draw, write_folders, write_karpathy, write_sugarcrepe

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.data.fingerprints import fingerprints, read_seen, write_seen
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import DataError
from ahnpl_cli.runs import IMAGES, INFO_FILE


@pytest.fixture
def run_folder(tmp_path, make_tiny) -> Path:
    """A run with a checkpoint, and no list of images yet."""
    folder = tmp_path / "runs" / "mine"
    save_checkpoint(folder / "last", make_tiny(1), extra={})
    (folder / "start.json").write_text("{}")
    (folder / "last" / INFO_FILE).write_text("{}")
    return folder


def remember(run_folder, *paths):
    refs = [ImageRef(path) for path in paths]
    write_seen(run_folder / IMAGES, refs, fingerprints(refs))


def test_a_copy_of_a_training_photo_is_known_by_its_bytes(tmp_path, run, run_folder, caplog):
    root = write_sugarcrepe(tmp_path / "d", n=6)
    trained = tmp_path / "photos" / "mine.jpg"
    trained.parent.mkdir()
    shutil.copy(root / "val2017" / "000000000001.jpg", trained)
    draw(tmp_path / "photos" / "other.jpg", "other")
    remember(run_folder, trained, tmp_path / "photos" / "other.jpg")
    report = run("sugarcrepe", root, checkpoint=(str(run_folder / "last"),))
    seen = report.models[0].seen["sugarcrepe"]
    # Photo 1 of three, and every third item of the seven files of six.
    assert (seen.images, seen.of_images, seen.items, seen.of_items) == (1, 3, 14, 42)
    assert (
        "sugarcrepe: mine was trained on 1 of its 3 images, which 14 of 42 items show (score "
        "without them: --leave-out-seen)"
    ) in caplog.text


def test_a_photo_of_coco_is_known_under_its_other_name(tmp_path, run, run_folder):
    root = write_sugarcrepe(tmp_path / "d", n=6)
    draw(tmp_path / "photos" / "COCO_val2014_000000000002.jpg", "saved again, other bytes")
    remember(run_folder, tmp_path / "photos" / "COCO_val2014_000000000002.jpg")
    report = run("sugarcrepe", root, checkpoint=(str(run_folder / "last"),))
    assert report.models[0].seen["sugarcrepe"].images == 1


def test_items_of_training_photos_are_left_out_on_request(
    tmp_path, run, run_folder, tiny_model_folder
):
    root = write_karpathy(write_sugarcrepe(tmp_path / "d", n=6))
    remember(run_folder, root / "val2017" / "000000000001.jpg")
    checkpoints = (str(tiny_model_folder), str(run_folder / "last"))
    report = run("sugarcrepe retrieval", root, checkpoint=checkpoints, leave_out_seen=True)
    for model in report.models:
        # The start has no list; it is scored on the same items all the same.
        rows = {row.name: row for row in model.suites["sugarcrepe"].subsets}
        assert rows["add_obj"].n == 4 and rows["add_obj"].total == 6
        assert model.suites["sugarcrepe"].headline == "macro_7"
    assert report.models[0].seen == {}
    notes = report.suites["sugarcrepe"].notes
    assert "1 images left out, since a model was trained on them" in notes
    # 000000000001.jpg of 2017 is COCO_val2014_000000000001.jpg of Karpathy's test.
    assert report.models[1].seen["retrieval"].images == 1
    assert report.models[1].suites["retrieval"].subsets[0].n == 3


def test_an_item_without_a_training_photo_is_scored_as_before(tmp_path, run, run_folder):
    root = write_sugarcrepe(tmp_path / "d", n=6)
    checkpoint = (str(run_folder / "last"),)
    before = run("sugarcrepe", root, checkpoint=checkpoint)
    remember(run_folder, root / "val2017" / "000000000001.jpg")
    run("sugarcrepe", root, checkpoint=checkpoint, leave_out_seen=True, force=True)
    lines = (tmp_path / "out" / "results.items.jsonl").read_text().splitlines()
    ids = {json.loads(line)["id"] for line in lines}
    assert len(ids) == 28 and before.models[0].seen == {}


@pytest.mark.parametrize("suite", ["zeroshot", "probe"])
def test_labeled_training_photos_are_left_out_but_a_probe_keeps_its_own(
    suite, tmp_path, run, run_folder
):
    home = write_folders(tmp_path / "d", train=6, test=4) / "pets"
    # Every image of one test class, and one that the probe learns from.
    of_dog = sorted((home / "test" / "dog").iterdir())
    learned = sorted((home / "train" / "horse").iterdir())[0]
    remember(run_folder, *of_dog, learned)
    checkpoint = (str(run_folder / "last"),)
    before = run(suite, home.parent, checkpoint=checkpoint).models[0]
    report = run(suite, home.parent, checkpoint=checkpoint, leave_out_seen=True, force=True)
    after = report.models[0]
    assert [model.suites[suite].subsets[0].n for model in (before, after)] == [10, 8]
    note = f"{len(of_dog)} images left out, since a model was trained on them"
    assert note in report.suites[suite].notes
    # The image that a probe learns from is no image of the test, whoever has seen it.
    seen = before.seen[suite]
    assert (seen.images, seen.of_images, seen.items, seen.of_items) == (2, 10, 2, 10)
    # Of both other classes; a class without an image has no share to be averaged.
    shares = [accuracy(report, suite, f"pets / {name}") for name in ("big cat", "horse")]
    averages = after.suites[suite].averages
    assert "pets_mean_per_class" in before.suites[suite].averages
    # A mean without one of its classes is no longer the mean per class.
    assert "pets_mean_per_class" not in averages
    assert averages["pets_mean_per_class_partial"] == pytest.approx(sum(shares) / 2)


@pytest.mark.parametrize("suite", ["zeroshot", "probe"])
def test_labels_of_which_every_image_was_seen_have_no_score(suite, tmp_path, run, run_folder):
    home = write_folders(tmp_path / "d", train=6, test=4) / "pets"
    write_sugarcrepe(tmp_path / "d", n=6)
    remember(run_folder, *sorted((home / "test").rglob("*.png")))
    checkpoint = (str(run_folder / "last"),)
    report = run(f"sugarcrepe {suite}", tmp_path / "d", checkpoint=checkpoint, leave_out_seen=True)
    assert all(row.n == 0 for row in report.models[0].suites[suite].subsets)


def test_without_a_list_nothing_is_said(tmp_path, run, caplog):
    root = write_folders(tmp_path / "d")
    assert run("zeroshot", root).models[0].seen == {}
    assert "trained on" not in caplog.text


def chosen(run_folder: Path, make_tiny, **recipe) -> str:
    best = run_folder / "best"
    save_checkpoint(best, make_tiny(1), extra={"recipe": recipe})
    return str(best)


@pytest.mark.parametrize(
    ("eval_half", "half", "words"),
    [
        (None, None, "was chosen on it, so that its number is better than on new items (report"),
        ("tuning", None, "was chosen on the tuning half of its items, so that"),
        ("tuning", "reported", None),
    ],
)
def test_a_checkpoint_that_was_chosen_on_a_suite_says_so_of_it_alone(
    eval_half, half, words, tmp_path, run, run_folder, make_tiny, caplog
):
    root = write_karpathy(write_sugarcrepe(tmp_path / "d", n=6))
    best = chosen(run_folder, make_tiny, eval_suites=["sugarcrepe"], eval_half=eval_half)
    run("sugarcrepe retrieval", root, checkpoint=(best,), half=half)
    said = [line for line in caplog.messages if "was chosen on" in line]
    if words is None:
        assert said == []
    else:
        (line,) = said
        assert line.startswith("sugarcrepe: mine/best") and words in line


def test_a_list_that_is_none_is_named(tmp_path):
    path = tmp_path / IMAGES
    path.write_text("no hex\n")
    with pytest.raises(DataError, match=r"images.txt:1: not a fingerprint"):
        read_seen(path)


def test_a_name_with_a_line_break_is_one_image(tmp_path):
    refs = [ImageRef(Path("a\nb.jpg")), ImageRef(Path("c.jpg"))]
    write_seen(tmp_path / IMAGES, refs, np.array([1, -2], np.int64))
    seen = read_seen(tmp_path / IMAGES)
    assert seen.fingerprints == {1, -2}
    assert seen.holds("x.jpg", -2) and not seen.holds("x.jpg", 3)
