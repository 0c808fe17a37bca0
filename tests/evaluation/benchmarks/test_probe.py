"""The linear probe against scikit-learn on the plain loop's features."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from layouts import CLASSES, accuracy, draw, write_folders
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks.labeled_images import ClassData, LabeledImage
from ahnpl_cli.evaluation.benchmarks.probe import GRID, choose_c


def features(oracle, paths):
    return np.stack([oracle.image(path).numpy() for path in paths])


def test_a_single_label_probe_equals_scikit_learns_at_the_c_it_chose(tmp_path, run, oracle):
    root = write_folders(tmp_path / "d", train=8, test=5)
    report = run("probe", root)
    c = accuracy(report, "probe", "pets C")
    parts = {}
    for split in ("train", "test"):
        paths, labels = [], []
        for label, name in enumerate(CLASSES):
            found = sorted((root / "pets" / split / name).iterdir())
            paths += found
            labels += [label] * len(found)
        parts[split] = features(oracle, paths), np.array(labels)
    model = LogisticRegression(C=c, max_iter=1000).fit(*parts["train"])
    expected = 100 * model.score(*parts["test"])
    assert accuracy(report, "probe", "pets top-1") == pytest.approx(expected)


def test_a_multi_label_probe_is_one_regression_a_class(tmp_path, run, oracle):
    root = tmp_path / "d"
    lines, labels = ["filepath,label,split"], []
    for i in range(24):
        draw(root / "multi" / f"{i}.png", i)
        mine = [name for k, name in enumerate(("cat", "dog")) if (i >> k) & 1]
        labels.append([name in mine for name in ("cat", "dog")])
        lines.append(f"{i}.png,{';'.join(mine)},{'train' if i < 16 else 'test'}")
    (root / "multi" / "labels.csv").write_text("\n".join(lines))
    report = run("probe", root)
    c = accuracy(report, "probe", "multi C")
    x = features(oracle, [root / "multi" / f"{i}.png" for i in range(24)])
    y = np.array(labels)
    values = []
    for k in range(2):
        model = LogisticRegression(C=c, max_iter=1000).fit(x[:16], y[:16, k])
        values.append(average_precision_score(y[16:, k], model.decision_function(x[16:])))
    assert accuracy(report, "probe", "multi mAP") == pytest.approx(100 * np.mean(values))


def test_c_is_the_smallest_of_the_best_on_a_fifth_of_the_training_images():
    rng, names = np.random.default_rng(3), [f"{i}.png" for i in range(90)]
    labels = rng.integers(0, 3, size=90)
    centre = rng.normal(size=(3, 12))
    x = (centre[labels] + 1.5 * rng.normal(size=(90, 12))).astype(np.float32)
    known = dict(zip(names, x, strict=True))

    class Known:
        def images(self, refs):
            return np.stack([known[ref.path.name] for ref in refs])

    rows = [
        LabeledImage(name, ImageRef(Path(name)), (int(label),))
        for name, label in zip(names, labels, strict=True)
    ]
    held = np.array([hashlib.sha256(name.encode()).digest()[0] % 5 == 0 for name in names])
    quality = [
        LogisticRegression(C=c, max_iter=1000)
        .fit(x[~held], labels[~held])
        .score(x[held], labels[held])
        for c in GRID
    ]
    assert len(set(quality)) > 1 and quality[-1] < max(quality) > min(quality)
    data = ClassData("x", ("a", "b", "c"), ("{}",), test=(), train=rows, multi=False)
    assert choose_c(data, rows, Known()) == GRID[quality.index(max(quality))]


def test_without_training_images_there_is_nothing_to_probe(tmp_path, run):
    with pytest.raises(BenchmarkError) as error:
        run("probe", write_folders(tmp_path / "d"))
    assert str(error.value) == (
        "no training images of pets. Put training images into train/<class>/, or mark rows "
        "`train` in labels.csv."
    )
