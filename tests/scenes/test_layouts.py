"""The files of a world: the authors' layouts, true captions and false foils, true pictures."""

import ast
import random
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from drawn import SEED, TEST, TRAIN, pixels, read, records

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks import benchmarks
from ahnpl_cli.evaluation.benchmarks.base import LoadOptions
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.scenes import render, sketches, suites_half_truths, suites_negbench
from ahnpl_cli.scenes.layouts import OFFICIAL_FILES, SUGARCREPE_PP
from ahnpl_cli.scenes.paraphrase import rephrase
from ahnpl_cli.scenes.parts import NEGATIVE_SUITES
from ahnpl_cli.scenes.suites import make_item
from ahnpl_cli.scenes.world import is_held_out
from ahnpl_cli.stable_hash import stable_rng


def test_training_captions_are_three_an_image_and_say_what_is_there(world: Path) -> None:
    lines = records(world, "captions.jsonl")
    assert [line["id"] for line in lines[:4]] == ["000000-0", "000000-1", "000000-2", "000001-0"]
    assert len(lines) == 3 * TRAIN
    for line in lines:
        assert set(line) == {"id", "image", "caption", "meta"}
        assert set(line["meta"]) == {"says", "scene", "things"}
        assert pixels(world / line["image"]).shape == (64, 64, 3)


KEYS = {
    "sugarcrepe": {"filename", "caption", "negative_caption"},
    "sugarcrepe_pp": {"id", "filename", "caption", "caption2", "negative_caption"},
    "bivlc": {"image", "caption", "negative_caption", "negative_image", "type", "subtype"},
    "visual_genome_relation": {"relation_name"},
    "visual_genome_attribution": {"attributes", "obj1_name", "obj2_name"},
    "aro": {
        *("image_id", "image_path", "bbox_x", "bbox_y", "bbox_w", "bbox_h"),
        *("true_caption", "false_caption"),
    },
    "valse": {
        *("dataset", "original_split", "dataset_idx", "linguistic_phenomena", "image_file"),
        *("caption", "mturk", "foil"),
    },
    "existence": {"answer", "classes", "classes_foil", "provenance_of_foils"},
    "counting-hard": {"answer", "classes", "classes_foil", "split"},
    "counting-small-quant": {"answer", "classes", "classes_foil", "split"},
    "counting-adversarial": {"answer", "classes", "classes_foil", "split"},
    "plurals": {"classes", "classes_foil", "foil_method", "grammaticality_scores", "nli_scores"},
    "relations": {"classes", "classes_foil", "foil_method", "grammaticality_scores", "nli_scores"},
    "actant-swap": {"classes", "classes_foil"},
    "foil-it": {"classes", "classes_foil"},
    "winoground": {
        *("id", "image_0", "image_1", "caption_0", "caption_1", "tag", "secondary_tag"),
        *("num_main_preds", "collapsed_tag"),
    },
}


@pytest.mark.parametrize("file", sorted({official.file for official in OFFICIAL_FILES}))
def test_records_have_the_authors_keys(world: Path, file: str) -> None:
    folder, stem = file.split("/")[0], Path(file).stem
    for record in records(world, file):
        assert set(record) == KEYS[folder] | KEYS.get(stem, set())


def test_a_second_caption_of_sugarcrepe_pp_says_the_same_in_other_words(world: Path) -> None:
    for suite in SUGARCREPE_PP:
        for index, record in enumerate(records(world, f"sugarcrepe_pp/{suite}.json")):
            item = make_item(suite, SEED, index, TEST)
            texts = {record["caption"], record["caption2"], record["negative_caption"]}
            assert len(texts) == 3
            assert (
                record["filename"] == records(world, f"sugarcrepe/{suite}.json")[index]["filename"]
            )
            again = rephrase(random.Random(index), item.caption)
            assert again.text != item.caption.text
            assert again.meaning.holds(item.scene)
            assert not again.meaning.holds(item.other, loosely=True)


def test_bivlc_groups_are_the_pairs_of_sugarcrepe_with_their_exact_image_negatives(
    world: Path,
) -> None:
    rows = records(world, "bivlc/BiVLC.csv")
    assert len(rows) == 7 * TEST
    for number, row in enumerate(rows):
        suite = f"{row['type']}_{row['subtype']}"
        index = number % TEST
        item = make_item(suite, SEED, index, TEST)
        assert (row["caption"], row["negative_caption"]) == (item.caption.text, item.foil.text)
        assert (world / "val2017" / row["image"]).is_file()
        shown = pixels(world / "bivlc/images" / row["negative_image"])
        assert (shown == pixels(render.paint(item.other))).all()


def test_negbench_questions_have_one_true_answer(world: Path) -> None:
    questions = records(world, suites_negbench.MCQ_FILE)
    scenes = records(world, suites_negbench.PLAIN_FILE)
    assert len(questions) == len(scenes) == TEST
    for question, scene in zip(questions, scenes, strict=True):
        assert question["correct_answer"] == "0"
        present = ast.literal_eval(scene["positive_objects"])
        absent = ast.literal_eval(scene["negative_objects"])
        answers = [question[f"caption_{i}"] for i in range(4)]
        assert [is_true(answer, present, absent) for answer in answers] == [True, *[False] * 3]
        image = question["image_path"].removeprefix("data/coco/images/")
        assert (world / image).is_file()
    templates = {question["correct_answer_template"] for question in questions}
    assert templates == {"positive", "hybrid", "negative"}


def is_true(answer: str, present: list[str], absent: list[str]) -> bool:
    """Whether every shape that is affirmed is there, and none that is denied."""
    text = answer.lower().rstrip(".")
    for shape in (*present, *absent):
        before = text.split(shape)[0] if shape in text else None
        if before is None:
            continue
        after = text.split(shape)[1]
        clause = before.rsplit(",", 1)[-1]
        is_denied = " no " in f" {clause}" or "not feature" in clause or after.startswith(" is not")
        if is_denied == (shape in present):
            return False
    return True


def test_negated_captions_deny_what_is_absent(world: Path) -> None:
    plain = records(world, suites_negbench.PLAIN_FILE)
    negated = records(world, suites_negbench.NEGATED_FILE)
    for row, denied in zip(plain, negated, strict=True):
        absent = ast.literal_eval(row["negative_objects"])
        captions = ast.literal_eval(row["captions"])
        for caption, longer in zip(captions, ast.literal_eval(denied["captions"]), strict=True):
            assert caption in longer
            assert any(f"no {shape}" in longer.replace(caption, "") for shape in absent)


def test_half_truths_are_true_but_for_their_last_detail(world: Path) -> None:
    rows = records(world, suites_half_truths.FILE)
    kinds = Counter(row["triplet_type"] for row in rows)
    assert set(kinds) == set(suites_half_truths.KINDS)
    for index, row in enumerate(rows):
        rng = stable_rng(SEED, "test", "half-truths", index)
        scene, again = suites_half_truths.sample(rng, index)
        assert again == row
        assert is_held_out(scene)
        texts = (row["anchor"], row["full_truth"], row["half_truth"])
        assert all(text.startswith(row["anchor"]) for text in texts)
        short, full, half = (len(text.split()) for text in texts)
        # "to the left of" and "left of" have opposites of their own length.
        assert short < full == half
        shown = pixels(world / suites_half_truths.image(index))
        assert abs(shown - pixels(render.paint(scene))).mean() < 4


def test_sketches_are_labeled_and_of_both_splits(world: Path) -> None:
    for name in sketches.LABELED_SETS:
        rows = records(world, f"sketches/{name}/labels.csv")
        assert Counter(row["split"] for row in rows) == {"test": TEST, "train": TEST}
        for row in rows:
            shown = pixels(world / "sketches" / name / row["filepath"])
            # Paper is light and gray; no scene's background is.
            assert shown[:4, :4].min() > 200
    assert records(world, "sketches/shapes/labels.csv")[2]["label"] == "square"
    assert records(world, "sketches/pairs/labels.csv")[0]["labels"].count(";") == 1


def test_no_training_caption_uses_the_words_of_sketches(world: Path) -> None:
    words = set(" ".join(row["caption"] for row in records(world, "captions.jsonl")).split())
    assert not words & {
        "sketch",
        "sketches",
        "drawing",
        "drawn",
        "outline",
        "ink",
        "paper",
        "house",
    }


def test_files_are_lists_or_keyed_as_the_authors_have_them(world: Path) -> None:
    assert list(read(world / "sugarcrepe/swap_obj.json")) == [str(i) for i in range(TEST)]
    assert isinstance(read(world / "aro/visual_genome_relation.json"), list)
    assert list(read(world / "valse/foil-it.json"))[0] == "foil-it_scenes_0"
    assert read(world / "valse/plurals.json")["plurals_scenes_0"]["mturk"]["caption"] == 3
    record = read(world / "coco_karpathy_test.json")[0]
    assert set(record) == {"image", "caption"} and len(record["caption"]) == 5
    assert (world / record["image"]).is_file()
    assert record["image"].startswith("val2014/COCO_val2014_0000")


@pytest.mark.parametrize(("suite", "folder"), [("swap_obj", "val2017"), ("foil-it", "val2014")])
def test_pictures_show_the_scene_that_the_caption_is_true_of(
    world: Path, suite: str, folder: str
) -> None:
    official = next(official for official in OFFICIAL_FILES if official.part == suite)
    for index in range(TEST):
        item = make_item(suite, SEED, index, TEST)
        (picture,) = official.pictures(index)
        assert picture.path.startswith(folder)
        shown = pixels(world / picture.path)
        assert abs(shown - pixels(render.paint(item.scene))).mean() < 4
        assert records(world, official.file)[index]["caption"] == item.caption.text


def test_only_the_box_of_an_aro_picture_tells_which_caption_is_true(world: Path) -> None:
    for index, record in enumerate(records(world, "aro/visual_genome_relation.json")):
        item = make_item("vg_relation", SEED, index, TEST)
        box = tuple(record[f"bbox_{key}"] for key in "xywh")
        path = world / "aro/images" / record["image_path"]
        crop = pixels(ImageRef(path, box).load())
        things = [thing for thing in item.scene.things if thing.appearance.shape != "ring"]
        for thing in things:
            color = np.asarray(render.RGB[thing.appearance.color])
            assert abs(crop[thing.y, thing.x] - color).max() < 30


def test_winoground_pictures_are_the_twins(world: Path) -> None:
    for index, record in enumerate(records(world, "winoground/examples.jsonl")):
        item = make_item("winoground", SEED, index, TEST)
        folder = world / "winoground/images"
        for name, scene in ((record["image_0"], item.scene), (record["image_1"], item.other)):
            shown = pixels(folder / f"{name}.png")
            assert (shown == pixels(render.paint(scene))).all()


def test_image_negatives_are_the_scene_redrawn_with_the_edit_of_the_caption(world: Path) -> None:
    # Nothing in the world is said with a verb that could be refilled.
    kinds = {"swap", "attribute", "object", "attribute_swap", "quantity", "spatial"}
    assert {kind for kind, _ in NEGATIVE_SUITES} == kinds
    lines = records(world, "image_negatives.jsonl")
    assert len(lines) == TEST
    for index, line in enumerate(lines):
        kind, suite = NEGATIVE_SUITES[index % len(NEGATIVE_SUITES)]
        item = make_item(suite, SEED, index, TEST, split="train", held_out=False)
        assert line["kind"] == kind
        assert (line["caption"], line["negative_caption"]) == (item.caption.text, item.foil.text)
        shown = [pixels(world / line[key]) for key in ("image", "negative_image")]
        assert (shown[0] == pixels(render.paint(item.scene))).all()
        assert (shown[1] == pixels(render.paint(item.other))).all()


LOADED = [
    *("sugarcrepe", "sugarcrepe++", "aro", "valse", "winoground", "retrieval"),
    *("zeroshot", "probe", "bivlc", "negbench", "negbench-retrieval", "half-truths"),
]


@pytest.mark.parametrize("name", LOADED)
def test_the_loaders_of_the_real_benchmarks_read_the_world(world: Path, name: str) -> None:
    (benchmark,) = benchmarks([name])
    shelf = DataFolders([world])
    options = LoadOptions(cache=world)
    suite = benchmark.load(benchmark.copy_of(shelf, benchmark.find(shelf), options))
    assert list(suite.task.missing) == []
    files = {
        "sugarcrepe": 7,
        "sugarcrepe++": 5,
        "aro": 2,
        "valse": 8,
        "winoground": 1,
        "retrieval": 1,
        "zeroshot": 6,
        "probe": 6,
        "bivlc": 1,
        "negbench": 1,
        "negbench-retrieval": 2,
        "half-truths": 1,
    }
    assert len(suite.files) >= files[name]
    images = list(suite.task.images())
    assert len(images) >= TEST
    assert all(ref.load().size == (64, 64) for ref in images)
