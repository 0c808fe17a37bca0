import gzip
import io
import json
import logging

import pytest

from ahnpl_cli.data.captions import Layout, detect_format, read_captions
from ahnpl_cli.errors import DataError
from ahnpl_cli.records import CaptionRecord

CAT = CaptionRecord("1", "a.jpg", "a cat")
DOG = CaptionRecord("2", "a.jpg", "a dog")
JSONL = (
    '{"id": "1", "image": "a.jpg", "caption": "a cat"}\n'
    '{"id": 2, "image": "a.jpg", "caption": "a dog"}\n'
)
COCO = {
    "info": {},
    "images": [{"id": 7, "file_name": "a.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 7, "caption": "a cat"},
        {"id": 2, "image_id": 7, "caption": "a dog"},
    ],
}
KARPATHY = {
    "images": [
        {
            "filepath": "val2014",
            "filename": "a.jpg",
            "split": split,
            "sentences": [{"raw": f"a {split}", "sentid": n}, {"raw": "a dog", "sentid": n + 10}],
        }
        for n, split in enumerate(("train", "restval", "test"))
    ],
    "dataset": "coco",
}
BLIP = [{"image": "a.jpg", "caption": ["a cat", "a dog"]}, {"image": "b.jpg", "caption": "a cow"}]


def written(tmp_path, text, name="captions"):
    path = tmp_path / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize(
    ("text", "format", "records"),
    [
        (JSONL, "jsonl", [CAT, DOG]),
        (json.dumps(COCO), "coco", [CAT, DOG]),
        (json.dumps(COCO, indent=1), "coco", [CAT, DOG]),
        (
            json.dumps(BLIP),
            "blip",
            [
                CaptionRecord("0-0", "a.jpg", "a cat"),
                CaptionRecord("0-1", "a.jpg", "a dog"),
                CaptionRecord("1", "b.jpg", "a cow"),
            ],
        ),
        ("id,image,caption\n1,a.jpg,a cat\n2,a.jpg,a dog\n", "csv", [CAT, DOG]),
        ("id\timage\tcaption\n1\ta.jpg\ta cat\n2\ta.jpg\ta dog\n", "tsv", [CAT, DOG]),
    ],
)
@pytest.mark.parametrize("packed", [False, True])
def test_every_format_is_recognised_and_read(tmp_path, text, format, records, packed):
    data = gzip.compress(text.encode()) if packed else text.encode()
    path = written(tmp_path, data)
    assert detect_format(path) == format
    assert list(read_captions(path)) == records


def test_karpathys_training_splits_are_read_unless_others_are_named(tmp_path):
    path = written(tmp_path, json.dumps(KARPATHY))
    assert [r.id for r in read_captions(path)] == ["0", "10", "1", "11"]
    assert next(read_captions(path)).image == "val2014/a.jpg"
    test = Layout(splits=("test",))
    assert [r.caption for r in read_captions(path, test)] == ["a test", "a dog"]
    with pytest.raises(DataError) as error:
        list(read_captions(path, Layout(splits=("val",))))
    hint = "Name with --split one of: restval, test, train, all."
    assert str(error.value) == f"{path}: no image of split val. {hint}"


def test_columns_of_a_table_can_be_chosen_and_rows_are_numbered_without_an_id(tmp_path):
    path = written(tmp_path, 'file,text,lang\na.jpg,"a cat, asleep",en\n')
    layout = Layout(image_column="file", caption_column="text")
    assert list(read_captions(path, layout)) == [
        CaptionRecord("2", "a.jpg", "a cat, asleep", meta={"lang": "en"})
    ]


def test_other_fields_are_kept_under_meta_and_old_negatives_are_left(tmp_path):
    line = {"id": "1", "image": "a", "caption": "c", "meta": {"x": 1}, "y": 2, "negatives": []}
    path = written(tmp_path, json.dumps(line))
    assert next(read_captions(path)).meta == {"y": 2, "x": 1}


def test_standard_input_is_read(monkeypatch, tmp_path):
    from pathlib import Path

    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(JSONL.encode())))
    assert list(read_captions(Path("-"))) == [CAT, DOG]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            '{"id": "1", "image": "a"}',
            "{path}:1: caption: missing. Every record has an image and a caption.",
        ),
        ('{"id": "1", "image": "a", "caption": " "}', "{path}:1: caption: empty"),
        ('{"id": "1", "image": "a", "caption": 3}', "{path}:1: caption: not a string"),
        (
            JSONL.encode() + b'{"id": "3", "image": "a", "caption": "caf\xe9"}',
            "{path}:3: not UTF-8 at byte 41 (0xe9). "
            "Convert the file, e.g. `iconv -f latin1 -t utf-8`.",
        ),
        (
            JSONL + '{"id": "3",',
            "{path}:3: not JSON, expecting property name enclosed in double quotes at column 12. "
            "Every line must be one JSON object.",
        ),
        (
            "id,image,caption\n1,a.jpg\n",
            "{path}:2: 2 cells under 3 columns. Quote cells with separators.",
        ),
        (
            "id,datei,what it shows\n1,a.jpg,a cat\n",
            "{path}:1: no column 'image'. Columns there: id, datei, what it shows. Read them with: "
            "ahnpl negatives {path} --image-column datei --caption-column 'what it shows'",
        ),
        (
            b"id,image,caption\n1,a.jpg,caf\xe9\n",
            "{path}:2: caption: not UTF-8 at byte 3 (0xe9). "
            "Convert the file, e.g. `iconv -f latin1 -t utf-8`.",
        ),
        (
            json.dumps(COCO)[:-30],
            "{path}:1: not JSON, unterminated string starting at. Is the file complete?",
        ),
        (
            json.dumps({**COCO, "images": []}),
            "{path}: annotations[0]: image_id: no image has the id 7",
        ),
        (
            '[{"image": "a.jpg"}]',
            "{path}: [0]: caption: missing. Every record has an image and a caption.",
        ),
        (
            "hello",
            "{path}: unrecognized format. Set --input-format, such as --input-format text for a "
            "caption a line.",
        ),
        (
            '{"id": "1", "img_name": "a.jpg", "words": "a cat"}',
            "{path}:1: image: missing. Columns there: id, img_name, words. Read them with: "
            "ahnpl negatives {path} --image-column img_name --caption-column words",
        ),
        ("{\n}", "{path}: JSON of an unknown layout. Set --input-format."),
    ],
)
def test_what_is_wrong_is_said_with_file_line_and_field(tmp_path, text, message):
    path = written(tmp_path, text)
    with pytest.raises(DataError) as error:
        list(read_captions(path))
    assert str(error.value) == message.format(path=path)


def test_broken_records_can_be_skipped(tmp_path, caplog):
    path = written(tmp_path, JSONL + '{"id": "3"}\n')
    with caplog.at_level(logging.WARNING):
        assert list(read_captions(path, on_error="skip")) == [CAT, DOG]
    rule = "Every record has an image and a caption."
    assert caplog.messages == [f"Skipped {path}:3: image: missing. {rule}"]


def test_a_document_larger_than_the_window_is_read_in_pieces(tmp_path, monkeypatch):
    monkeypatch.setattr("ahnpl_cli.data.json_stream._CHUNK", 7)
    many = [{"image": f"{n}.jpg", "caption": "é" * n + "x"} for n in range(50)]
    path = written(tmp_path, json.dumps(many, ensure_ascii=False))
    assert [r.caption for r in read_captions(path)] == [m["caption"] for m in many]


A, B = CaptionRecord("1", "a.jpg", "a cat"), CaptionRecord("2", "b.jpg", "a dog")


@pytest.mark.parametrize(
    ("name", "text", "records"),
    [
        # open_clip, Hugging Face's metadata.jsonl, img2dataset, Excel in Europe.
        ("a.tsv", "filepath\ttitle\na.jpg\ta cat\nb.jpg\ta dog\n", [("2", A), ("3", B)]),
        (
            "metadata.jsonl",
            '{"file_name": "a.jpg", "text": "a cat"}\n{"file_name": "b.jpg", "text": "a dog"}\n',
            [("1", A), ("2", B)],
        ),
        ("a.csv", "url;TEXT\na.jpg;a cat\nb.jpg;a dog\n", [("2", A), ("3", B)]),
        # Several captions of an image.
        (
            "a.jsonl",
            '{"image_path": "a.jpg", "captions": ["a cat", "a dog"]}\n',
            [("1-0", A), ("1-1", CaptionRecord("", "a.jpg", "a dog"))],
        ),
        # Without a heading: CC3M, Flickr8k.
        ("a.tsv", "a cat\thttp://x.org/a\n", [("1", CaptionRecord("", "http://x.org/a", "a cat"))]),
        ("token.txt", "a.jpg#0\ta cat\nb.jpg#0\ta dog\n", [("1", A), ("2", B)]),
        # A caption a line, each of a picture of its own.
        (
            "lines.txt",
            "a cat, asleep\na dog\n",
            [
                ("1", CaptionRecord("", "line-1", "a cat, asleep")),
                ("2", CaptionRecord("", "line-2", "a dog")),
            ],
        ),
    ],
)
def test_files_of_others_are_read_as_they_are(tmp_path, name, text, records):
    path = tmp_path / name
    path.write_text(text)
    read = [(r.id, r.image, r.caption) for r in read_captions(path)]
    assert read == [(identity, r.image, r.caption) for identity, r in records]


def test_visual_genomes_regions_are_captions_of_the_image_in_its_folder(tmp_path):
    (tmp_path / "VG_100K_2").mkdir()
    (tmp_path / "VG_100K_2" / "7.jpg").touch()
    region = {"region_id": 1382, "phrase": " the clock is green ", "x": 1, "image_id": 7}
    other = {**region, "region_id": 1383, "phrase": "a wall"}
    path = tmp_path / "region_descriptions.json"
    path.write_text(json.dumps([{"id": 7, "regions": [region]}, {"id": 8, "regions": [other]}]))
    assert list(read_captions(path)) == [
        CaptionRecord("1382", "VG_100K_2/7.jpg", "the clock is green"),
        CaptionRecord("1383", "VG_100K/8.jpg", "a wall"),
    ]
