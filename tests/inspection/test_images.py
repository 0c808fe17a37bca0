"""What `ahnpl inspect` says of painted pictures, and the page of before and after."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from ahnpl_cli.config import ImagesConfig, InspectConfig
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.imaging.generate import generate
from ahnpl_cli.inspection.identify import identify
from ahnpl_cli.inspection.image_probe import probe
from ahnpl_cli.inspection.images import inspect, inspect_images, page, tables
from ahnpl_cli.progress import silent
from ahnpl_cli.records import CaptionRecord, Edit, Negative
from ahnpl_cli.scenes.generate import generate as draw_world


@pytest.fixture(scope="module")
def painted(tmp_path_factory):
    """A folder of scenes, and the pictures painted of them."""
    world = tmp_path_factory.mktemp("world")
    draw_world(world, train=24, test=1, workers=1)
    records = []
    for record in read_records(world / "captions.jsonl"):
        at = record.caption.find("red")
        if at >= 0:
            edit = Edit(at, at + 3, "red", "green")
            text = record.caption.replace("red", "green", 1)
            negatives = (Negative("attribute", text, (edit,)),)
            records.append(CaptionRecord(record.id, record.image, record.caption, negatives))
    write_records(world / "negatives.jsonl", records)
    output = world / "painted"
    report = generate(
        world / "negatives.jsonl", output, ImagesConfig(workers=1, image_root=str(world))
    )
    return world, output, report


@pytest.mark.parametrize("name", ["", "images.jsonl", "images.meta.json"])
def test_painted_pictures_are_known_by_their_folder_and_files(painted, name):
    _, output, _ = painted
    assert identify(output / name) == ("images", output / "images.jsonl")
    assert identify(painted[0] / "negatives.jsonl")[0] == "negatives"


def test_counts_are_those_of_the_file(painted):
    world, output, made = painted
    report = inspect_images(output / "images.jsonl", image_root=world)
    assert report.valid
    assert report.facts["negatives with a picture"] == sum(made.painted.values()) > 10
    assert report.details.kept == (("attribute", "redraw", sum(made.painted.values())),)
    (name, mean, least, most) = report.details.scores[0]
    assert name == "changed" and 14 <= least <= mean <= most <= 100
    titles = [table.title for table in tables(report.details)]
    assert titles[0] == "Pictures" and titles[-1] == "Examples"


def test_a_missing_picture_is_a_problem(painted, tmp_path):
    copy = tmp_path / "images"
    shutil.copytree(painted[1], copy)
    next(copy.rglob("*.png")).unlink()
    report = inspect_images(copy / "images.jsonl", image_root=painted[0])
    assert not report.valid
    assert any("1 pictures are missing" in finding.text for finding in report.findings)


def test_the_page_shows_both_sides_and_the_edit(painted):
    world, output, _ = painted
    config = InspectConfig(image_root=str(world))
    report = inspect(output / "images.jsonl", config, silent)
    html = page(report, config, silent)
    assert html.count("<figcaption>before</figcaption>") == len(report.details.pairs)
    assert html.count("data:image/jpeg") == 2 * len(report.details.pairs)
    assert "<del>red</del>" in html and "<ins>green</ins>" in html
    assert "<script" not in html and 'src="http' not in html


def test_a_picture_outside_its_folder_is_not_shown(tmp_path):
    secret = tmp_path / "secret.png"
    Image.new("RGB", (8, 8)).save(secret)
    folder = tmp_path / "images"
    folder.mkdir()
    negative = Negative("object", "a cat", (Edit(2, 5, "dog", "cat"),), image="../secret.png")
    record = CaptionRecord("1", "../secret.png", "a dog", (negative,))
    write_records(folder / "images.jsonl", [record])
    config = InspectConfig()
    report = inspect(folder / "images.jsonl", config, silent)
    html = page(report, config, silent)
    assert "outside its folder" in html and "data:image" not in html


def _pictures(folder: Path, name: str, noise: float, count: int) -> list[tuple[str, Path]]:
    rng = np.random.default_rng(len(name))
    files = []
    for number in range(count):
        pixels = rng.integers(60, 190, 3) + rng.normal(0, noise, (32, 32, 3))
        path = folder / f"{name}{number}.png"
        Image.fromarray(np.clip(pixels, 0, 255).astype(np.uint8)).save(path)
        files.append((f"{number}.jpg", path))
    return files


def test_a_probe_finds_a_painter_that_leaves_a_trace(tmp_path, tiny_backbone):
    smooth = _pictures(tmp_path, "smooth", 0, 40)
    also_smooth = _pictures(tmp_path, "alike", 0, 40)
    grainy = _pictures(tmp_path, "grainy", 60, 40)
    told = probe(grainy, smooth, tiny_backbone, against="originals")
    not_told = probe(also_smooth, smooth, tiny_backbone, against="originals")
    assert told.accuracy > 75 and told.accuracy > not_told.accuracy + 15
    assert (told.painted, told.others) == (40, 40)


def test_few_images_are_not_probed(tmp_path, tiny_backbone):
    few = _pictures(tmp_path, "few", 0, 9)
    assert probe(few, few, tiny_backbone, against="originals") is None
    assert probe(few, [], tiny_backbone, against="originals") is None


def test_with_a_model_the_probe_is_a_finding(painted):
    world, output, _ = painted
    config = InspectConfig(image_root=str(world), model="scenes-tiny")
    report = inspect(output / "images.jsonl", config, silent)
    (result,) = report.details.probes
    assert result.against == "originals"
    assert any("a linear probe tells painted" in finding.text for finding in report.findings)
