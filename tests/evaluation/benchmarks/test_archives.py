"""Photos that stay in the archive they came in: the same verdicts, no folder unpacked."""

import json
import tarfile
import zipfile
from pathlib import Path

import pytest
from layouts import write_karpathy, write_sugarcrepe

from ahnpl_cli.errors import BenchmarkError


def verdicts(tmp_path: Path) -> dict[str, list[float]]:
    lines = (tmp_path / "out" / "results.items.jsonl").read_text().splitlines()
    return {line["id"]: line["scores"] for line in map(json.loads, lines)}


def pack(photos: Path, archive: Path, inner: str) -> None:
    if archive.suffix == ".zip":
        with zipfile.ZipFile(archive, "w") as packed:
            for path in sorted(photos.iterdir()):
                packed.write(path, f"{inner}{path.name}")
    else:
        with tarfile.open(archive, "w") as packed:
            for path in sorted(photos.iterdir()):
                packed.add(path, f"{inner}{path.name}")
    for path in photos.iterdir():
        path.unlink()
    photos.rmdir()


@pytest.mark.parametrize(
    ("name", "inner"),
    [("val2017.zip", "val2017/"), ("val2017.zip", ""), ("coco.zip", "val2017/")]
    + [("val2017.tar", "val2017/"), ("val2017.tar", "")],
)
def test_photos_in_an_archive_among_the_data_are_read_where_they_lie(name, inner, tmp_path, run):
    root = write_karpathy(write_sugarcrepe(tmp_path / "d", n=6))
    # Karpathy's file names the photos as COCO 2014 does; they are the same ones.
    run("sugarcrepe retrieval", root)
    before = verdicts(tmp_path)
    pack(root / "val2017", root / name, inner)
    report = run("sugarcrepe retrieval", root, force=True)
    assert verdicts(tmp_path) == before
    assert all(suite.coverage == 100 for suite in report.models[0].suites.values())
    # Bytes are bytes: features were found under their hashes.
    assert not (root / "val2017").exists()


def test_the_image_root_may_be_an_archive(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d", n=6)
    run("sugarcrepe", root)
    before = verdicts(tmp_path)
    photos = tmp_path / "elsewhere.zip"
    pack(root / "val2017", photos, "some/folder/")
    run("sugarcrepe", root, image_root=str(photos), force=True)
    assert verdicts(tmp_path) == before


def test_a_table_of_ones_own_may_name_members(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d", n=6)
    pack(root / "val2017", root / "photos.zip", "")
    table = root / "own.csv"
    rows = ["image,caption,negative"]
    rows += [f"photos.zip/{number:012}.jpg,a red circle,a blue circle" for number in (1, 2)]
    table.write_text("\n".join(rows) + "\n")
    report = run(str(table), root)
    assert report.models[0].suites["custom"].subsets[0].n == 2


def test_a_damaged_archive_is_left_out_and_its_photos_are_missing(tmp_path, run, caplog):
    root = write_sugarcrepe(tmp_path / "d", n=6)
    pack(root / "val2017", root / "val2017.zip", "val2017/")
    (root / "val2017.zip").write_bytes(b"PK no archive")
    with pytest.raises(BenchmarkError, match="3 images missing"):
        run("sugarcrepe", root)
    assert f"{root / 'val2017.zip'}: left out" in caplog.text
