"""Captions in several files, in folders, shards and columnar files become one file of ours."""

import io
import json
import tarfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from ahnpl_cli.cli.options import training_line
from ahnpl_cli.data.captions import Layout
from ahnpl_cli.data.gather import caption_file, gather, must_be_gathered
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.data.tar_output import pack
from ahnpl_cli.data.tar_shards import read_shards
from ahnpl_cli.errors import DataError
from ahnpl_cli.records import CaptionRecord, Negative


def png(color: str) -> bytes:
    stream = io.BytesIO()
    Image.new("RGB", (4, 4), color).save(stream, "PNG")
    return stream.getvalue()


def write_tar(path: Path, members: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w") as tar:
        for name, content in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return path


@pytest.fixture
def shard(tmp_path: Path) -> Path:
    """A shard as img2dataset writes it."""
    members = {}
    for number, color in enumerate(("red", "blue")):
        key = f"00000{number:04d}"
        about = {"key": key, "url": "http://x", "caption": f"a {color} wall", "status": "success"}
        members |= {f"{key}.png": png(color), f"{key}.txt": f"a {color} wall".encode()}
        members[f"{key}.json"] = json.dumps(about).encode()
    return write_tar(tmp_path / "00000.tar", members)


def test_a_folder_of_images_is_read_by_its_metadata(tmp_path: Path) -> None:
    (tmp_path / "metadata.jsonl").write_text('{"file_name": "a.png", "text": "a cat"}\n')
    assert caption_file(tmp_path) == tmp_path / "metadata.jsonl"
    (tmp_path / "empty").mkdir()
    with pytest.raises(DataError, match=r"in a folder these are looked for: metadata\.jsonl, "):
        caption_file(tmp_path / "empty")


def test_several_files_keep_ids_apart_and_images_where_they_are(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "a.png").write_bytes(png("red"))
        (tmp_path / name / f"{name}.csv").write_text(f"filepath;title\na.png;a {name}\n")
    paths = [tmp_path / "one" / "one.csv", tmp_path / "two" / "two.csv"]
    assert must_be_gathered(paths) and not must_be_gathered(paths[:1])
    gather(paths, Layout(), tmp_path / "all.jsonl", tmp_path / "images")
    assert list(read_records(tmp_path / "all.jsonl")) == [
        CaptionRecord("one/2", "one/a.png", "a one"),
        CaptionRecord("two/2", "two/a.png", "a two"),
    ]


def test_shards_go_in_and_come_out_with_negatives_and_the_same_images(
    shard: Path, tmp_path: Path
) -> None:
    joined, made = tmp_path / "captions.jsonl", tmp_path / "negatives.jsonl"
    gather([shard], Layout(), joined, tmp_path / "images")
    records = list(read_records(joined))
    assert [(record.id, record.caption) for record in records] == [
        ("000000000", "a red wall"),
        ("000000001", "a blue wall"),
    ]
    with ImageRef(tmp_path / records[0].image).load() as image:
        assert image.getpixel((0, 0)) == (255, 0, 0)
    negative = Negative("attribute", "a green wall")
    negatives = [CaptionRecord(r.id, r.image, r.caption, (negative,)) for r in records]
    write_records(made, negatives)
    (written,) = pack([shard], made, tmp_path / "out")
    read = list(read_shards([f"{tmp_path}/out/*.tar"]))
    # Inside of a shard an image is called by its member's name.
    inside = [replace(record, image=f"{record.id}.png") for record in negatives]
    assert [record for record, _, _ in read] == inside
    old = [image.open().read() for _, image, _ in read_shards([str(shard)])]
    assert [image.open().read() for _, image, _ in read] == old
    before = written.stat().st_mtime_ns
    pack([shard], made, tmp_path / "out")
    assert written.stat().st_mtime_ns == before


def test_pictures_inside_parquet_are_written_out_and_never_mixed_up(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    rows = {
        "image": [{"bytes": png("red"), "path": "x.png"}, {"bytes": None, "path": "y.png"}],
        "text": [["a cat", "a dog"], ["a bird"]],
    }
    parquet.write_table(pyarrow.table(rows), tmp_path / "data.parquet")
    blue = {"image": [{"bytes": png("blue"), "path": "x.png"}], "text": [["a wall"]]}
    parquet.write_table(pyarrow.table(blue), tmp_path / "more.parquet")
    paths = [tmp_path / "data.parquet", tmp_path / "more.parquet"]
    gather(paths, Layout(), tmp_path / "all.jsonl", tmp_path / "images")
    cat, dog, bird, wall = read_records(tmp_path / "all.jsonl")
    texts = ["a cat", "a dog", "a bird", "a wall"]
    assert [record.caption for record in (cat, dog, bird, wall)] == texts
    assert [cat.id, dog.id, wall.id] == ["data/1-0", "data/1-1", "more/1-0"]
    assert (cat.image, bird.image) == (dog.image, "y.png")
    # Row 1 of either file; image paths begin beside the gathered captions.
    assert (tmp_path / cat.image).read_bytes() == png("red")
    assert (tmp_path / wall.image).read_bytes() == png("blue")


def test_what_datasets_saved_is_read(tmp_path: Path) -> None:
    pyarrow = pytest.importorskip("pyarrow")
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "dataset_info.json").write_text("{}")
    table = pyarrow.table({"file_name": ["a.jpg"], "caption": ["a cat"]})
    sink = pyarrow.OSFile(str(folder / "data-00000-of-00001.arrow"), "wb")
    with sink, pyarrow.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    assert caption_file(folder) == folder
    gather([folder], Layout(), tmp_path / "all.jsonl", tmp_path / "images")
    assert list(read_records(tmp_path / "all.jsonl")) == [CaptionRecord("1", "a.jpg", "a cat")]


def test_the_line_that_trains_is_ready_to_copy() -> None:
    assert training_line(Path("negatives.jsonl"), None) == "ahnpl train"
    line = "ahnpl train --data 'my n.jsonl' --image-root photos"
    assert training_line(Path("my n.jsonl"), Path("photos")) == line
