"""Nothing lost and nothing mixed: other people's files, other processes, changes under way."""

import dataclasses
import json
import os
from pathlib import Path

import pytest

from ahnpl_cli.config import CaptionsConfig, NegativesConfig
from ahnpl_cli.data.captions import Layout, read_captions
from ahnpl_cli.errors import BusyError, ConfigError, DataError
from ahnpl_cli.negatives.first_pass import LONGEST, Index
from ahnpl_cli.negatives.generate import generate
from ahnpl_cli.outputs import lock, meta_path
from ahnpl_cli.records import KINDS

CONFIG = NegativesConfig(filler="corpus", workers=1)
FORCED = dataclasses.replace(CONFIG, force=True)
DRY = dataclasses.replace(CONFIG, dry_run=True)


@pytest.fixture
def captions(tmp_path, write_captions):
    return write_captions(tmp_path / "captions.jsonl", 12)


def files(folder):
    return {path.name: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def test_a_second_writer_is_refused_and_changes_nothing(tmp_path, captions):
    output = tmp_path / "out.jsonl"
    with lock(output):
        before = files(tmp_path)
        with pytest.raises(BusyError, match="another process is writing here"):
            generate(captions, output, FORCED)
        assert files(tmp_path) == before


def test_a_dry_run_touches_nothing_of_a_running_job(tmp_path, captions):
    output = tmp_path / "out.jsonl"
    work = tmp_path / ".out.jsonl.work"
    work.mkdir()
    (work / "index.sqlite").write_text("of the running job")
    with lock(output):
        before = files(tmp_path)
        assert generate(captions, output, DRY).dry_run
        assert files(tmp_path) == before


def test_a_dry_run_needs_no_folder_to_write_in(tmp_path, captions):
    assert generate(captions, tmp_path / "none" / "out.jsonl", DRY).captions == 12
    assert not (tmp_path / "none").exists()


def test_a_report_of_somebody_else_is_kept(tmp_path, captions):
    meta = tmp_path / "out.meta.json"
    meta.write_text("mine")
    with pytest.raises(ConfigError, match="out.meta.json: exists, and was not written by"):
        generate(captions, tmp_path / "out.jsonl", CONFIG)
    assert meta.read_text() == "mine"


@pytest.mark.parametrize("config", [CONFIG, FORCED], ids=["plain", "force"])
@pytest.mark.parametrize("name", ["notes.txt", "folder/notes.txt"])
def test_a_work_folder_of_somebody_else_is_kept(tmp_path, captions, config, name):
    notes = tmp_path / ".out.jsonl.work" / name
    notes.parent.mkdir(parents=True)
    notes.write_text("mine")
    with pytest.raises(ConfigError, match="holds files that `ahnpl negatives` did not write"):
        generate(captions, tmp_path / "out.jsonl", config)
    assert notes.read_text() == "mine"


@pytest.mark.parametrize("name", ["captions.jsonl", "link.jsonl", "hard.jsonl"])
def test_the_captions_are_never_the_output(tmp_path, captions, name):
    (tmp_path / "link.jsonl").symlink_to(captions.name)
    os.link(captions, tmp_path / "hard.jsonl")
    before = captions.read_bytes()
    with pytest.raises(ConfigError, match="is the file of captions, and would be overwritten"):
        generate(captions, tmp_path / name, FORCED)
    assert captions.read_bytes() == before


def test_captions_named_like_the_report_are_kept(tmp_path, captions):
    named = captions.rename(tmp_path / "out.meta.json")
    before = named.read_bytes()
    with pytest.raises(ConfigError, match="is the file of captions"):
        generate(named, tmp_path / "out.jsonl", FORCED)
    assert named.read_bytes() == before


def test_a_folder_is_no_output(tmp_path, captions):
    with pytest.raises(ConfigError, match="is a folder, not a file"):
        generate(captions, tmp_path, FORCED)


def test_a_link_to_the_output_stays_a_link(tmp_path, captions):
    (tmp_path / "real").mkdir()
    (tmp_path / "out.jsonl").symlink_to("real/negatives.jsonl")
    generate(captions, tmp_path / "out.jsonl", FORCED)
    assert (tmp_path / "out.jsonl").is_symlink()
    assert len((tmp_path / "real" / "negatives.jsonl").read_text().splitlines()) == 12


def test_an_edited_output_is_noticed(tmp_path, captions):
    output = tmp_path / "out.jsonl"
    generate(captions, output, CONFIG)
    with output.open("a") as file:
        file.write("\n")
    with pytest.raises(ConfigError, match="was changed since `ahnpl negatives` wrote it"):
        generate(captions, output, CONFIG)


def test_the_options_that_differ_are_named(tmp_path, captions):
    output = tmp_path / "out.jsonl"
    generate(captions, output, CONFIG)
    with pytest.raises(ConfigError) as error:
        generate(captions, output, dataclasses.replace(CONFIG, seed=1, per_kind=2))
    hint = "Choose another --output, or overwrite it with --force."
    what = "made with other options: per_kind 8, now 2; seed 0, now 1"
    assert str(error.value) == f"{output}: {what}. {hint}"


@pytest.mark.parametrize("moment", ["Tagging captions", "Making negatives"])
def test_captions_that_change_under_way_give_no_output(tmp_path, captions, moment):
    output = tmp_path / "out.jsonl"

    def track(items, *, total=None, description="", unit=""):
        for number, item in enumerate(items):
            if description == moment and number == 0:
                captions.write_text(captions.read_text().replace("young", "brown"))
            yield item

    with pytest.raises(DataError) as error:
        generate(captions, output, CONFIG, track=track)
    hint = "Run the same command again; it starts over."
    assert str(error.value) == f"{captions}: was changed while its negatives were made. {hint}"
    assert sorted(files(tmp_path)) == ["captions.jsonl"]
    assert generate(captions, output, CONFIG).resumed == 0


def test_a_caption_beyond_all_measure_is_named_or_skipped(tmp_path, captions):
    with captions.open("a") as file:
        record = {"id": "long", "image": "a.jpg", "caption": "a cat " * (LONGEST // 5)}
        file.write(json.dumps(record) + "\n")
    with pytest.raises(DataError) as error:
        generate(captions, tmp_path / "out.jsonl", CONFIG)
    what = f"{captions}:13: caption: a caption of 24,000 characters"
    assert str(error.value) == f"{what}. At most 20,000 will do."
    skipping = dataclasses.replace(CONFIG, on_error="skip")
    report = generate(captions, tmp_path / "out.jsonl", skipping)
    assert (report.captions, report.skipped) == (12, 1)


@pytest.mark.parametrize(
    ("value", "what"),
    [
        ("NaN", "not usable JSON, NaN is not a number that JSON knows"),
        ("-Infinity", "not usable JSON, -Infinity is not a number that JSON knows"),
        (r'"\ud800"', r"half of a surrogate pair, \ud800"),
        ("[" * 10**5 + "]" * 10**5, "not usable JSON, nested too deeply"),
        ("1" * 5000, "not usable JSON, Exceeds the limit"),
    ],
    ids=["NaN", "infinity", "surrogate", "deep", "digits"],
)
def test_what_no_json_file_could_take_is_one_line_even_in_meta(tmp_path, captions, value, what):
    with captions.open("a") as file:
        file.write(f'{{"id": "x", "image": "a.jpg", "caption": "a cat", "more": {value}}}\n')
    with pytest.raises(DataError) as error:
        generate(captions, tmp_path / "out.jsonl", CONFIG)
    assert str(error.value).startswith(f"{captions}:13: {what}")
    skipping = dataclasses.replace(CONFIG, on_error="skip")
    assert generate(captions, tmp_path / "out.jsonl", skipping).skipped == 1


COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}, {"id": 2, "file_name": "b\ud800.jpg"}],
    "annotations": [
        {"id": 1, "image_id": 1, "caption": "a dog on a bed"},
        {"id": 2, "image_id": 1, "caption": "a cat \udfff"},
    ],
}
BLIP = [{"image": "a.jpg", "caption": ["a dog on a bed"]}, {"image": "b", "caption": "a \ud800"}]


@pytest.mark.parametrize(("document", "skipped"), [(COCO, 2), (BLIP, 1)], ids=["coco", "blip"])
def test_half_a_surrogate_pair_in_a_document_can_be_skipped(tmp_path, document, skipped):
    path = tmp_path / "captions.json"
    path.write_text(json.dumps(document))
    with pytest.raises(DataError, match=r"captions.json:1: half of a surrogate pair, .ud800"):
        generate(path, tmp_path / "out.jsonl", CONFIG)
    report = generate(path, tmp_path / "out.jsonl", dataclasses.replace(CONFIG, on_error="skip"))
    assert (report.captions, report.skipped) == (1, skipped)


def test_no_kinds_are_refused():
    with pytest.raises(ConfigError) as error:
        NegativesConfig(kinds=())
    assert str(error.value) == f"--kinds names no kind. Known: {', '.join(KINDS)}."


def test_fields_of_json_lines_may_have_other_names(tmp_path):
    path = tmp_path / "metadata.jsonl"
    path.write_text('{"file_name": "a.jpg", "text": "a cat", "license": 4}\n')
    layout = Layout(image_column="file_name", caption_column="text")
    (record,) = read_captions(path, layout)
    assert (record.id, record.image, record.caption) == ("1", "a.jpg", "a cat")
    assert record.meta == {"license": 4}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"image_column": "x"},
            "--image-column has no effect on captions in coco format. Leave --image-column out.",
        ),
        (
            {"split": "val"},
            "--split has no effect on captions in coco format. Only Karpathy's files have splits.",
        ),
    ],
)
def test_options_without_effect_are_refused(tmp_path, options, message):
    path = tmp_path / "coco.json"
    note = {"id": 1, "image_id": 7, "caption": "a cat on a bed"}
    images = [{"id": 7, "file_name": "a.jpg"}]
    path.write_text(json.dumps({"images": images, "annotations": [note]}))
    with pytest.raises(ConfigError) as error:
        generate(
            path,
            tmp_path / "out.jsonl",
            dataclasses.replace(CONFIG, captions=CaptionsConfig(**options)),
        )
    assert str(error.value) == message


def test_a_full_disk_while_tagging_is_an_error_of_the_system(tmp_path):
    index = Index(tmp_path)
    index.create()
    # SQLite's own limit raises what it raises when the disk is full.
    index._words.execute("PRAGMA max_page_count = 6")
    word = (0, 9, "x" * 9000, "x", "NN", "n", "x")
    with pytest.raises(OSError, match="No space left on device") as error:
        index.add_words([(number, (word,)) for number in range(9)])
    assert error.value.filename == str(tmp_path / "words.sqlite")
    index.close()


def test_the_report_of_an_output_lies_beside_it(tmp_path, captions):
    generate(captions, tmp_path / "out.jsonl", CONFIG)
    assert meta_path(tmp_path / "out.jsonl").exists()
    assert sorted(files(tmp_path)) == ["captions.jsonl", "out.jsonl", "out.meta.json"]


def _numbered(lines, copy):
    return lines.replace('"id": "', f'"id": "{copy}-')


@pytest.mark.skipif(not os.path.isdir("/proc/self"), reason="asks /proc for open files")
@pytest.mark.parametrize("broken", ["a record", "a worker"])
def test_an_error_leaves_no_file_open(tmp_path, captions, monkeypatch, broken):
    if broken == "a record":
        captions.write_text(captions.read_text() + "no record\n" + captions.read_text())
    else:
        captions.write_text("".join(_numbered(captions.read_text(), copy) for copy in range(60)))
        monkeypatch.setattr("ahnpl_cli.negatives.worker._Worker.make_part", lambda *given: 1 / 0)
    # The error holds the frames that it came through, and with them all that they left open.
    with pytest.raises((DataError, ZeroDivisionError)) as held:
        generate(captions, tmp_path / "out.jsonl", CONFIG)
    links = [path for path in Path("/proc/self/fd").iterdir() if path.exists()]
    left = {os.readlink(path) for path in links if os.path.lexists(path)}
    assert held and not {name for name in left if name.startswith(str(tmp_path))}
