"""The means over many classification sets that papers print, against plain loops."""

import random

import numpy as np
import pytest
from layouts import draw

from ahnpl_cli.evaluation.benchmarks import labeled_sets
from ahnpl_cli.evaluation.benchmarks.base import LoadOptions, LocalCopy
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.labeled_images import published_sets, read_prompts
from ahnpl_cli.evaluation.benchmarks.retention_sets import (
    known_set,
    known_sets,
    means_of,
    plain_name,
    retention_metrics,
)
from ahnpl_cli.evaluation.scoring.items import Verdict

NAMES = list(dict.fromkeys(known.name for known in known_sets().values()))


def test_the_sets_are_elevaters_twenty_and_imagenet_each_with_its_own_metric():
    assert len(NAMES) == 21 and NAMES[-1] == "imagenet-1k"
    by_metric: dict[str, set[str]] = {}
    for name in NAMES:
        by_metric.setdefault(known_set(name).metric, set()).add(name)
    # ELEVATER's toolkit: four by class, VOC by 11 points, memes by area, accuracy otherwise.
    assert by_metric["mean per class"] == {
        *("caltech-101", "fgvc-aircraft", "oxford-flower-102", "oxford-iiit-pets")
    }
    assert by_metric["mAP_11pt"] == {"voc-2007"} and by_metric["AUC"] == {"hateful-memes"}
    assert len(by_metric["accuracy"]) == 15


@pytest.mark.parametrize(
    ("name", "known"),
    [
        ("CIFAR10", "cifar-10"),
        ("cifar_100", "cifar-100"),
        ("Flowers102", "oxford-flower-102"),
        ("ImageNet", "imagenet-1k"),
        ("pets", None),
        ("my-own", None),
    ],
)
def test_a_set_is_known_by_its_name_whatever_the_spelling(name, known):
    found = known_set(name)
    assert (found.name if found else None) == known


def verdicts_of(name: str, rng: random.Random, classes: int = 3, n: int = 12) -> list[Verdict]:
    """Return verdicts as a task makes them: top-1 and class of one label, scores of several."""
    verdicts = []
    # Squares, so that classes are not of one size and their mean is not the accuracy.
    classes = 2 if name == "hateful-memes" else classes
    for i in range(n):
        key = f"{name}/{i}"
        if name == "voc-2007":
            scores = tuple(rng.random() for _ in range(classes))
            targets = tuple(int(rng.random() < 0.5) for _ in range(classes))
            verdicts.append(Verdict(key, key, {}, (), scores, targets))
            continue
        own, other = rng.random(), rng.random()
        right = own > other
        correct = {f"{name} top-1": right, f"{name} / class {i * i % classes}": right}
        verdicts.append(Verdict(key, key, correct, (), (own, other)))
    return verdicts


def by_hand(name: str, verdicts: list[Verdict]) -> float:
    """Return the metric of a set in percent by plain loops."""
    metric = known_set(name).metric
    if metric == "mAP_11pt":
        precisions = []
        for place in range(len(verdicts[0].targets)):
            rows = sorted(verdicts, key=lambda verdict: -verdict.scores[place])
            hits = [verdict.targets[place] for verdict in rows]
            points = []
            for level in range(11):
                best = 0.0
                for k in range(1, len(hits) + 1):
                    if 10 * sum(hits[:k]) >= level * sum(hits):
                        best = max(best, sum(hits[:k]) / k)
                points.append(best)
            precisions.append(sum(points) / 11)
        return 100 * sum(precisions) / len(precisions)
    right = [verdict.correct.get(f"{name} top-1") for verdict in verdicts]
    if metric == "accuracy":
        return 100 * sum(right) / len(right)
    classes = [next(key for key in verdict.correct if " / " in key) for verdict in verdicts]
    if metric == "mean per class":
        shares = []
        for label in set(classes):
            own = [ok for ok, other in zip(right, classes, strict=True) if other == label]
            shares.append(sum(own) / len(own))
        return 100 * sum(shares) / len(shares)
    # AUC: the share of pairs of both classes that the margin for class 0 orders rightly.
    margins = {"class 0": [], "class 1": []}
    for verdict, label in zip(verdicts, classes, strict=True):
        margin = verdict.scores[0] - verdict.scores[1]
        kind = label.rsplit(" / ", 1)[1]
        margins[kind].append(margin if kind == "class 0" else -margin)
    pairs = [a > b for a in margins["class 0"] for b in margins["class 1"]]
    return 100 * sum(pairs) / len(pairs)


def test_each_mean_is_of_every_set_by_its_own_metric():
    rng = random.Random(0)
    by_set = {name: verdicts_of(name, rng) for name in NAMES}
    every = [verdict for verdicts in by_set.values() for verdict in verdicts]
    values = {name: by_hand(name, verdicts) for name, verdicts in by_set.items()}
    derived = retention_metrics(every)
    assert derived["mean_21"].value == pytest.approx(sum(values.values()) / 21)
    twenty = [value for name, value in values.items() if name != "imagenet-1k"]
    assert derived["elevater_20"].value == pytest.approx(sum(twenty) / 20)
    assert derived["mean_21"].n == 21 * 12
    drawn = derived["mean_21"].draw(samples=50, seed=0)
    assert drawn.shape == (50,) and np.isfinite(drawn).all() and drawn.std() > 0


def test_a_mean_that_lacks_a_set_does_not_keep_its_name():
    assert list(means_of(NAMES)) == ["elevater_20", "mean_21"]
    assert list(means_of(NAMES[:-1])) == ["elevater_20", "mean_21_partial"]
    assert list(means_of(NAMES[1:])) == ["elevater_20_partial", "mean_21_partial"]
    assert means_of(["cifar10", "my-own"]) == {}


def test_sets_that_are_here_give_a_partial_mean_with_an_interval(tmp_path, run):
    root = tmp_path / "d"
    for name in ("cifar10", "mnist"):
        for label in ("cat", "dog"):
            for i in range(4):
                draw(root / name / "test" / label / f"{i}.png", (name, label, i))
    report = run("zeroshot", root)
    suite = report.models[0].suites["zeroshot"]
    rows = {row.name: row.accuracy for row in suite.subsets}
    expected = (rows["cifar10 top-1"] + rows["mnist top-1"]) / 2
    assert suite.values["elevater_20_partial"] == pytest.approx(expected)
    assert suite.headline == "macro_2_top1"
    low, high = suite.intervals["elevater_20_partial"]
    assert low <= expected <= high
    assert "mnist test images: 8 items; published: 10,000" in report.suites["zeroshot"].notes


# Of each set's own paper or label file.
CLASS_COUNTS = {
    **{"caltech-101": 102, "cifar-10": 10, "cifar-100": 100, "country211": 211, "dtd": 47},
    **{"eurosat": 10, "fer-2013": 7, "fgvc-aircraft": 100, "food-101": 101, "gtsrb": 43},
    **{"hateful-memes": 2, "kitti-distance": 4, "mnist": 10, "oxford-flower-102": 102},
    **{"oxford-iiit-pets": 37, "patch-camelyon": 2, "rendered-sst2": 2, "resisc45": 45},
    **{"stanford-cars": 196, "voc-2007": 20},
}

FER_FOLDERS = ("angry", "disgust", "fear", "happy", "neutral", "sad", "surprise")


def test_every_set_of_elevater_comes_with_its_class_names_and_prompts():
    sets = published_sets()
    assert set(sets) == set(NAMES) - {"imagenet-1k"}
    assert {name: len(published["classes"]) for name, published in sets.items()} == CLASS_COUNTS
    for published in sets.values():
        plain = {plain_name(name) for name in published["classes"]}
        # Folders are matched by letters and digits, which therefore have to tell classes apart.
        assert len(plain) == len(published["classes"])
        assert all(template.count("{}") == 1 for template in published["templates"])
        assert set(published.get("folders", {}).values()) <= set(published["classes"])


def prompts_of(name, class_ids, home):
    return read_prompts(name, home, class_ids, LoadOptions())


def test_folders_of_a_known_set_get_its_prompts_whatever_their_order(tmp_path):
    folders = ["SeaLake", "AnnualCrop", "Forest", "HerbaceousVegetation", "Highway"]
    folders += ["Industrial", "Pasture", "PermanentCrop", "Residential", "River"]
    prompts = prompts_of("EuroSAT", folders, tmp_path)
    assert prompts.classes[:3] == ("lake or sea", "annual crop land", "forest")
    assert prompts.templates[0] == "a centered satellite photo of {}."
    assert prompts.notes == ["class names and prompts (3) of CLIP's authors for eurosat"]


@pytest.mark.parametrize(
    ("name", "class_ids", "classes"),
    [
        ("gtsrb", [f"{i:05}" for i in range(43)], {14: "stop"}),
        ("flowers102", [str(i) for i in range(1, 103)], {0: "pink primrose", 72: "water lily"}),
        ("mnist", list("0123456789"), {7: "7"}),
        (
            "fer2013",
            ["angry", "disgust", "fear", "happy", "neutral", "sad", "surprise"],
            {1: "disgusted"},
        ),
    ],
)
def test_official_numbers_and_folders_mean_their_classes(name, class_ids, classes, tmp_path):
    prompts = prompts_of(name, class_ids, tmp_path)
    assert {number: prompts.classes[number] for number in classes} == classes


@pytest.mark.parametrize(
    ("name", "class_ids"),
    [
        # Numbers that copies give in different orders, a class less, a gap, two that are one.
        ("cifar100", [str(i) for i in range(100)]),
        ("cifar10", ["airplane", "automobile"]),
        ("gtsrb", [str(i) for i in range(42)] + ["77"]),
        ("rendered-sst2", ["Negative", "negative"]),
    ],
)
def test_classes_that_are_not_surely_those_of_the_set_keep_their_own_names(
    name, class_ids, tmp_path
):
    prompts = prompts_of(name, class_ids, tmp_path)
    assert prompts.classes == tuple(class_ids)
    assert prompts.templates == ("a photo of a {}.",)
    (note,) = prompts.notes
    assert note.startswith(f"its {len(class_ids)} classes are not, by name, the ")


def test_what_lies_beside_the_images_wins_over_published_prompts(tmp_path):
    (tmp_path / "templates.txt").write_text("my {}\n")
    prompts = prompts_of("sst2", ["negative", "positive"], tmp_path)
    assert prompts.templates == ("my {}",) and not prompts.notes


def test_a_folder_of_a_sets_name_is_read_with_its_prompts(tmp_path):
    for number, emotion in enumerate(FER_FOLDERS):
        draw(tmp_path / "FER2013" / "test" / emotion / "x.png", number)
    folders = DataFolders([tmp_path])
    copy = LocalCopy("zeroshot", folders, labeled_sets.find(folders), LoadOptions())
    (data,) = labeled_sets.read(copy)
    assert data.classes[:3] == ("angry", "disgusted", "fearful")
    assert len(data.templates) == 6
    assert copy.notes == ["FER2013: class names and prompts (6) of CLIP's authors for fer-2013"]
