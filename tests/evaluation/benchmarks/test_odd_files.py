"""Benchmark files as people have them: other places, packed, cut, mistyped, of another kind."""

import gzip
import json
import shutil
import zipfile
from pathlib import Path

import pytest
from layouts import accuracy, draw, write_aro, write_karpathy, write_sugarcrepe, write_valse
from PIL import Image

from ahnpl_cli.errors import AhnplError, BenchmarkError


def test_image_root_holds_for_every_suite(tmp_path, run):
    root = write_valse(write_aro(write_sugarcrepe(tmp_path / "d")))
    plain = run("sugarcrepe aro valse", root)
    flat = tmp_path / "photos"
    for folder in (root / "val2017", root / "aro" / "images", root / "visual7w"):
        shutil.copytree(folder, flat, dirs_exist_ok=True)
        shutil.rmtree(folder)
    with pytest.raises(BenchmarkError, match="images missing"):
        run("sugarcrepe aro valse", root, force=True)
    found = run("sugarcrepe aro valse", root, image_root=str(flat), force=True)
    assert found.models[0].suites == plain.models[0].suites


@pytest.mark.parametrize(
    ("suite", "folder", "place"),
    [
        ("valse", "visual7w", "visual7w/images"),
        ("aro", "aro/images", "VG_100K"),
        ("sugarcrepe", "val2017", "val2017/images"),
        ("sugarcrepe", "val2017", "sugarcrepe/images"),
    ],
)
def test_images_lie_where_the_authors_scripts_have_them(tmp_path, run, suite, folder, place):
    root = write_valse(write_aro(write_sugarcrepe(tmp_path / "d")))
    plain = run(suite, root)
    (root / folder).rename(tmp_path / "moved")
    (root / place).parent.mkdir(parents=True, exist_ok=True)
    (tmp_path / "moved").rename(root / place)
    assert run(suite, root, force=True).models[0].suites == plain.models[0].suites


def test_packed_json_is_read(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d")
    plain = run("sugarcrepe", root)
    for path in (root / "sugarcrepe").glob("*.json"):
        path.with_suffix(".json.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    assert run("sugarcrepe", root, force=True).models[0].suites == plain.models[0].suites


def test_averages_over_a_missing_file_have_another_name_and_the_file_is_named(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d")
    (root / "sugarcrepe" / "swap_att.json").unlink()
    report = run("sugarcrepe", root)
    suite = report.models[0].suites["sugarcrepe"]
    assert suite.headline == "macro_7_partial"
    names = set(suite.averages)
    assert {"swap_partial", "macro_groups_partial", "micro_partial", "replace", "add"} <= names
    assert not {"swap", "macro_groups", "micro", "macro_7"} & names
    assert "files not here: swap_att" in report.suites["sugarcrepe"].notes


def test_a_box_outside_the_picture_is_black_as_in_the_script(tmp_path, run, oracle):
    root = write_aro(tmp_path / "d", relations=1)
    path = root / "aro" / "visual_genome_relation.json"
    (record,) = json.loads(path.read_text())
    record |= {"bbox_x": 500, "bbox_y": 500.5, "bbox_w": 20.5, "bbox_h": 20}
    path.write_text(json.dumps([record]))
    run("aro", root)
    line = json.loads((tmp_path / "out" / "results.items.jsonl").read_text().splitlines()[0])
    Image.new("RGB", (20, 20)).save(tmp_path / "black.png")
    feature = oracle.image(tmp_path / "black.png")
    scores = [oracle.score(feature, record[f"{side}_caption"]) for side in ("true", "false")]
    assert line["scores"] == pytest.approx(scores, abs=1e-6)


def test_line_separators_of_unicode_in_a_caption_do_not_break_frozen_shuffles(tmp_path, run):
    root = write_karpathy(tmp_path / "d")
    path = root / "coco_karpathy_test.json"
    records = json.loads(path.read_text())
    records[0]["caption"][0] = "a red dog\u2028sits on\u0085a table"
    path.write_text(json.dumps(records))
    first = run("aro", root)
    assert run("aro", root, force=True).models[0].suites == first.models[0].suites


def test_what_an_unused_seed_and_a_tie_mean_for_order_is_said(tmp_path, run):
    root = write_karpathy(tmp_path / "d")
    run("aro", root, seed=5)
    notes = " ".join(run("aro", root, seed=6, force=True).suites["aro"].notes)
    assert "seed 5 (--seed 6 is not used: the file is frozen)" in notes
    assert "of 21 items hold an option that equals the caption" in notes
    assert "is the most one can reach" in notes and "--tie official" in notes


def test_a_binary_test_jsonl_stops_no_suite(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d")
    (root / "test.jsonl").write_bytes(b"\xff\xfe" + bytes(range(256)) * 8)
    assert run("sugarcrepe", root).models[0].suites["sugarcrepe"].coverage == 100
    with pytest.raises(BenchmarkError, match="gnm not found"):
        run("gnm", root, force=True)


GROUP = {"num_sample": 2, "caption_0": "a dog", "caption_1": "a cat"}


def write_gnm_zip(home: Path, seed: object, names=("0_0.png", "0_1.png")) -> Path:
    home.mkdir(parents=True, exist_ok=True)
    record = GROUP | {f"image_{i}": {"path": Path(name).name} for i, name in enumerate(names)}
    (home / "test.jsonl").write_text(json.dumps(record) + "\n\n")
    with zipfile.ZipFile(home / "test.zip", "w") as packed:
        for name in names:
            picture = home.parent / "picture.png"
            draw(picture, (seed, name))
            packed.write(picture, f"test/{name}")
    return home.parent


def test_another_archive_of_the_same_names_shows_its_own_pictures(tmp_path, run):
    scores = []
    for seed in (1, 2):
        run("gnm", write_gnm_zip(tmp_path / "d" / "gnm", seed), force=True)
        lines = (tmp_path / "out" / "results.items.jsonl").read_text().splitlines()
        scores.append([json.loads(line)["scores"] for line in lines])
    assert scores[0] != scores[1]


def test_two_pictures_of_one_name_in_an_archive_are_refused(tmp_path, run):
    root = write_gnm_zip(tmp_path / "d" / "gnm", 1, ("x/0.png", "y/0.png"))
    with pytest.raises(BenchmarkError, match=r"two images of one name: test/x/0.png and test/y/0"):
        run("gnm", root)


def test_a_zip_bomb_is_refused_before_it_fills_memory(tmp_path, run):
    root = write_gnm_zip(tmp_path / "d" / "gnm", 1)
    with zipfile.ZipFile(root / "gnm" / "test.zip", "a", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr("test/bomb.png", bytes(70 << 20))
    with pytest.raises(BenchmarkError, match=r"bomb.png: more than 64 MiB of an image"):
        run("gnm", root)


@pytest.mark.parametrize("content", [b"PK\x03\x04broken", b"", b"\xff" * 99])
def test_a_broken_zip_is_one_error(tmp_path, run, content):
    root = write_gnm_zip(tmp_path / "d" / "gnm", 1)
    (root / "gnm" / "test.zip").write_bytes(content)
    with pytest.raises(BenchmarkError, match=r"test.zip: not a usable zip file"):
        run("gnm", root)


def sugarcrepe_record(**changes: object) -> str:
    record = {"filename": "000000000001.jpg", "caption": "a dog", "negative_caption": "a cat"}
    return json.dumps({"0": record | changes})


ODD_JSON = {
    "deep": "[" * 5000,
    "long number": '{"0": {"filename": ' + "1" * 6000 + "}}",
    "surrogate": '{"0": {"filename": "\\ud800"}}',
    "latin-1": '{"0": "caf\xe9"}',
    "cut": '{"0": {"filen',
    "list": "[1, 2]",
    "number": "5",
    "null caption": sugarcrepe_record(caption=None),
    "list caption": sugarcrepe_record(caption=["a dog"]),
    "true name": sugarcrepe_record(filename=True),
}


@pytest.mark.parametrize("name", ODD_JSON)
def test_a_broken_annotation_file_is_one_error_that_names_it(tmp_path, run, name):
    root = write_sugarcrepe(tmp_path / "d")
    path = root / "sugarcrepe" / "swap_obj.json"
    path.write_bytes(ODD_JSON[name].encode("latin-1"))
    with pytest.raises(BenchmarkError) as error:
        run("sugarcrepe", root)
    assert error.value.where.startswith(str(path))


ARO_CHANGES = {
    "infinite box": {"bbox_x": 1e400},
    "text box": {"bbox_x": "3"},
    "no relation": {"relation_name": None},
    "no pixel": {"bbox_w": 0},
    "huge box": {"bbox_w": 100_000, "bbox_h": 100_000},
}


@pytest.mark.parametrize("name", ARO_CHANGES)
def test_a_box_or_relation_that_is_none_is_one_error(tmp_path, run, name):
    root = write_aro(tmp_path / "d")
    path = root / "aro" / "visual_genome_relation.json"
    records = json.loads(path.read_text())
    records[2] |= ARO_CHANGES[name]
    path.write_text(json.dumps(records))
    with pytest.raises(BenchmarkError):
        run("aro", root)


@pytest.mark.parametrize(
    "line",
    [
        '{"made": 5}',
        "[]",
        '{"made": {"seed": "a"}}',
        "\x00\x01",
        '{"id": 5, "image": "x", "options": []}',
    ],
)
def test_frozen_shuffles_of_another_shape_are_one_error(tmp_path, run, line):
    root = write_karpathy(tmp_path / "d")
    run("aro", root)
    frozen = root / "coco_order.jsonl"
    lines = frozen.read_text().splitlines()
    is_header = "made" in line or line[0] != "{"
    lines[0 if is_header else 3] = line
    frozen.write_text("\n".join(lines) + "\n")
    with pytest.raises(AhnplError, match="coco_order.jsonl"):
        run("aro", root, force=True)


def test_texts_behind_the_context_are_counted_and_said(tmp_path, run, caplog):
    root = write_sugarcrepe(tmp_path / "d", n=2)
    path = root / "sugarcrepe" / "add_obj.json"
    records = json.loads(path.read_text())
    long = " ".join(["dog"] * 75)
    records["0"] |= {"caption": f"{long} dog", "negative_caption": long}
    path.write_text(json.dumps(records))
    report = run("sugarcrepe", root)
    assert report.models[0].cut_texts == {"sugarcrepe": 1}  # 76 words and two marks are 78 tokens
    assert any("1 of 28 texts are longer than the 77 tokens" in text for text in caplog.messages)
    assert accuracy(report, "sugarcrepe", "add_obj") is not None


@pytest.mark.parametrize("name", ["/", ".", ""])
def test_an_output_that_is_no_file_is_refused(tmp_path, run, name):
    with pytest.raises(AhnplError, match="is not the name of a file"):
        run("sugarcrepe", write_sugarcrepe(tmp_path / "d"), output=name)
