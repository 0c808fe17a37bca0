"""The linear probe against scikit-learn on the plain loop's features."""

import numpy as np
import pytest
from layouts import accuracy, draw
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import average_precision_score
from test_zeroshot import CLASSES, write_folders

from ahnpl_cli.errors import BenchmarkError


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


def test_without_training_images_there_is_nothing_to_probe(tmp_path, run):
    with pytest.raises(BenchmarkError) as error:
        run("probe", write_folders(tmp_path / "d"))
    assert str(error.value) == (
        "no training images of pets. Put training images into train/<class>/, or mark rows "
        "`train` in labels.csv."
    )
