"""Files are found where the manual says to put them."""

import re
from pathlib import Path

import pytest
from layouts import SUGARCREPE, VALSE_IMAGES

import ahnpl_cli
from ahnpl_cli.evaluation.benchmarks import BENCHMARKS, benchmarks
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, ImageFinder

MANUAL = Path(ahnpl_cli.__file__).parent / "docs" / "benchmarks.md"
NAMES = {
    "sugar-crepe": SUGARCREPE,
    "scpp": [name for name in SUGARCREPE if not name.startswith("add")],
    "VALSE": list(VALSE_IMAGES),
}
INSIDE = {
    "prod_hard_negatives/": "atom/prod_vg_hard_negs_atom_complexity_4.csv",
    "corpus/v1/": "Attribute/color/vg.yaml",
    "VOC2007/": "ImageSets/Main/cat_test.txt",
}


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text('{"num_sample": 2, "caption_0": ""}')


@pytest.fixture
def shelf(tmp_path) -> DataFolders:
    """The tree that the manual shows, with empty files."""
    block = re.search(r"```text\ndata/\n(.*?)```", MANUAL.read_text(encoding="utf-8"), re.S)
    assert block
    shown = [w for w in block[1].split() if "/" in w or "." in w]
    for word in (w.rstrip(",") for w in shown):
        if "*" in word:
            folder = Path(word).parent
            for name in NAMES[folder.parts[0]]:
                touch(tmp_path / folder / f"{name}.json")
        elif word.endswith("/"):
            (tmp_path / word).mkdir(parents=True, exist_ok=True)
            inside = next((w for end, w in INSIDE.items() if word.endswith(end)), None)
            if inside:
                touch(tmp_path / word / inside)
        else:
            touch(tmp_path / word)
    return DataFolders([tmp_path])


@pytest.mark.parametrize("name", [name for name in BENCHMARKS if name != "custom"])
def test_every_suite_is_found_in_the_tree_that_the_manual_shows(shelf, name):
    (benchmark,) = benchmarks([name])
    assert benchmark.find(shelf)


def test_both_editions_of_sugarcrepe_are_told_apart(shelf):
    found = [benchmarks([n])[0].find(shelf) for n in ("sugarcrepe", "sugarcrepe++")]
    assert {path.parts[-3] for path in found[0].values()} == {"sugar-crepe"}
    assert {path.parts[-3] for path in found[1].values()} == {"scpp"}


def test_folders_deeper_than_three_or_of_provenance_are_not_searched(tmp_path):
    for folder in ("a/b/c", "a/b/c/d", "data_unrefined", ".hidden"):
        touch(tmp_path / folder / "add_obj.json")
    assert DataFolders([tmp_path]).holding("add_obj.json") == [tmp_path / "a/b/c"]


def test_a_photo_that_is_nowhere_is_missing_and_one_of_the_other_year_is_not(tmp_path):
    touch(tmp_path / "val2017" / "000000000007.jpg")
    (tmp_path / "val2014").mkdir()
    shelf = DataFolders([tmp_path])
    pictures = ImageFinder(shelf.named("val2014"), shelf)
    found = pictures.ref("val2014/COCO_val2014_000000000007.jpg")
    assert found.path == tmp_path / "val2017" / "000000000007.jpg"
    gone = pictures.ref("val2014/COCO_val2014_000000000008.jpg")
    assert pictures.missing == {gone.path} and gone.path.parent == tmp_path / "val2014"
