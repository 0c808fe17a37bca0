"""Class folders and labels as people have them: splits, order, encodings, left-over files."""

from pathlib import Path

import numpy as np
import pytest
from layouts import draw, write_folders

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks import labeled_sets
from ahnpl_cli.evaluation.benchmarks.base import LoadOptions, LocalCopy
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.evaluation.benchmarks.label_task import single_verdicts, tops
from ahnpl_cli.evaluation.benchmarks.labeled_images import ClassData, LabeledImage


def read(root: Path) -> list[ClassData]:
    folders = DataFolders([root])
    files = labeled_sets.find(folders)
    return labeled_sets.read(LocalCopy("zeroshot", folders, files, LoadOptions()))


def write_labels(root: Path, *lines: str, encoding: str = "utf-8", end: str = "\n") -> Path:
    folder = root / "set"
    folder.mkdir(parents=True)
    for i in range(12):
        draw(folder / f"{i}.png", i)
    (folder / "labels.csv").write_bytes((end.join(lines) + end).encode(encoding))
    return folder / "labels.csv"


def rows(*labels: str, head: str = "filepath,label") -> list[str]:
    return [head, *(f"{i}.png,{label}" for i, label in enumerate(labels))]


def test_hidden_folders_and_what_systems_leave_are_no_classes_and_no_images(tmp_path):
    home = write_folders(tmp_path, test=2) / "pets" / "test"
    draw(home / ".ipynb_checkpoints" / "x.png", 1)
    draw(home / "__MACOSX" / "x.png", 1)
    (home / "dog" / "._dog.png").write_bytes(b"\0\5\26\7")
    (home / "dog" / "Thumbs.db").write_bytes(b"x")
    (data,) = read(tmp_path)
    assert data.classes == ("big cat", "dog", "horse")
    assert len(data.test) == 5


def test_numbered_folders_stand_in_the_order_of_their_numbers(tmp_path):
    for i in range(12):
        draw(tmp_path / "digits" / "test" / str(i) / "x.png", i)
    names = [f"number {i}" for i in range(12)]
    (tmp_path / "digits" / "classnames.txt").write_text("\n".join(names))
    (data,) = read(tmp_path)
    label = {row.id.split("/")[0]: data.classes[row.labels[0]] for row in data.test}
    assert label == {str(i): f"number {i}" for i in range(12)}


def test_a_class_of_one_split_stays_a_candidate_and_is_named(tmp_path):
    write_folders(tmp_path, train=4, test=4)
    draw(tmp_path / "pets" / "train" / "zebra" / "z.png", 1)
    draw(tmp_path / "pets" / "test" / "ant" / "a.png", 1)
    (data,) = read(tmp_path)
    assert data.classes == ("ant", "big cat", "dog", "horse", "zebra")
    assert data.notes == [
        "classes without a test image: zebra",
        "classes without a training image: ant",
    ]


def test_a_folder_without_an_image_is_named(tmp_path):
    (write_folders(tmp_path) / "pets" / "test" / "zebra").mkdir()
    (data,) = read(tmp_path)
    assert data.notes == ["folders without an image are no classes: zebra"]


def test_two_sets_in_folders_of_one_name_have_their_parents_names(tmp_path):
    for name in ("shapes", "colors"):
        draw(tmp_path / name / "images" / "test" / "a" / "x.png", name)
        draw(tmp_path / name / "images" / "test" / "b" / "x.png", name)
    assert sorted(data.name for data in read(tmp_path)) == ["colors-images", "shapes-images"]


def test_a_folder_that_two_roots_lead_to_is_read_once(tmp_path, monkeypatch):
    write_folders(tmp_path / "data")
    monkeypatch.chdir(tmp_path)
    folders = DataFolders([Path("data"), tmp_path / "data"])
    assert list(labeled_sets.find(folders)) == ["folders:pets"]


@pytest.mark.parametrize("marks", [("train", "val", "test"), ("Train", "Validation", "TEST")])
def test_splits_are_read_as_files_name_them(tmp_path, marks):
    lines = ["filepath,label,split"]
    lines += [f"{i}.png,{'ab'[i % 2]},{marks[i // 4]}" for i in range(12)]
    write_labels(tmp_path, *lines)
    (data,) = read(tmp_path)
    assert [row.id for row in data.test] == ["8.png", "9.png", "10.png", "11.png"]
    assert [row.id for row in data.train] == ["0.png", "1.png", "2.png", "3.png"]
    assert data.notes == ["4 rows of the split val left out"]


def test_val_is_reported_on_where_there_is_no_test(tmp_path):
    lines = ["filepath,label,split"]
    lines += [f"{i}.png,{'ab'[i % 2]},{('train', 'val')[i // 6]}" for i in range(12)]
    write_labels(tmp_path, *lines)
    (data,) = read(tmp_path)
    assert (len(data.test), len(data.train)) == (6, 6)


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["filepath,label,split", "0.png,a,tset"], r"labels.csv:2: no split is called 'tset'"),
        (["filepath,label,split", "0.png,a,train"], r"labels.csv: no row of a test split"),
        (rows("a", "", "b"), r"labels.csv:3: no label. Call the column `labels`"),
        (rows("a", "b", "a;b", "b", "a"), r"labels.csv:4: 2 labels, where most rows have one"),
        (["filepath,label,split", "0.png,a,test", "1.png"], r"labels.csv:3: not 3 cells"),
        (["filepath,label", "0.png,a,b"], r"labels.csv:2: not 2 cells"),
        (["name,class", "0.png,a"], r"no columns filepath and label"),
        (["filepath,label"], r"labels.csv: no row"),
    ],
)
def test_a_table_that_cannot_be_meant_is_one_error(tmp_path, lines, message):
    write_labels(tmp_path, *lines)
    with pytest.raises(BenchmarkError, match=message):
        read(tmp_path)


@pytest.mark.parametrize(
    ("separator", "encoding", "end"),
    [(",", "utf-8-sig", "\r\n"), (";", "utf-8", "\n"), ("\t", "utf-8-sig", "\n")],
)
def test_tables_of_other_programs_are_read(tmp_path, separator, encoding, end):
    lines = [line.replace(",", separator) for line in rows("kitten", "dög", "dög")]
    write_labels(tmp_path, *lines, encoding=encoding, end=end)
    (data,) = read(tmp_path)
    assert data.classes == ("dög", "kitten")
    assert [row.labels for row in data.test] == [(1,), (0,), (0,)]


def test_another_encoding_is_named(tmp_path):
    write_labels(tmp_path, *rows("kätzchen"), encoding="cp1252")
    with pytest.raises(BenchmarkError, match="not UTF-8"):
        read(tmp_path)


def test_several_labels_are_meant_where_many_rows_have_them_or_the_column_says_so(tmp_path):
    write_labels(tmp_path / "many", *rows("a;b", "a", "", "b;c"))
    write_labels(tmp_path / "asked", *rows("a;b", "a", "", head="filepath,labels"))
    asked, many = sorted(read(tmp_path), key=lambda data: data.name)
    assert asked.multi and many.multi
    assert many.notes == ["multi-label: 2 of 4 rows have several labels"]


def of_equal_names(n: int) -> ClassData:
    names = tuple(["missile", "missile", *"abcdefg"][:n])
    return ClassData("x", names, ("{}",), test=(), train=(), multi=False)


def test_of_two_equal_names_the_first_wins_by_the_official_rule_alone():
    data = of_equal_names(7)
    images = [LabeledImage(str(k), ImageRef(Path("i.png")), (k,)) for k in (0, 1)]
    line = np.array([0.9, 0.9, 0.5, 0.4, 0.3, 0.2, 0.1], dtype=np.float32)
    scores = np.stack([line, line])
    strict = [v.correct["x top-1"] for v in single_verdicts(data, images, scores)]
    official = list(single_verdicts(data, images, scores, official_ties=True))
    assert strict == [False, False]
    assert [v.correct["x top-1"] for v in official] == [True, False]
    assert [v.ties for v in official] == [("x top-1",), ("x top-1",)]


def test_there_is_no_top_five_of_five_classes():
    assert list(tops(of_equal_names(5))) == ["x top-1"]
    assert list(tops(of_equal_names(6))) == ["x top-1", "x top-5"]


def test_a_tie_rule_reaches_classification(tmp_path, run):
    root = write_folders(tmp_path / "d")
    (root / "pets" / "classnames.txt").write_text("cat\ncat\ncat\n")
    by_rule = []
    for tie in ("strict", "official"):
        report = run("zeroshot", root, tie=tie, force=True)
        by_rule.append(report.models[0].suites["zeroshot"].subsets[0].accuracy)
    assert by_rule == [0.0, pytest.approx(40.0)]  # 4 of 10 images are of the first class


def test_a_probe_of_one_class_is_one_error(tmp_path, run):
    draw(tmp_path / "d" / "pets" / "test" / "cat" / "a.png", 1)
    draw(tmp_path / "d" / "pets" / "train" / "cat" / "b.png", 2)
    with pytest.raises(BenchmarkError, match="pets: too few training images are here"):
        run("probe", tmp_path / "d")


def test_imagenet_has_the_names_and_templates_of_clip(tmp_path):
    draw(tmp_path / "x.png", 1)
    for i in range(1000):
        folder = tmp_path / "imagenet" / "val" / f"n{i:08d}"
        folder.mkdir(parents=True)
        (folder / "x.png").hardlink_to(tmp_path / "x.png")
    (data,) = read(tmp_path)
    assert data.classes[:2] == ("tench", "goldfish") and len(data.templates) == 80
    assert data.templates[0] == "a bad photo of a {}."
    assert data.classes.count("missile") == data.classes.count("sunglasses") == 2
