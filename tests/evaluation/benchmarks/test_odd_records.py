"""Records of benchmark files that are missing, empty or of another type: read, or one error."""

import csv
import json
from pathlib import Path

import pytest
from layouts import draw, dump, write_karpathy, write_winoground

from ahnpl_cli.errors import BenchmarkError
from ahnpl_cli.evaluation.benchmarks import crepe, vl_checklist
from ahnpl_cli.evaluation.benchmarks.captioned_images import read
from ahnpl_cli.evaluation.scoring.items import Verdict

# Retrieval


def test_a_row_per_caption_is_the_same_test_as_a_row_per_image(tmp_path, run):
    root = write_karpathy(tmp_path / "d")
    plain = run("retrieval", root)
    path = root / "coco_karpathy_test.json"
    records = json.loads(path.read_text())
    by_caption = [{**r, "caption": [text]} for r in records for text in r["caption"]]
    dump(path, by_caption)
    assert run("retrieval", root, force=True).models[0].suites == plain.models[0].suites
    dump(path, [{**r, "caption": r["caption"][0]} for r in by_caption])
    assert run("retrieval", root, force=True).models[0].suites == plain.models[0].suites


KARPATHY = {"images": [{"filename": "a.jpg", "split": "test", "sentences": [{"raw": "a dog"}]}]}
COCO = {"images": [{"id": 1, "file_name": "a.jpg"}]}
BROKEN_CAPTIONS = {
    "empty list": ([{"image": "a.jpg", "caption": []}], "0: an image without a caption"),
    "null": ([{"image": "a.jpg", "caption": None}], "0: caption is absent"),
    "null among": ([{"image": "a.jpg", "caption": ["a", None]}], "0: a caption is no text"),
    "empty": ([{"image": "a.jpg", "caption": ["a", " "]}], "0: a caption is empty"),
    "no sentences": (
        {"images": [KARPATHY["images"][0] | {"sentences": []}]},
        "images.0: an image without a caption",
    ),
    "null sentence": (
        {"images": [KARPATHY["images"][0] | {"sentences": [{"raw": None}]}]},
        "images.0: raw is absent",
    ),
    "no split": ({"images": [{"filename": "a.jpg"}]}, "images.0: split is absent"),
    "null of COCO": (
        COCO | {"annotations": [{"image_id": 1, "caption": None}]},
        "annotations.0: a caption is no text",
    ),
}


@pytest.mark.parametrize("name", BROKEN_CAPTIONS)
def test_a_caption_that_is_none_is_named(tmp_path, name):
    tree, message = BROKEN_CAPTIONS[name]
    dump(tmp_path / "x.json", tree)
    with pytest.raises(BenchmarkError) as error:
        read(tmp_path / "x.json")
    assert f"{error.value.where}: {error.value.what}" == f"{tmp_path / 'x.json'}: {message}"


def test_a_subset_of_coco_may_keep_all_annotations(tmp_path):
    annotations = [{"image_id": i % 2, "caption": f"a dog {i}"} for i in range(4)]
    dump(
        tmp_path / "x.json",
        {"images": [{"id": 1, "file_name": "a.jpg"}], "annotations": annotations},
    )
    captioned = read(tmp_path / "x.json")
    assert captioned.images == [("a.jpg", ("a dog 1", "a dog 3"))]
    assert captioned.orphans == 2


# CREPE

FIELDS = ("image_id", "x", "y", "width", "height", "caption", "hard_negs")


def crepe_file(root: Path, *rows: dict[str, object], fields=FIELDS) -> Path:
    draw(root / "VG_100K" / "1.jpg", 1, (64, 60))
    path = root / "prod_hard_negatives" / "atom" / "prod_vg_hard_negs_atom_complexity_4.csv"
    path.parent.mkdir(parents=True)
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.DictWriter(file, fields, extrasaction="ignore")
        writer.writeheader()
        writer.writerows(rows)
    return path


ROW = {"image_id": 1, "x": 0, "y": 0, "width": 9, "height": 9, "caption": "a", "hard_negs": "['b']"}


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"image_id": "one"}, r"csv:2: image_id is not a number: 'one'"),
        ({"x": "nan"}, r"csv:2: x is not a number: 'nan'"),
        ({"width": "1e999"}, r"csv:2: width is not a number"),
        ({"hard_negs": "[1, 2]"}, r"csv:2: hard_negs is not a list of strings"),
        ({"hard_negs": "'abc'"}, r"csv:2: hard_negs is not a list of strings"),
        ({"hard_negs": "-" * 100_000 + "1"}, r"csv:2: hard_negs is not a list of strings"),
        ({"hard_negs": "[" * 50_000}, r"csv:2: hard_negs is not a list of strings"),
    ],
)
def test_a_cell_of_crepe_that_is_none_is_named(tmp_path, run, change, message):
    crepe_file(tmp_path, ROW | change)
    with pytest.raises(BenchmarkError, match=message):
        run("crepe", tmp_path)


def test_a_column_of_crepe_that_is_not_there_is_named(tmp_path, run):
    crepe_file(tmp_path, ROW, fields=FIELDS[:-1])
    with pytest.raises(BenchmarkError, match=r"atom_complexity_4.csv: no column hard_negs"):
        run("crepe", tmp_path)


def test_crepe_in_another_encoding_is_named(tmp_path, run):
    path = crepe_file(tmp_path, ROW)
    path.write_bytes(path.read_bytes() + "1,0,0,9,9,caf\xe9,['x']\r\n".encode("latin-1"))
    with pytest.raises(BenchmarkError, match="not UTF-8"):
        run("crepe", tmp_path)


def test_an_empty_list_counts_as_right_and_a_missing_complexity_renames_averages(tmp_path, run):
    crepe_file(tmp_path, ROW | {"hard_negs": "[]"})
    report = run("crepe", tmp_path)
    suite = report.models[0].suites["crepe"]
    assert [(row.name, row.n, row.accuracy) for row in suite.subsets] == [("atom", 1, 100.0)]
    assert suite.headline == "macro_1_types_partial"
    notes = report.suites["crepe"].notes
    assert "1 empty list of hard negatives counted as right, as the script does" in notes
    assert any(note.startswith("files not here: atom 5, atom 6") for note in notes)


def test_the_spread_over_complexities_by_hand():
    """R@1 of 100, 50 and 0 %: a standard deviation of sqrt(5000 / 3) points."""
    right = {4: (True, True), 5: (True, False), 6: (False, False)}
    verdicts = []
    for level, outcomes in right.items():
        for i, correct in enumerate(outcomes):
            subsets = {"atom": correct, f"atom / complexity {level}": correct}
            verdicts.append(Verdict(f"{level}/{i}", f"{level}{i}", subsets, (), (0.5, 0.1)))
    metric = crepe.derived_metrics(verdicts)["atom std over complexities"]
    assert metric.value == pytest.approx((5000 / 3) ** 0.5)


# Winoground


@pytest.mark.parametrize(
    "tags", [[1], {"0": "Unusual Text"}, {"0": [5]}, {"0": [["x"]]}, {"zero": ["x"]}, 5]
)
def test_tags_of_another_shape_are_one_error(tmp_path, run, tags):
    root = write_winoground(tmp_path / "d")
    dump(root / "winoground" / "new_tag_assignments.json", tags)
    with pytest.raises(BenchmarkError, match="new_tag_assignments.json"):
        run("winoground", root)


@pytest.mark.parametrize("line", ["{", "5", '{"id": "x"}', "\xff", "[" * 9999, '{"id": true}'])
def test_a_line_of_winoground_that_is_none_is_one_error(tmp_path, run, line):
    root = write_winoground(tmp_path / "d")
    path = root / "winoground" / "examples.jsonl"
    path.write_bytes(path.read_bytes() + line.encode("latin-1") + b"\n")
    with pytest.raises(BenchmarkError, match="examples.jsonl:7"):
        run("winoground", root)


def test_blank_lines_at_the_end_are_none(tmp_path, run):
    root = write_winoground(tmp_path / "d")
    path = root / "winoground" / "examples.jsonl"
    path.write_bytes(path.read_bytes() + b"\n \n")
    assert run("winoground", root).suites["winoground"].counts[0]["found"] == 6


# VL-CheckList


def write_corpus(root: Path, yaml: str, rows: object = None) -> Path:
    path = root / "corpus" / "v1" / "Attribute" / "color" / "vg.yaml"
    path.parent.mkdir(parents=True)
    path.write_bytes(yaml.encode("latin-1"))
    if rows is not None:
        dump(root / "data" / "vg.json", rows)
    return root


GOOD = 'ANNO_PATH: "data/vg.json"\nIMG_ROOT: "vg/"\n'


@pytest.mark.parametrize(
    "yaml", ["caf\xe9", "[" * 3000, "a: 2001-99-99", "5", "- a", "ANNO_PATH: x", "&a [*a]: b: c"]
)
def test_a_corpus_file_that_is_none_is_one_error(tmp_path, run, yaml):
    with pytest.raises(BenchmarkError, match=r"vg.yaml"):
        run("vl-checklist", write_corpus(tmp_path, yaml, []))


@pytest.mark.parametrize(
    "row",
    [
        5,
        ["a.jpg"],
        [5, {}],
        ["a.jpg", {"POS": ["x"], "NEG": "str"}],
        ["a.jpg", {"POS": [], "NEG": ["x"]}],
        ["a.jpg", {"POS": [None], "NEG": ["x"]}],
    ],
)
def test_a_row_of_vl_checklist_that_is_none_is_named(tmp_path, run, row):
    with pytest.raises(BenchmarkError, match=r"vg.json: 0: "):
        run("vl-checklist", write_corpus(tmp_path, GOOD, [row]))


def test_the_cap_counts_rows_whose_image_exists(tmp_path, run, monkeypatch):
    monkeypatch.setattr(vl_checklist, "CAP", 2)
    rows = [[f"{i}.jpg", {"POS": [f"a dog {i}"], "NEG": [f"a cat {i}"]}] for i in range(4)]
    root = write_corpus(tmp_path, GOOD, rows)
    for i in (1, 2, 3):
        draw(root / "vg" / f"{i}.jpg", i)
    suite = run("vl-checklist", root, allow_missing=True).models[0].suites["vl-checklist"]
    sizes = {row.name: row.n for row in (*suite.subsets, *suite.details)}
    assert sizes == {"Attribute/color/vg": 3, "Attribute/color/vg (first 1000)": 2}
    lines = (tmp_path / "out" / "results.items.jsonl").read_text().splitlines()
    capped = [json.loads(line)["id"] for line in lines if "first 1000" in line]
    assert capped == ["Attribute/color/vg/1", "Attribute/color/vg/2"]
