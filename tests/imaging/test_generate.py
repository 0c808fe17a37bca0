"""`ahnpl images`, whole: pictures, records and counts, however the work is cut or interrupted."""

import json
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace

import pytest
from photos import PHOTOS

from ahnpl_cli.config import ImagesConfig, PaintConfig, PartsConfig
from ahnpl_cli.data.jsonl import dump, read_records, write_records
from ahnpl_cli.errors import BusyError, ConfigError, DataError
from ahnpl_cli.imaging.choose import choose_parts
from ahnpl_cli.imaging.generate import generate
from ahnpl_cli.imaging.output import read_report, records_path
from ahnpl_cli.imaging.pictures import provenance_of
from ahnpl_cli.outputs import lock, meta_path
from ahnpl_cli.records import PICTURE_REASONS

NEEDED = ("cv2", "pycocotools")


def files_of(folder):
    """Every file of an output but the report, whose times differ."""
    found = (path for path in folder.rglob("*") if path.is_file() and ".meta." not in path.name)
    return {str(path.relative_to(folder)): path.read_bytes() for path in found}


@pytest.fixture(scope="session")
def whole(scenes, tmp_path_factory):
    """The pictures of the drawn world, painted without interruption."""
    output = tmp_path_factory.mktemp("whole")
    report = generate(scenes / "negatives.jsonl", output, ImagesConfig(workers=1))
    return output, report


@pytest.fixture
def coco_config(photos, tmp_path, monkeypatch):
    for module in NEEDED:
        pytest.importorskip(module, reason="pip install '.[images]'")
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "cache"))
    parts = PartsConfig(annotations=(str(photos / "instances.json"),))
    return ImagesConfig(parts=parts, workers=1)


def shown(output, name="images.jsonl"):
    """(record id, negative) of each negative with a picture."""
    records = read_records(output / name)
    return [(r.id, n) for r in records for n in r.negatives if n.image is not None]


def test_each_picture_is_named_by_its_negative_and_nothing_else_is_written(whole, scenes):
    output, report = whole
    pictures = [negative.image for _, negative in shown(output)]
    assert len(set(pictures)) == len(pictures) == sum(report.painted.values()) > 80
    assert {path for path in files_of(output) if path != "images.jsonl"} == set(pictures)
    assert report.captions == len(list(read_records(scenes / "negatives.jsonl")))
    rejected = sum(sum(reasons.values()) for reasons in report.rejected.values())
    assert report.negatives == rejected + len(pictures)


def test_but_for_pictures_the_records_are_those_that_came_in(whole, scenes):
    output, _ = whole
    lines = (scenes / "negatives.jsonl").read_text().splitlines()
    for line, record in zip(lines, read_records(output / "images.jsonl"), strict=True):
        bare = tuple(replace(n, image=None, painter=None) for n in record.negatives)
        assert dump(replace(record, negatives=bare)) == line


def test_every_reason_is_explained(whole):
    _, report = whole
    assert {reason for reasons in report.rejected.values() for reason in reasons} <= set(
        PICTURE_REASONS
    )


def test_the_same_call_again_does_nothing(whole, scenes):
    output, report = whole
    before = {path: path.stat().st_mtime_ns for path in output.rglob("*")}
    assert generate(scenes / "negatives.jsonl", output, ImagesConfig(workers=1)) == report
    assert {path: path.stat().st_mtime_ns for path in output.rglob("*")} == before


def test_other_options_are_not_mixed_in(whole, scenes):
    output, _ = whole
    with pytest.raises(ConfigError, match="made with other options: seed 0, now 3"):
        generate(scenes / "negatives.jsonl", output, ImagesConfig(seed=3))


def test_a_file_of_somebody_else_is_not_overwritten(scenes, tmp_path):
    (tmp_path / "images.jsonl").write_text("mine")
    with pytest.raises(ConfigError, match="was not written by `ahnpl images`"):
        generate(scenes / "negatives.jsonl", tmp_path, ImagesConfig())
    assert (tmp_path / "images.jsonl").read_text() == "mine"


def test_force_removes_the_old_pictures_and_no_other_file(whole, scenes, tmp_path):
    output = tmp_path / "copy"
    shutil.copytree(whole[0], output)
    (output / "pictures" / "mine.txt").write_text("mine")
    config = ImagesConfig(kinds=("object",), workers=1, force=True)
    generate(scenes / "negatives.jsonl", output, config)
    pictures = {negative.image for _, negative in shown(output)}
    left = {path for path in files_of(output) if path.startswith("pictures/")}
    assert left == pictures | {"pictures/mine.txt"}


class Stopped(Exception):
    pass


def stop_at_once(items, **options):
    for _ in items:
        raise Stopped
    yield


def test_a_replacement_that_was_interrupted_is_continued(whole, scenes, tmp_path):
    output = tmp_path / "copy"
    shutil.copytree(whole[0], output)
    config = ImagesConfig(kinds=("object",), workers=1, force=True)
    with pytest.raises(Stopped):
        generate(scenes / "negatives.jsonl", output, config, track=stop_at_once)
    assert not (output / "images.jsonl").exists()
    report = generate(scenes / "negatives.jsonl", output, replace(config, force=False))
    assert report.resumed > 0 and {negative.kind for _, negative in shown(output)} == {"object"}


@pytest.mark.parametrize("count", [2, 5])
def test_shards_joined_are_the_whole(whole, scenes, tmp_path, count):
    for index in range(count):
        config = ImagesConfig(shard=f"{index}/{count}", workers=1)
        generate(scenes / "negatives.jsonl", tmp_path, config)
    parts = [records_path(tmp_path, f"{index}/{count}") for index in range(count)]
    joined = b"".join(part.read_bytes() for part in parts)
    expected = files_of(whole[0])
    assert joined == expected.pop("images.jsonl")
    assert {k: v for k, v in files_of(tmp_path).items() if k.startswith("pictures/")} == expected


@pytest.mark.parametrize(("workers", "batch_size"), [(2, 3), (1, 64)])
def test_neither_processes_nor_batches_change_a_byte(whole, scenes, tmp_path, workers, batch_size):
    config = ImagesConfig(workers=workers, batch_size=batch_size)
    generate(scenes / "negatives.jsonl", tmp_path, config)
    assert files_of(tmp_path) == files_of(whole[0])


def test_killed_with_kill_9_the_same_command_ends_in_the_same_bytes(whole, scenes, tmp_path):
    output = tmp_path / "cut"
    command = [sys.executable, "-m", "ahnpl_cli", "images", str(scenes / "negatives.jsonl")]
    command += ["-o", str(output), "--workers", "1", "--batch-size", "2", "-q"]
    journal = output / ".images.jsonl.work" / "journal"
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    while process.poll() is None and not (journal.exists() and journal.stat().st_size):
        time.sleep(0.002)
    process.kill()
    assert process.wait() == -signal.SIGKILL and not (output / "images.jsonl").exists()
    # Half a line at the end, as a crash of the machine leaves it.
    with journal.open("ab") as file:
        file.write(b'{"size": 99')
    subprocess.run(command, check=True, stdout=subprocess.DEVNULL)
    report = read_report(meta_path(output / "images.jsonl"))
    assert report.resumed > 0
    assert (report.painted, report.rejected) == (whole[1].painted, whole[1].rejected)
    assert files_of(output) == files_of(whole[0])


def test_limit_and_kinds(scenes, tmp_path):
    config = ImagesConfig(limit=5, kinds=("attribute",), workers=1)
    report = generate(scenes / "negatives.jsonl", tmp_path, config)
    assert report.captions == 5 == len(list(read_records(tmp_path / "images.jsonl")))
    assert {negative.kind for _, negative in shown(tmp_path)} == {"attribute"}


def test_no_image_has_more_pictures_than_per_image(scenes, tmp_path):
    config = ImagesConfig(per_image=2, workers=1)
    report = generate(scenes / "negatives.jsonl", tmp_path, config)
    counts = {}
    for record in read_records(tmp_path / "images.jsonl"):
        counts.setdefault(record.image, 0)
        counts[record.image] += sum(negative.image is not None for negative in record.negatives)
    assert max(counts.values()) == 2
    assert sum(reasons.get("enough pictures", 0) for reasons in report.rejected.values()) > 0


def test_a_dry_run_writes_nothing(scenes, tmp_path):
    output = tmp_path / "none"
    report = generate(scenes / "negatives.jsonl", output, ImagesConfig(dry_run=True, workers=1))
    assert report.dry_run and sum(report.painted.values()) > 0
    assert not output.exists()


def test_a_second_process_is_refused(scenes, tmp_path):
    with lock(tmp_path / "images.jsonl"), pytest.raises(BusyError):
        generate(scenes / "negatives.jsonl", tmp_path, ImagesConfig(workers=1))


def test_photos_without_a_model(photos, coco_config, tmp_path):
    config = replace(coco_config, paint=PaintConfig(repaint_original=True))
    report = generate(photos / "negatives.jsonl", tmp_path, config)
    assert report.painted == {"mirror": 1, "recolor": 1, "swap": 1}
    assert report.rejected == {
        "attribute": {"several instances": 1},
        "object": {"no painter": 1},
        "spatial": {"lettering": 1},
    }
    pictures = {record: negative for record, negative in shown(tmp_path)}
    assert {r: n.painter.engine for r, n in pictures.items()} == {
        "p1": "recolor",
        "p2": "swap",
        "p3": "mirror",
    }
    recolored = pictures["p1"].painter
    assert recolored.locator == "coco" and recolored.box == (20, 30, 90, 60)
    assert recolored.outline and recolored.scores["changed"] > 90
    assert (tmp_path / recolored.repainted).is_file() and pictures["p3"].painter.repainted is None
    told = provenance_of(tmp_path / pictures["p1"].image)
    assert (told["painter"], told["caption"]) == ("recolor", "a blue car on a street")


def test_a_missing_photo_stops_or_is_skipped(photos, coco_config, tmp_path):
    records = list(read_records(photos / "negatives.jsonl"))
    records[0] = replace(records[0], image="images/gone.jpg")
    write_records(tmp_path / "n.jsonl", records)
    config = replace(coco_config, image_root=str(photos))
    with pytest.raises(DataError, match="gone.jpg: no such image"):
        generate(tmp_path / "n.jsonl", tmp_path / "out", config)
    config = replace(config, on_error="skip")
    report = generate(tmp_path / "n.jsonl", tmp_path / "out", config)
    assert report.rejected["attribute"]["unreadable image"] == 1
    assert "gone.jpg" in report.skipped_list[0]


def test_a_broken_line_stops_or_is_skipped(photos, coco_config, tmp_path):
    text = (photos / "negatives.jsonl").read_text()
    (tmp_path / "n.jsonl").write_text("{broken\n" + text)
    config = replace(coco_config, image_root=str(photos))
    with pytest.raises(DataError, match="n.jsonl:1: not JSON"):
        generate(tmp_path / "n.jsonl", tmp_path / "out", config)
    report = generate(tmp_path / "n.jsonl", tmp_path / "out", replace(config, on_error="skip"))
    assert report.captions == len(PHOTOS) and "n.jsonl:1" in report.skipped_list[0]


def test_auto_takes_what_runs_here(scenes, photos, tmp_path):
    options = dict.fromkeys(
        ("annotations", "locator_model", "painter_model", "judge_model", "blip_model"), False
    )
    auto = {"locator": "auto", "painters": ("auto",), "judges": ("auto",)}
    world = choose_parts(**auto, image_root=scenes, **options)
    assert (world.locator, world.painters) == ("scenes", ("redraw",))
    bare = choose_parts(**auto, image_root=photos, **options)
    assert (bare.locator, bare.painters) == ("none", ("mirror",))
    assert "recolor and swap need masks" in bare.why and "no --judge-model" in bare.why
    full = choose_parts(**auto, image_root=photos, **dict.fromkeys(options, True))
    assert full.locator == "coco" and full.painters[-1] == "inpaint"
    assert full.judges == ("pixels", "clip", "blip")


def test_neither_long_lists_nor_the_option_to_skip_grow_the_report(photos, coco_config, tmp_path):
    records = list(read_records(photos / "negatives.jsonl")) * 9
    broken = [replace(r, image=f"images/gone{n}.jpg") for n, r in enumerate(records)]
    write_records(tmp_path / "n.jsonl", broken)
    config = replace(coco_config, image_root=str(photos), on_error="skip")
    report = generate(tmp_path / "n.jsonl", tmp_path / "out", config)
    assert report.captions == len(records) and len(report.skipped_list) == 20


def test_an_unknown_part_is_suggested(scenes, tmp_path):
    config = ImagesConfig(parts=PartsConfig(painter=("recolour",)))
    with pytest.raises(ConfigError, match="Did you mean 'recolor'"):
        generate(scenes / "negatives.jsonl", tmp_path, config)


def test_a_diffusion_painter_without_weights_says_what_to_name(scenes, tmp_path):
    config = ImagesConfig(parts=PartsConfig(painter=("inpaint",)))
    with pytest.raises(ConfigError, match="inpaint needs a model. Name a diffusers pipeline"):
        generate(scenes / "negatives.jsonl", tmp_path, config)


def test_a_clip_judges_the_pictures(scenes, tmp_path):
    config = ImagesConfig(parts=PartsConfig(judge_model="scenes-tiny"), limit=12)
    report = generate(scenes / "negatives.jsonl", tmp_path, config)
    negatives = [negative for _, negative in shown(tmp_path)]
    assert negatives and all(n.painter.scores["clip margin"] > 0 for n in negatives)
    assert [judge.name for judge in report.judges] == ["pixels", "clip"]
    assert json.loads((tmp_path / "images.meta.json").read_text())["judges"][1]["model"]
