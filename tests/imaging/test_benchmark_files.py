"""Painted pictures as test files that `ahnpl eval` reads."""

import csv
import json

import pytest
from PIL import Image

from ahnpl_cli.config import ImagesConfig
from ahnpl_cli.data.jsonl import write_records
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.evaluation.benchmarks import bivlc, gnm
from ahnpl_cli.evaluation.benchmarks.base import LoadOptions
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders
from ahnpl_cli.imaging.benchmark_files import COLUMNS, write_benchmark
from ahnpl_cli.imaging.generate import generate
from ahnpl_cli.records import CaptionRecord, Negative


@pytest.fixture
def painted(scenes, tmp_path):
    generate(scenes / "negatives.jsonl", tmp_path / "images", ImagesConfig(workers=1, limit=9))
    return tmp_path / "images" / "images.jsonl"


def test_gnm_groups_are_read_by_our_own_loader(painted, scenes, tmp_path):
    export = write_benchmark(painted, scenes, tmp_path / "out")
    folders = DataFolders([tmp_path / "out"])
    options = LoadOptions(cache=tmp_path)
    suite = gnm.load(gnm.BENCHMARK.copy_of(folders, gnm.find(folders), options))
    assert len(suite.task.items) == export.groups > 4
    for item in suite.task.items:
        assert 2 <= len(item.texts) == len(item.images) <= 4
        # A missing picture would be an error here.
        for image in item.images:
            with Image.open(image.path) as opened:
                assert opened.size == (64, 64)
    first = json.loads((tmp_path / "out/gnm/test.jsonl").read_text().splitlines()[0])
    assert set(first) >= {"num_sample", "caption_0", "image_0", "caption_1", "image_1"}


def test_bivlc_has_a_row_for_each_picture(painted, scenes, tmp_path):
    export = write_benchmark(painted, scenes, tmp_path / "out")
    with (tmp_path / "out/bivlc/BiVLC.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == export.pairs and tuple(rows[0]) == COLUMNS
    assert {(row["type"], row["subtype"]) for row in rows} <= {
        ("replace", "att"),
        ("replace", "obj"),
    }
    for row in rows:
        for name in (row["image"], row["negative_image"]):
            assert (tmp_path / "out/bivlc/images" / name).is_file()
    # As `ahnpl eval bivlc --data out` reads it: two images and two captions a row, none missing.
    folders = DataFolders([tmp_path / "out"])
    files = bivlc.find(folders)
    suite = bivlc.load(bivlc.BENCHMARK.copy_of(folders, files, LoadOptions(cache=tmp_path)))
    assert not suite.task.missing
    for item, row in zip(suite.task.items, rows, strict=True):
        assert item.texts == (row["caption"], row["negative_caption"])
        names = [image.path.name for image in item.images]
        assert names == [row["image"], row["negative_image"]]


def test_existing_files_are_not_replaced_without_force(painted, scenes, tmp_path):
    write_benchmark(painted, scenes, tmp_path / "out")
    with pytest.raises(ConfigError, match="exists"):
        write_benchmark(painted, scenes, tmp_path / "out")
    write_benchmark(painted, scenes, tmp_path / "out", force=True)


def test_without_pictures_nothing_is_written(scenes, tmp_path):
    with pytest.raises(DataError, match="no negative has a picture"):
        write_benchmark(scenes / "negatives.jsonl", scenes, tmp_path / "out")
    assert not (tmp_path / "out/gnm/test.jsonl").exists()


def test_what_lies_outside_is_not_copied(tmp_path):
    (tmp_path / "secret.png").write_bytes(b"secret")
    folder = tmp_path / "images"
    folder.mkdir()
    record = CaptionRecord("1", "../secret.png", "a", (Negative("object", "b", image="x.png"),))
    write_records(folder / "images.jsonl", [record])
    with pytest.raises(DataError, match="secret.png: lies outside of"):
        write_benchmark(folder / "images.jsonl", folder, tmp_path / "out")
    assert not (tmp_path / "out/bivlc/images").exists()


def test_a_missing_photo_says_where_to_look(painted, tmp_path):
    with pytest.raises(DataError, match="Say where the photos are with --image-root"):
        write_benchmark(painted, tmp_path / "nowhere", tmp_path / "out")
