"""What can be embedded: captions in any format, images, texts; broken ones are named."""

import io
import json
import tarfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from output_files import index, tree
from PIL import Image
from safetensors.numpy import load_file

from ahnpl_cli.backbones.encode import encode_images
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.config import CaptionsConfig
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.jsonl import write_records
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.records import CaptionRecord, EmbedReport

Run = Callable[..., EmbedReport]


def test_a_folder_of_images_needs_no_captions(world: Path, run: Run) -> None:
    (world / "deep").mkdir()
    Image.new("RGB", (9, 9), "blue").save(world / "deep" / "c.JPG")
    (world / "notes.md").write_text("no image")
    report = run(world)
    assert (report.images, report.texts, report.records) == (3, 0, 4)
    assert index(world / "out")["records"] == ["a.png", "b.png", "copy.png", "deep/c.JPG"]
    records = load_file(world / "out/records-00000.safetensors")
    assert records["image_row"].tolist() == [0, 1, 1, 2]
    assert records["text_row"].tolist() == [-1] * 4


def test_a_text_file_is_a_text_a_line(tmp_path: Path, run: Run) -> None:
    (tmp_path / "t.txt").write_text("a cat\n\ntwo dogs\na cat\n")
    report = run(tmp_path / "t.txt")
    assert (report.images, report.texts, report.records) == (0, 2, 3)
    assert index(tmp_path / "out")["records"] == ["1", "3", "4"]


def test_a_line_that_is_not_utf8_is_named_or_skipped(
    tmp_path: Path, run: Run, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "t.txt").write_bytes("a cat\ncaf\xe9\n".encode("latin1"))
    with pytest.raises(DataError, match=r"t\.txt:2: not UTF-8 at byte 3"):
        run(tmp_path / "t.txt")
    assert run(tmp_path / "t.txt", on_error="skip").texts == 1
    assert caplog.messages[-1].startswith(f"Skipped {tmp_path / 't.txt'}:2: not UTF-8")


def test_a_broken_image_stops_the_work_and_is_named(world: Path, run: Run) -> None:
    (world / "b.png").write_bytes(b"no image")
    (world / "copy.png").write_bytes(b"no image")
    with pytest.raises(DataError) as caught:
        run(world / "negatives.jsonl")
    assert str(caught.value) == (
        f"{world / 'b.png'}: cannot be decoded (not an image). "
        "Replace the file, or pass --on-error skip."
    )


def test_a_missing_image_stops_the_work_before_it_starts(world: Path, run: Run) -> None:
    (world / "copy.png").unlink()
    with pytest.raises(DataError, match=r"copy\.png: no such image\. Check --image-root\.$"):
        run(world / "negatives.jsonl")
    assert not list(world.glob("out/*.safetensors"))


@pytest.mark.parametrize("rows_per_shard", [1, 10])
def test_broken_images_are_skipped_with_their_records_and_listed(
    world: Path, run: Run, rows_per_shard: int
) -> None:
    Image.new("RGB", (9, 9), "blue").save(world / "copy.png")
    (world / "b.png").unlink()
    (world / "a.png").write_bytes(b"no image")
    options = {"on_error": "skip", "rows_per_shard": rows_per_shard}
    report = run(world / "negatives.jsonl", **options)
    assert report.skipped == (
        ("r0", "a.png", "cannot be decoded (not an image)"),
        ("r1", "b.png", "no such image"),
        ("r2", "a.png", "cannot be decoded (not an image)"),
    )
    found = index(world / "out")
    assert [list(skipped) for skipped in report.skipped] == found["skipped"]
    assert found["records"] == ["r3"]
    assert [name for name, _ in found["images"]] == ["copy.png"]
    assert (report.records, report.images) == (1, 1)
    paths = sorted(world.glob("out/image-*"))
    features = np.concatenate([load_file(path)["image_features"] for path in paths])
    assert features.shape == (1, 32)
    assert not np.isnan(features).any()
    before = tree(world / "out")
    run(world / "negatives.jsonl", **options)
    assert tree(world / "out") == before


def test_a_duplicate_id_is_named(world: Path, run: Run) -> None:
    write_records(world / "twice.jsonl", [CaptionRecord("x", "a.png", "one")] * 2)
    with pytest.raises(DataError) as caught:
        run(world / "twice.jsonl")
    assert str(caught.value) == "id: duplicate 'x'. Ids name records, so each may be used once."


def test_perturb_without_negatives_is_refused(world: Path, run: Run) -> None:
    with pytest.raises(ConfigError) as caught:
        run(world, perturb=True)
    assert str(caught.value) == (
        "--perturb needs images, captions and negatives. "
        "Make negatives first: ahnpl negatives captions.jsonl."
    )


def test_an_empty_source_is_named(tmp_path: Path, run: Run) -> None:
    (tmp_path / "none.txt").touch()
    with pytest.raises(DataError, match=r"none\.txt: holds nothing to embed\. Give captions"):
        run(tmp_path / "none.txt")


def test_captions_are_read_in_every_format_of_negatives(
    tmp_path: Path, world: Path, run: Run
) -> None:
    (world / "oc.csv").write_text("filepath;title\na.png;a red cube\nb.png;two dogs\n")
    notes = [{"id": 7, "image_id": 1, "caption": "a red cube"}]
    images = [{"id": 1, "file_name": "a.png"}]
    coco = {"images": images, "annotations": notes}
    (world / "coco.json").write_text(json.dumps(coco))
    (world / "flickr.txt").write_text("a.png#0\ta red cube\na.png#1\ta cube\n")
    counts = {}
    for name in ("oc.csv", "coco.json", "flickr.txt"):
        report = run(world / name, output=str(tmp_path / f"out-{name}"))
        counts[name] = (report.images, report.texts, report.records)
    assert counts == {"oc.csv": (2, 2, 2), "coco.json": (1, 1, 1), "flickr.txt": (1, 2, 2)}
    assert index(tmp_path / "out-coco.json")["records"] == ["7"]


def test_columns_of_other_names_are_named_and_asked_for(world: Path, run: Run) -> None:
    (world / "odd.csv").write_text("foto,satz\na.png,a red cube\n")
    with pytest.raises(DataError) as caught:
        run(world / "odd.csv")
    line = f"ahnpl embed {world / 'odd.csv'} --image-column foto --caption-column satz"
    assert str(caught.value).endswith(f"Columns there: foto, satz. Read them with: {line}")
    captions = CaptionsConfig(image_column="foto", caption_column="satz")
    assert run(world / "odd.csv", captions=captions).texts == 1
    with pytest.raises(ConfigError, match="image_column foto, now"):
        run(world / "odd.csv", captions=CaptionsConfig(caption_column="satz"))


def test_a_folder_with_captions_is_read_by_them(world: Path, run: Run) -> None:
    (world / "metadata.jsonl").write_text('{"file_name": "b.png", "text": "two dogs"}\n')
    report = run(world)
    assert (report.images, report.texts) == (1, 1)
    assert index(world / "out")["images"][0][0] == "b.png"


def test_tar_shards_are_embedded_with_the_images_inside(
    world: Path, run: Run, tiny_backbone: OpenClipBackbone
) -> None:
    for number, name in enumerate(("a", "b")):
        with tarfile.open(world / f"0000{number}.tar", "w") as tar:
            tar.add(world / f"{name}.png", f"{number}.png")
            (world / "caption.txt").write_text(f"picture {name}")
            tar.add(world / "caption.txt", f"{number}.txt")
    report = run(world / "00000.tar", world / "00001.tar")
    assert (report.images, report.texts, report.records) == (2, 2, 2)
    features = load_file(world / "out/image-00000.safetensors")["image_features"]
    images = encode_images(tiny_backbone, [ImageRef(world / "a.png"), ImageRef(world / "b.png")])
    assert np.abs(features - images.numpy()).max() < 1e-6


def test_several_files_keep_ids_and_images_apart(tmp_path: Path, run: Run) -> None:
    for number, color in enumerate(("red", "green")):
        folder = tmp_path / str(number)
        folder.mkdir()
        Image.new("RGB", (9, 9), color).save(folder / "a.png")
        (folder / "captions.csv").write_text(f"image,caption\na.png,a {color} wall\n")
    report = run(tmp_path / "0" / "captions.csv", tmp_path / "1" / "captions.csv")
    assert (report.images, report.texts, report.records) == (2, 2, 2)
    assert len(set(index(tmp_path / "out")["records"])) == 2


def test_pictures_inside_parquet_are_embedded(world: Path, run: Run) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = {"image": [(world / "a.png").read_bytes()], "text": ["a red cube"]}
    parquet.write_table(pyarrow.table(rows), world / "data.parquet")
    report = run(world / "data.parquet", dry_run=True)
    assert (report.images, report.texts) == (1, 1)
    assert not (world / "out").exists()
    assert run(world / "data.parquet").images == 1
    assert run(world / "data.parquet").kept == 2


def test_standard_input_is_named_as_it_was_typed(
    tmp_path: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    content = io.TextIOWrapper(io.BytesIO(b'{"id": "a", "image": "a.png"}\n'))
    monkeypatch.setattr("sys.stdin", content)
    with pytest.raises(DataError, match=r"^-:1: caption: missing"):
        run(Path("-"))
