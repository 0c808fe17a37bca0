"""`embed` writes each distinct thing once, resumes to the same bytes, and can be read by anyone."""

import json
import multiprocessing
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from safetensors.numpy import load_file

import ahnpl_cli
from ahnpl_cli.backbones.checkpoint import save_checkpoint
from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.backbones.feature_cache import FeatureCache
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.data.images import ImageRef, file_sha256, text_key
from ahnpl_cli.data.jsonl import write_records
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.perturbation import image_negatives
from ahnpl_cli.records import KINDS, CaptionRecord, EmbedReport

Run = Callable[..., EmbedReport]


def tree(folder: Path) -> dict[str, bytes]:
    """Every file of a folder, hidden ones too, by name."""
    files = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_bytes() for path in files}


def index(folder: Path) -> dict[str, list[list[str]]]:
    found: dict[str, list[list[str]]] = json.loads((folder / "index.json").read_text())
    return found


def test_each_distinct_image_and_text_has_one_row(world: Path, run: Run) -> None:
    report = run(world / "negatives.jsonl")
    assert (report.records, report.images, report.texts, report.negatives) == (4, 2, 3, 3)
    assert load_file(world / "out/image-00000.safetensors")["image_features"].shape == (2, 32)
    assert load_file(world / "out/text-00000.safetensors")["text_features"].shape == (3, 32)
    assert load_file(world / "out/negative-00000.safetensors")["negative_features"].shape == (3, 32)


def test_the_index_names_every_row_with_its_hash(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    found = index(world / "out")
    assert found["images"] == [[name, file_sha256(world / name)] for name in ("a.png", "b.png")]
    texts = ["a red cube", "two dogs asleep on a long wooden table", "a cube"]
    assert found["texts"] == [[text, text_key(text)] for text in texts]
    assert [name for name, _ in found["negatives"]] == ["a blue cube", "a red ball", "cube a red"]
    assert found["records"] == ["r0", "r1", "r2", "r3"]


def test_records_point_at_their_rows(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    records = load_file(world / "out/records-00000.safetensors")
    assert records["image_row"].tolist() == [0, 1, 0, 1]
    assert records["text_row"].tolist() == [0, 1, 2, 0]
    assert records["negative_offsets"].tolist() == [0, 2, 2, 3, 4]
    assert records["negative_row"].tolist() == [0, 1, 1, 2]
    assert [KINDS[kind] for kind in records["negative_kind"]] == [
        "attribute",
        "object",
        "object",
        "swap",
    ]


def test_features_are_those_of_the_model(
    world: Path, run: Run, tiny_backbone: OpenClipBackbone
) -> None:
    run(world / "negatives.jsonl", batch_size=1)
    images = encode_images(tiny_backbone, [ImageRef(world / "a.png"), ImageRef(world / "b.png")])
    texts = encode_texts(tiny_backbone, [text for text, _ in index(world / "out")["texts"]])
    found_images = load_file(world / "out/image-00000.safetensors")["image_features"]
    found_texts = load_file(world / "out/text-00000.safetensors")["text_features"]
    assert np.abs(found_images - images.numpy()).max() < 1e-6
    assert np.abs(found_texts - texts.numpy()).max() < 1e-6


def test_half_precision_is_stored_as_asked(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", dtype="float16", perturb=True)
    for stem, name in (("image", "image_features"), ("perturbed", "image_negative_features")):
        found = load_file(world / f"out/{stem}-00000.safetensors")[name]
        assert found.dtype == np.float16
        assert np.abs(np.linalg.norm(found.astype(np.float32), axis=1) - 1).max() < 1e-2


@pytest.mark.parametrize("rows_per_shard", [1, 2, 100])
def test_perturb_gives_the_image_negatives_of_equations_1_and_2(
    world: Path, run: Run, tiny_backbone: OpenClipBackbone, rows_per_shard: int
) -> None:
    report = run(world / "negatives.jsonl", perturb=True, rows_per_shard=rows_per_shard)
    found = np.concatenate(
        [load_file(p)["image_negative_features"] for p in sorted(world.glob("out/perturbed-*"))]
    )
    pairs = [
        ("a.png", "a red cube", "a blue cube"),
        ("a.png", "a red cube", "a red ball"),
        ("a.png", "a cube", "a red ball"),
        ("copy.png", "a red cube", "cube a red"),
    ]
    images = encode_images(tiny_backbone, [ImageRef(world / image) for image, _, _ in pairs])
    texts = encode_texts(tiny_backbone, [text for _, text, _ in pairs])
    negatives = encode_texts(tiny_backbone, [negative for _, _, negative in pairs])
    expected = image_negatives(images, texts, negatives[:, None])[:, 0]
    assert report.image_negatives == 4
    assert np.abs(found - expected.numpy()).max() < 1e-6


def test_shards_are_bounded_and_together_the_same(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", output=str(world / "whole"))
    run(world / "negatives.jsonl", rows_per_shard=2)
    parts = [load_file(p)["text_features"] for p in sorted(world.glob("out/text-*"))]
    assert [len(part) for part in parts] == [2, 1]
    whole = load_file(world / "whole/text-00000.safetensors")["text_features"]
    assert np.abs(np.concatenate(parts) - whole).max() < 1e-6
    assert index(world / "out")["texts"] == index(world / "whole")["texts"]
    blocks = [load_file(p) for p in sorted(world.glob("out/records-*"))]
    assert [len(block["negative_row"]) for block in blocks] == [2, 2]
    assert [block["negative_offsets"].tolist() for block in blocks] == [[0, 2, 2], [0, 1, 2]]


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


def test_other_work_on_the_same_content_finds_the_features(
    world: Path, run: Run, tiny_backbone: OpenClipBackbone, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(world)
    run(world / "negatives.jsonl", output="embeddings", shard="0/1")
    for name in ("encode_text", "encode_image"):
        monkeypatch.setattr(tiny_backbone, name, None)
    cache = FeatureCache(world / "cache", tiny_backbone.info)
    text = encode_texts(tiny_backbone, ["cube a red", "a red cube"], cache=cache)
    image = encode_images(tiny_backbone, [ImageRef(world / "copy.png")], cache=cache)
    assert torch.allclose(text.norm(dim=1), torch.ones(2))
    assert torch.allclose(image.norm(dim=1), torch.ones(1))


def test_the_same_command_again_computes_nothing_and_changes_nothing(
    world: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    run(world / "negatives.jsonl", perturb=True, rows_per_shard=2)
    before = tree(world / "out")
    monkeypatch.setattr("ahnpl_cli.embedding.shards.encode_texts", None)
    monkeypatch.setattr("ahnpl_cli.embedding.shards.encode_images", None)
    report = run(world / "negatives.jsonl", perturb=True, rows_per_shard=2)
    assert tree(world / "out") == before
    assert report.kept == 5


def test_no_trace_of_the_work_is_left(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    assert sorted(tree(world / "out")) == [
        "image-00000.safetensors",
        "index.json",
        "negative-00000.safetensors",
        "records-00000.safetensors",
        "text-00000.safetensors",
    ]


def in_child(call: Callable[[], object], kill_at: str | None = None) -> int | None:
    """Run `call` in a child that is gone the moment a file `kill_at` would be put in place."""
    replace = os.replace

    def kill(old: Path, new: Path) -> None:
        if kill_at is not None and new.name.startswith(kill_at):
            os.kill(os.getpid(), signal.SIGKILL)
        replace(old, new)

    def work() -> None:
        os.replace = kill  # type: ignore[assignment]
        torch.set_num_threads(1)  # The parent's threads are not in its child.
        call()

    child = multiprocessing.get_context("fork").Process(target=work)
    child.start()
    child.join()
    return child.exitcode


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.parametrize("moment", ["image-00000", "negative-00001", "records-00000", "index"])
def test_killed_with_kill_9_it_resumes_to_the_same_bytes(
    world: Path, run: Run, moment: str
) -> None:
    work = partial(run, world / "negatives.jsonl", rows_per_shard=2, perturb=True)
    assert in_child(work) == 0
    (world / "out").rename(world / "whole")
    assert in_child(work, kill_at=moment) == -signal.SIGKILL
    assert not (world / "out" / "index.json").exists()
    assert in_child(work) == 0
    assert tree(world / "out") == tree(world / "whole")


def test_input_that_grew_computes_only_what_is_new(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", rows_per_shard=1)
    with (world / "negatives.jsonl").open("a") as file:
        file.write('{"id": "r4", "image": "a.png", "caption": "something new"}\n')
    report = run(world / "negatives.jsonl", rows_per_shard=1)
    assert (report.texts, report.kept) == (4, 8)


def test_shards_of_input_that_is_gone_are_deleted(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", rows_per_shard=1)
    lines = (world / "negatives.jsonl").read_text().splitlines(keepends=True)
    (world / "negatives.jsonl").write_text(lines[1])
    run(world / "negatives.jsonl", rows_per_shard=1)
    assert [path.name for path in world.glob("out/text-*")] == ["text-00000.safetensors"]
    assert not list(world.glob("out/negative-*"))


def test_an_image_that_changed_is_computed_again(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    before = load_file(world / "out/image-00000.safetensors")["image_features"]
    Image.new("RGB", (40, 30), "blue").save(world / "a.png")
    run(world / "negatives.jsonl")
    after = load_file(world / "out/image-00000.safetensors")["image_features"]
    assert np.abs(before[0] - after[0]).max() > 1e-4


def test_output_of_other_options_is_not_overwritten_unasked(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    with pytest.raises(ConfigError) as caught:
        run(world / "negatives.jsonl", dtype="float16")
    assert str(caught.value) == (
        f"{world / 'out'}: made with other options: dtype float32, now float16. "
        "Choose another --output, or overwrite it with --force."
    )
    run(world / "negatives.jsonl", dtype="float16", force=True)
    found = load_file(world / "out/text-00000.safetensors")["text_features"]
    assert found.dtype == np.float16


@pytest.mark.parametrize("name", ["index.json", "text-00000.safetensors", "image-7.safetensors"])
def test_a_file_of_others_is_not_overwritten_unasked(world: Path, run: Run, name: str) -> None:
    (world / "out").mkdir()
    (world / "out" / name).write_text("{}")
    with pytest.raises(ConfigError) as caught:
        run(world / "negatives.jsonl")
    assert str(caught.value) == (
        f"{world / 'out' / name}: exists, and was not written by `ahnpl embed`. "
        "Choose another --output, or overwrite it with --force."
    )
    assert (world / "out" / name).read_text() == "{}"
    assert run(world / "negatives.jsonl", force=True).kept == 0


def test_a_damaged_index_is_named_and_replaced_on_request(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    (world / "out" / "index.json").write_text("{")
    with pytest.raises(DataError, match=r"index\.json: not JSON"):
        run(world / "negatives.jsonl")
    run(world / "negatives.jsonl", force=True)


def test_force_deletes_nothing_that_is_not_ours(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    (world / "out" / "image-notes.txt").write_text("mine")
    (world / "out" / "my.safetensors").write_text("mine")
    run(world / "negatives.jsonl", dtype="float16", force=True)
    assert {"image-notes.txt", "my.safetensors"} <= tree(world / "out").keys()


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


def test_a_dry_run_counts_and_writes_nothing(world: Path, run: Run) -> None:
    report = run(world / "negatives.jsonl", dry_run=True, perturb=True)
    assert (report.images, report.texts, report.negatives, report.image_negatives) == (2, 3, 3, 4)
    assert report.bytes == (2 + 3 + 3 + 4) * 32 * 4
    assert not (world / "out").exists()


def test_limit_takes_the_first_records(world: Path, run: Run) -> None:
    assert run(world / "negatives.jsonl", limit=2).records == 2
    assert index(world / "out")["records"] == ["r0", "r1"]


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


def test_numpy_and_safetensors_alone_can_read_it(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl")
    code = (
        "import json; from safetensors.numpy import load_file\n"
        "ids = [id for id, _ in json.load(open('out/index.json'))['images']]\n"
        "features = dict(zip(ids, load_file('out/image-00000.safetensors')['image_features']))\n"
        "import sys; assert 'torch' not in sys.modules; print(features['a.png'].shape)"
    )
    env = {key: value for key, value in os.environ.items() if key != "PYTHONPATH"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=world, env=env, capture_output=True, text=True, check=True
    )
    assert done.stdout == "(32,)\n"


def test_shards_of_another_model_are_not_taken_for_ours(
    world: Path, run: Run, make_tiny: Callable[..., OpenClipBackbone]
) -> None:
    run(world / "negatives.jsonl")
    (world / "out" / "index.json").unlink()  # Without it nothing says whose they are but they do.
    save_checkpoint(world / "other", make_tiny(1), extra={})
    assert run(world / "negatives.jsonl", checkpoint=str(world / "other")).kept == 0


def test_the_manual_s_lines_read_it(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", output=str(world / "embeddings"))
    manual = (Path(ahnpl_cli.__file__).parent / "docs" / "features.md").read_text(encoding="utf-8")
    code = "\n".join(re.findall(r"```python\n(.*?)```", manual, re.S))
    shown = "\nprint(index['images'][0][0], similarity.shape, negatives.tolist())"
    command = [sys.executable, "-W", "ignore", "-c", code + shown]
    done = subprocess.run(command, cwd=world, capture_output=True, text=True)
    assert (done.stdout, done.stderr) == ("a.png (4,) [0, 1]\n", "")
