"""Suites of one image and several captions, and of one caption and several images.

Plain loops by the authors' scripts, read in their repositories: `argmax` over the candidates, the
right one first (NegBench, What'sUp's `aro_datasets.py`, CoN-CLIP's README, `negrefcocog_eval.py`);
where that would give ties away, ours are strict.
"""

import csv
import json

import pytest
from layouts import accuracy, draw, dump
from PIL import Image
from suite_layouts import (
    SPEC_SUBSETS,
    write_cc_neg,
    write_csv,
    write_negated,
    write_negbench,
    write_negrefcocog,
    write_spec,
    write_svo,
    write_whatsup,
)

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.negrefcocog import read_box


def percent(values):
    return 100 * sum(values) / len(values)


def rows_of(path):
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_negbench_is_the_share_whose_first_caption_is_on_top(tmp_path, run, oracle):
    root = write_negbench(tmp_path / "d")
    report = run("negbench", root)
    means = []
    for data_set, name, folder in (
        ("COCO", "COCO_val", "val2017"),
        ("VOC2007", "VOC2007", "VOC2007/JPEGImages"),
    ):
        right = []
        by_template = {}
        for row in rows_of(root / "negbench" / f"{name}_mcq_llama3.1_rephrased.csv"):
            image = oracle.image(root / folder / row["image_path"].rsplit("/", 1)[1])
            scores = [oracle.score(image, row[f"caption_{k}"]) for k in range(4)]
            right.append(scores[0] > max(scores[1:]))
            by_template.setdefault(row["correct_answer_template"], []).append(right[-1])
        assert accuracy(report, "negbench", data_set) == pytest.approx(percent(right))
        for template, values in by_template.items():
            found = accuracy(report, "negbench", f"{data_set} {template}")
            assert found == pytest.approx(percent(values))
        means.append(percent(right))
    average = accuracy(report, "negbench", "macro_2_sets")
    assert average == pytest.approx(sum(means) / 2)


class Constant:
    """A model that sees no difference between any two texts, or any two images."""

    def encode_image(self, images):
        return [[1.0, 0.0]] * len(images)

    def encode_text(self, texts):
        return [[1.0, 0.0]] * len(texts)


@pytest.mark.parametrize(
    ("name", "write"),
    [("negbench", write_negbench), ("negrefcocog", write_negrefcocog), ("cc-neg", write_cc_neg)],
)
def test_an_answer_that_is_always_first_gives_no_tie_away(tmp_path, name, write):
    from ahnpl_cli.config import EvalConfig
    from ahnpl_cli.evaluation.run import evaluate

    root = write(tmp_path / "d")
    results = {}
    for tie in ("strict", "official"):
        config = EvalConfig(
            data=str(root), output=str(tmp_path / f"{tie}.json"), tie=tie, bootstrap=100
        )
        report = evaluate([name], config, models={"constant": Constant()})
        suite = report.models[0].suites[name]
        results[tie] = suite.headline_value
        assert all(row.ties == row.n for row in suite.subsets)
    # By `argmax` the first of equal ones wins: a model that knows nothing would be perfect.
    assert results == {"strict": 0.0, "official": 100.0}


def test_another_answer_than_the_first_is_still_the_right_one(tmp_path, run, oracle):
    root = write_negbench(tmp_path / "d")
    path = root / "negbench" / "COCO_val_mcq_llama3.1_rephrased.csv"
    rows = rows_of(path)
    moved = []
    for row in rows:
        captions = [row[f"caption_{k}"] for k in range(4)]
        captions = [*captions[1:3], captions[0], captions[3]]
        moved.append((row["image_path"], 2, *captions, row["correct_answer_template"]))
    before = accuracy(run("negbench", root), "negbench", "COCO")
    write_csv(path, list(rows[0]), moved)
    after = run("negbench", root, force=True)
    assert accuracy(after, "negbench", "COCO") == before


def test_negated_retrieval_stands_beside_plain_retrieval(tmp_path, run, oracle):
    root = write_negated(tmp_path / "d")
    report = run("negbench-retrieval", root)
    for part, name in (
        ("plain", "COCO_val_retrieval.csv"),
        ("negated", "COCO_val_negated_retrieval_llama3.1_rephrased_affneg_true.csv"),
    ):
        images = []
        queries = []
        for number, row in enumerate(rows_of(root / "negbench" / name)):
            images.append(oracle.image(root / "val2017" / row["filepath"].rsplit("/", 1)[1]))
            queries += [(number, text) for text in eval(row["captions"]) if text]
        hits = []
        for number, text in queries:
            scores = [oracle.score(image, text) for image in images]
            hits.append(max(scores) == scores[number] and scores.count(max(scores)) == 1)
        found = accuracy(report, "negbench-retrieval", f"{part} T2I R@1")
        assert found == pytest.approx(percent(hits)), part
    notes = report.suites["negbench-retrieval"].notes
    assert "negated: 1 empty caption left out" in notes
    headline = report.models[0].suites["negbench-retrieval"].headline
    assert headline == "negated_mean_r1"


def test_a_list_of_captions_is_read_and_never_run(tmp_path, run):
    root = write_negated(tmp_path / "d")
    path = root / "negbench" / "COCO_val_retrieval.csv"
    rows = rows_of(path)
    write_csv(path, ("filepath", "captions"), [(rows[0]["filepath"], "open('x', 'w')")])
    with pytest.raises(BenchmarkError, match=r"retrieval.csv:2: no list of captions"):
        run("negbench-retrieval", root)


def test_boxes_of_a_phrase_are_cropped_as_pillow_crops_them(tmp_path, run, oracle):
    root = write_negrefcocog(tmp_path / "d")
    report = run("negrefcocog", root)
    right = []
    for record in json.loads((root / "NegRefCOCOg.json").read_text()):
        scores = []
        for x, y, w, h in record["bbox_list"]:
            with Image.open(root / "train2014" / record["image"]) as photo:
                crop = photo.convert("RGB").crop((x, y, x + w, y + h))
            crop.save(tmp_path / "crop.png")
            scores.append(oracle.score(oracle.image(tmp_path / "crop.png"), record["phrase"]))
        right.append(scores[0] > scores[1])
    assert accuracy(report, "negrefcocog", "accuracy") == pytest.approx(percent(right))


def test_a_box_with_halves_has_pillows_corners():
    # Pillow rounds both corners, halves to even: 0.4 to 0, 2.2 to 2, 1.5 to 2.
    assert read_box([0.4, 1.5, 1.8, 2.2], "here") == (0, 2, 2, 2)
    with Image.new("RGB", (9, 9)) as picture:
        assert picture.crop((0.4, 1.5, 2.2, 3.7)).size == (2, 2)


def controlled(root, part, oracle):
    """Return whether each photo's first caption is on top, by set and place."""
    folder = {"A": "controlled_images", "B": "controlled_clevr"}[part]
    sets = {}
    for record in json.loads((root / "whatsup" / f"{folder}_dataset.json").read_text()):
        name = record["image_path"].rsplit("/", 1)[1]
        image = oracle.image(root / "whatsup" / folder / name)
        scores = [oracle.score(image, text) for text in record["caption_options"]]
        objects, place = name.split("_")[:2]
        sets.setdefault(objects, {})[place] = scores[0] > max(scores[1:])
    return sets


def test_whatsup_counts_photos_pairs_and_sets(tmp_path, run, oracle):
    root = write_whatsup(tmp_path / "d", sets=6)
    report = run("whatsup", root)
    opposites = {"A": ("on", "under"), "B": ("in-front", "behind")}
    for part in "AB":
        sets = controlled(root, part, oracle)
        photos = []
        pairs = []
        for places in sets.values():
            photos += places.values()
            for first, second in (("left", "right"), opposites[part]):
                pairs.append(places[first] and places[second])
        name = f"controlled {part}"
        assert accuracy(report, "whatsup", name) == pytest.approx(percent(photos))
        found = accuracy(report, "whatsup", f"{name} pairs")
        # pair_correct * 100 / (len / 2), set_correct * 100 / (len / 4) in evaluate_scores.
        assert found == pytest.approx(sum(pairs) * 100 / (len(photos) / 2))
        whole = sum(all(places.values()) for places in sets.values())
        found = accuracy(report, "whatsup", f"{name} sets")
        assert found == pytest.approx(whole * 100 / (len(photos) / 4))
    support = report.models[0].suites["whatsup"].support
    assert support["controlled A pairs"].n == 12 and support["controlled A pairs"].coverage == 100


def test_whatsups_photos_of_coco_and_gqa_have_two_captions(tmp_path, run, oracle):
    root = write_whatsup(tmp_path / "d")
    report = run("whatsup", root)
    for name, file, image in (
        ("COCO two", "coco_qa_two_obj.json", "val2017/{:012d}.jpg"),
        ("GQA one", "vg_qa_one_obj.json", "vg_images/{}.jpg"),
    ):
        right = []
        for number, true, false in json.loads((root / "whatsup" / file).read_text()):
            photo = oracle.image(root / "whatsup" / image.format(number))
            right.append(oracle.score(photo, true) > oracle.score(photo, false))
        assert accuracy(report, "whatsup", name) == pytest.approx(percent(right))


def test_spec_asks_both_ways_and_averages_over_subsets(tmp_path, run, oracle):
    root = write_spec(tmp_path / "d")
    report = run("spec", root)
    ways = {"I2T": [], "T2I": []}
    for subset in SPEC_SUBSETS:
        folder = root / "spec" / subset
        right = []
        for record in json.loads((folder / "image2text.json").read_text()):
            image = oracle.image(folder / record["query"])
            scores = [oracle.score(image, text) for text in record["keys"]]
            right.append(scores.index(max(scores)) == record["label"])
        ways["I2T"].append(percent(right))
        right = []
        for record in json.loads((folder / "text2image.json").read_text()):
            images = [oracle.image(folder / name) for name in record["keys"]]
            scores = [oracle.score(image, record["query"]) for image in images]
            right.append(scores.index(max(scores)) == record["label"])
        ways["T2I"].append(percent(right))
        assert accuracy(report, "spec", f"{subset} T2I") == pytest.approx(percent(right))
    for way, values in ways.items():
        assert accuracy(report, "spec", f"macro_6_{way}") == pytest.approx(sum(values) / 6)
    both = sum(sum(values) / 6 for values in ways.values()) / 2
    assert accuracy(report, "spec", "mean_both_ways") == pytest.approx(both)


def test_svo_probes_choose_an_image_by_what_is_changed(tmp_path, run, oracle):
    root = write_svo(tmp_path / "d")
    report = run("svo-probes", root)
    by_change = {"subject": [], "verb": [], "object": []}
    for row in rows_of(root / "svo" / "svo_probes.csv"):
        images = [
            oracle.image(root / "svo" / "images" / f"{row[f'{side}_image_id']}.jpg")
            for side in ("pos", "neg")
        ]
        scores = [oracle.score(image, row["sentence"]) for image in images]
        flags = (row["subj_neg"], row["verb_neg"], row["obj_neg"])
        change = list(by_change)[flags.index("True")]
        by_change[change].append(scores[0] > scores[1])
    for change, right in by_change.items():
        assert accuracy(report, "svo-probes", change) == pytest.approx(percent(right))


def test_cc_neg_is_read_from_a_table_and_its_pickle_is_refused(tmp_path, run, oracle):
    root = write_cc_neg(tmp_path / "d")
    report = run("cc-neg", root)
    right = []
    for row in rows_of(root / "ccneg" / "ccneg.csv"):
        image = oracle.image(root / "ccneg" / row["image"])
        right.append(
            oracle.score(image, row["caption"]) > oracle.score(image, row["negated_caption"])
        )
    assert accuracy(report, "cc-neg", "accuracy") == pytest.approx(percent(right))
    (root / "ccneg" / "ccneg.csv").unlink()
    path = root / "ccneg" / "ccneg_preprocessed.pt"
    path.write_bytes(b"\x80\x04.")
    with pytest.raises(BenchmarkError) as error:
        run("cc-neg", root)
    assert str(error.value) == (
        f"{path}: is pickled, and a pickle can run code. Write its pairs as ccneg.csv with the "
        "columns image, caption, negated_caption, on a machine where you trust the file."
    )


def test_a_file_of_another_layout_is_named_with_its_line(tmp_path, run):
    root = tmp_path / "d"
    draw(root / "val2017" / "1.jpg", 1)
    dump(root / "coco_qa_one_obj.json", [[1, "a", 2]])
    with pytest.raises(BenchmarkError, match=r"coco_qa_one_obj.json: 0: not \[id, caption"):
        run("whatsup", root)
    write_csv(root / "COCO_val_mcq_x.csv", ("image_path", "correct_answer"), [("1.jpg", 0)])
    with pytest.raises(BenchmarkError, match="no column correct_answer_template, caption_0"):
        run("negbench", root)
