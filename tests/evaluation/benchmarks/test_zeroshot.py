"""Zero-shot classification against a plain loop, in every layout."""

import json
from pathlib import Path

import numpy as np
import pytest
from layouts import CLASSES, accuracy, draw, dump, write_folders
from sklearn.metrics import average_precision_score, roc_auc_score

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError, ConfigError
from ahnpl_cli.evaluation.benchmarks.label_task import single_verdicts
from ahnpl_cli.evaluation.benchmarks.labeled_images import ClassData, LabeledImage
from ahnpl_cli.evaluation.benchmarks.object_labels import VOC_CLASSES
from ahnpl_cli.evaluation.benchmarks.zeroshot import class_weights
from ahnpl_cli.evaluation.output import load_report

TEMPLATES = ("a photo of a {}.", "one {} on a table")


def prompt_weights(oracle, names, templates):
    made = []
    for name in names:
        middle = sum(oracle.text(t.replace("{}", name)) for t in templates) / len(templates)
        made.append(middle / middle.norm())
    return made


def test_accuracies_of_class_folders_equal_those_of_the_plain_loop(tmp_path, run, oracle):
    root = write_folders(tmp_path / "d", test=6)
    (root / "pets" / "templates.txt").write_text("\n".join(TEMPLATES) + "\n")
    (root / "pets" / "classnames.txt").write_text("lion\ndog\nhorse\n")
    report = run("zeroshot", root)
    weights = prompt_weights(oracle, ("lion", "dog", "horse"), TEMPLATES)
    by_class = []
    for label, name in enumerate(CLASSES):
        paths = sorted((root / "pets" / "test" / name).iterdir())
        scores = [[float(oracle.image(path) @ w) for w in weights] for path in paths]
        by_class.append([int(np.argmax(line)) == label for line in scores])
    everything = [right for found in by_class for right in found]
    assert accuracy(report, "zeroshot", "pets top-1") == pytest.approx(100 * np.mean(everything))
    assert accuracy(report, "zeroshot", "pets_mean_per_class") == pytest.approx(
        100 * np.mean([np.mean(found) for found in by_class])
    )
    assert report.models[0].suites["zeroshot"].headline == "pets_mean_per_class"


def test_a_class_weight_is_the_mean_of_its_prompts_at_unit_length():
    """Prompts at (1, 0) and (0, 1): the weight is (1, 1) / sqrt(2)."""

    class Known:
        def texts(self, texts):
            rows = {"a cat": [1.0, 0.0], "one cat": [0.0, 1.0]}
            return np.array([rows[text] for text in texts], dtype=np.float32)

    data = ClassData("pets", ("cat",), ("a {}", "one {}"), test=(), train=(), multi=False)
    assert class_weights(data, Known()) == pytest.approx(np.array([[0.5**0.5, 0.5**0.5]]))


def test_the_fifth_is_among_the_top_five_and_the_sixth_is_not():
    names = tuple("abcdefg")
    data = ClassData("x", names, ("{}",), test=(), train=(), multi=False)
    rows = [LabeledImage(str(k), ImageRef(Path("i.png")), (k,)) for k in (0, 4, 5)]
    line = np.array([0.7, 0.6, 0.5, 0.4, 0.3, 0.2, 0.1], dtype=np.float32)
    found = list(single_verdicts(data, rows, np.stack([line] * 3)))
    assert [v.correct["x top-5"] for v in found] == [True, True, False]
    assert [v.correct["x top-1"] for v in found] == [True, False, False]
    assert found[0].scores == pytest.approx((0.7, 0.6))
    assert found[1].scores == pytest.approx((0.3, 0.7))


def test_folder_names_and_one_prompt_are_the_default_and_said(tmp_path, run):
    report = run("zeroshot", write_folders(tmp_path / "d"))
    assert "one prompt, 'a photo of a {}.', for pets" in report.suites["zeroshot"].notes
    names = [row.name for row in report.models[0].suites["zeroshot"].details]
    assert "pets / big cat" in names


def test_another_number_of_class_names_is_refused(tmp_path, run):
    root = write_folders(tmp_path / "d")
    path = root / "pets" / "classnames.txt"
    path.write_text("lion\ndog\n")
    with pytest.raises(BenchmarkError) as error:
        run("zeroshot", root)
    assert str(error.value) == f"{path}: 2 class names for 3 classes"


def test_a_file_of_names_or_prompts_that_is_not_there_is_not_passed_over(tmp_path, run):
    with pytest.raises(ConfigError) as error:
        run("zeroshot", write_folders(tmp_path / "d"), templates="nowhere.txt")
    assert str(error.value) == "nowhere.txt: --templates: no such file"


def write_csv(root):
    lines = ["filepath,label"]
    labels = ("cat;dog", "dog", "", "horse;cat", "horse", "dog;horse")
    for i, label in enumerate(labels):
        draw(root / "multi" / f"{i}.png", i)
        lines.append(f"{i}.png,{label}")
    (root / "multi" / "labels.csv").write_text("\n".join(lines))
    names = ("cat", "dog", "horse")
    return root, np.array([[name in label.split(";") for name in names] for label in labels])


def eleven_points(scores, on) -> float:
    order = np.argsort(-scores)
    points = []
    for level in range(11):
        found = [
            on[order[:k]].mean()
            for k in range(1, len(order) + 1)
            if 10 * on[order[:k]].sum() >= level * on.sum()
        ]
        points.append(max(found))
    return float(np.mean(points))


def test_both_maps_of_a_multi_label_csv_equal_plain_ones(tmp_path, run, oracle):
    root, on = write_csv(tmp_path / "d")
    report = run("zeroshot", root)
    weights = prompt_weights(oracle, ("cat", "dog", "horse"), ("a photo of a {}.",))
    images = [oracle.image(root / "multi" / f"{i}.png") for i in range(len(on))]
    scores = np.array([[float(image @ w) for w in weights] for image in images])
    expected = {
        "mAP": [average_precision_score(on[:, c], scores[:, c]) for c in range(3)],
        "mAP_11pt": [eleven_points(scores[:, c], on[:, c]) for c in range(3)],
        "AUC": [roc_auc_score(on[:, c], scores[:, c]) for c in range(3)],
    }
    for name, values in expected.items():
        found = accuracy(report, "zeroshot", f"multi {name}")
        assert found == pytest.approx(100 * np.mean(values))
    assert report.models[0].suites["zeroshot"].headline == "multi mAP"


def write_voc(root, n=6):
    home = root / "VOCdevkit" / "VOC2007"
    for number, name in enumerate(VOC_CLASSES):
        lines = []
        for i in range(n):
            draw(home / "JPEGImages" / f"{i:06d}.jpg", i)
            value = 1 if i == number % n else 0 if i == (number + 1) % n else -1
            lines.append(f"{i:06d} {value:2d}")
        path = home / "ImageSets" / "Main" / f"{name}_test.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("\n".join(lines) + "\n")
    return root


def test_difficult_objects_of_voc_count_as_asked(tmp_path, run, oracle):
    root = write_voc(tmp_path / "d")
    weights = prompt_weights(oracle, VOC_CLASSES, ("a photo of a {}.",))
    folder = root / "VOCdevkit" / "VOC2007" / "JPEGImages"
    images = [oracle.image(path) for path in sorted(folder.iterdir())]
    for difficult in ("positive", "negative", "ignore"):
        values = []
        for number, weight in enumerate(weights):
            scores = np.array([float(image @ weight) for image in images])
            on = np.zeros(6, dtype=bool)
            on[number % 6] = True
            if difficult == "positive":
                on[(number + 1) % 6] = True
            keep = np.ones(6, dtype=bool)
            keep[(number + 1) % 6] = difficult != "ignore"
            values.append(average_precision_score(on[keep], scores[keep]))
        report = run("zeroshot", root, difficult=difficult, force=True)
        found = accuracy(report, "zeroshot", "voc2007 mAP")
        assert found == pytest.approx(100 * np.mean(values))


def test_coco_images_without_an_object_stay_as_rows_of_zeros(tmp_path, run):
    root = tmp_path / "d"
    images, annotations = [], []
    for i in range(5):
        draw(root / "val2017" / f"{i:012d}.jpg", i)
        images.append({"id": 10 * i, "file_name": f"{i:012d}.jpg"})
        if i != 3:
            annotations.append({"image_id": 10 * i, "category_id": (1, 90)[i % 2]})
    categories = [{"id": 90, "name": "toothbrush"}, {"id": 1, "name": "person"}]
    tree = {"images": images, "annotations": annotations, "categories": categories}
    dump(root / "annotations" / "instances_val2017.json", tree)
    report = run("zeroshot", root)
    assert report.suites["zeroshot"].counts[0]["found"] == 5
    assert accuracy(report, "zeroshot", "coco-val2017 mAP") is not None


def test_two_models_are_compared_on_single_labels(tmp_path, run, tiny_model_folder):
    report = run(
        "zeroshot", write_folders(tmp_path / "d"), checkpoint=(str(tiny_model_folder),) * 2
    )
    rows = {row.name: row for row in report.comparisons[0].differences}
    assert rows["pets top-1"].difference == 0 and not rows["pets top-1"].significant
    assert json.loads((tmp_path / "out" / "results.json").read_text())["kind"] == "ahnpl eval"


def test_a_map_without_a_positive_is_no_number_and_can_be_read_again(tmp_path, run):
    """No test image shows what both classes are; JSON has null there."""
    root = tmp_path / "d"
    lines = ["filepath,labels,split"]
    for i in range(4):
        draw(root / "multi" / f"{i}.png", i)
        lines.append(f"{i}.png,{'cat;dog' if i < 2 else ''},{'train' if i < 2 else 'test'}")
    (root / "multi" / "labels.csv").write_text("\n".join(lines))
    report = run("zeroshot", root)
    suite = report.models[0].suites["zeroshot"]
    again = load_report(tmp_path / "out" / "results.json").models[0].suites["zeroshot"]
    assert np.isnan(suite.values["multi mAP"]) and np.isnan(again.values["multi mAP"])
    assert np.isnan(again.headline_value) and np.isnan(again.intervals["multi mAP"]).all()


def test_a_mean_per_class_without_a_class_is_partial(tmp_path, run):
    root = tmp_path / "d"
    lines = ["filepath,label"]
    for number, label in enumerate(("cat", "dog", "horse") * 2):
        lines.append(f"{number}.png,{label}")
        # No photo of a dog is here.
        if label != "dog":
            draw(root / "pets" / f"{number}.png", f"{label} {number}")
    (root / "pets" / "labels.csv").write_text("\n".join(lines))
    suite = run("zeroshot", root, allow_missing=True).models[0].suites["zeroshot"]
    assert "pets_mean_per_class_partial" in suite.averages
    assert "pets_mean_per_class" not in suite.averages
