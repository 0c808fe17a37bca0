"""The workflow: what is written, refused, reused, compared."""

import json
import math
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from layouts import (
    accuracy,
    draw,
    write_aro,
    write_flickr,
    write_karpathy,
    write_sugarcrepe,
    write_valse,
)

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.source import models_to_evaluate
from ahnpl_cli.errors import BenchmarkError, ConfigError, DataError, ModelError
from ahnpl_cli.evaluation.output import read_report, read_scores
from ahnpl_cli.evaluation.report import Support
from ahnpl_cli.evaluation.saved_results import compare_saved
from ahnpl_cli.files import to_json


@pytest.fixture
def two_models(tmp_path, make_tiny, tiny_model_folder):
    other = tmp_path / "other"
    save_checkpoint(other, make_tiny(1), extra={})
    return str(tiny_model_folder), str(other)


def test_three_suites_in_one_command_give_one_report_on_disk(tmp_path, run):
    root = write_valse(write_aro(write_sugarcrepe(tmp_path / "d")))
    report = run("aro vals sugarcrepe", root)
    assert list(report.models[0].suites) == ["aro", "valse", "sugarcrepe"]
    written = read_report(tmp_path / "out" / "results.json")
    assert written == json.loads(json.dumps(to_json(report)))
    info = written["models"][0]["info"]
    assert info["activation"] == "quick_gelu" and len(info["weights_sha256"]) == 64
    assert len(written["suites"]["valse"]["files"]) == 11
    assert {"tie", "seed", "precision"} <= set(written["settings"])
    assert (info["device"], info["precision"]) == ("cpu", "fp32 (no autocast, no TF32)")
    assert {"torch", "open_clip_torch", "ahnpl", "python"} <= set(written["versions"])


def test_a_second_run_of_the_same_model_needs_no_forward_pass(tmp_path, run, monkeypatch):
    root = write_karpathy(write_valse(write_aro(write_sugarcrepe(tmp_path / "d"))))
    first = run("aro vals sugarcrepe", root)

    def fail(*args, **kwargs):
        raise AssertionError("a forward pass")

    monkeypatch.setattr(OpenClipBackbone, "encode_image", fail)
    monkeypatch.setattr(OpenClipBackbone, "encode_text", fail)
    assert run("aro vals sugarcrepe", root) == first
    with pytest.raises(AssertionError, match="a forward pass"):
        run("aro vals sugarcrepe", root, cache_features=False)


def test_images_and_texts_shared_by_suites_are_encoded_once(tmp_path, run, monkeypatch):
    root = write_sugarcrepe(tmp_path / "d")
    seen = []
    plain_encode = OpenClipBackbone.encode_image

    def count(self, images):
        seen.append(len(images))
        return plain_encode(self, images)

    monkeypatch.setattr(OpenClipBackbone, "encode_image", count)
    run("sugarcrepe", root)
    assert sum(seen) == 3  # 35 items of three photos


def test_a_report_made_otherwise_is_not_overwritten_without_force(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d")
    run("sugarcrepe", root)
    with pytest.raises(ConfigError) as error:
        run("sugarcrepe", root, tie="official")
    assert str(error.value) == (
        f"{tmp_path / 'out' / 'results.json'}: made with other options: tie strict, now official. "
        "Choose another --output, or overwrite it with --force."
    )
    run("sugarcrepe", root, tie="official", force=True)


def test_a_file_that_is_no_report_is_not_overwritten(tmp_path, run):
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.json").write_text("{}")
    with pytest.raises(ConfigError, match="exists, and was not written by `ahnpl eval`"):
        run("sugarcrepe", write_sugarcrepe(tmp_path / "d"))


def test_parquet_holds_the_same_scores_as_json_lines(tmp_path, run):
    pytest.importorskip("pyarrow")
    root = write_sugarcrepe(tmp_path / "d")
    path = tmp_path / "out" / "results.json"
    run("sugarcrepe", root)
    lines = read_scores(read_report(path)["items"], path)
    report = run("sugarcrepe", root, scores_format="parquet", force=True)
    assert report.items == "results.items.parquet"
    table = read_scores(read_report(path)["items"], path)
    for mine, theirs in zip(lines["tiny"]["sugarcrepe"], table["tiny"]["sugarcrepe"], strict=True):
        assert mine == replace(theirs, scores=mine.scores)
        assert theirs.scores == pytest.approx(mine.scores)


def test_saved_results_compare_as_models_evaluated_together_do(tmp_path, run, two_models):
    root = write_sugarcrepe(tmp_path / "d", n=12)
    together = run("sugarcrepe", root, checkpoint=two_models)
    paths = []
    for name, folder in zip("ab", two_models, strict=True):
        paths.append(tmp_path / f"{name}.json")
        run("sugarcrepe", root, checkpoint=(folder,), output=str(paths[-1]))
    saved = compare_saved(*paths, samples=100, seed=0)
    assert saved == together.comparisons
    rows = {row.name: row for row in saved[0].differences}
    by_hand = accuracy(together, "sugarcrepe", "macro_7", model=1) - accuracy(
        together, "sugarcrepe", "macro_7"
    )
    assert rows["macro_7"].difference == pytest.approx(by_hand, abs=1e-5)
    assert rows["swap_att"].p is not None and rows["macro_7"].p is None


def test_nothing_in_common_is_an_error(tmp_path, run):
    root = write_valse(write_sugarcrepe(tmp_path / "d"))
    a, b = tmp_path / "a.json", tmp_path / "b.json"
    run("sugarcrepe", root, output=str(a))
    run("valse", root, output=str(b))
    with pytest.raises(Exception, match="no suite in common, nothing to compare"):
        compare_saved(a, b, samples=100, seed=0)
    with pytest.raises(Exception, match="the same weights in both, nothing to compare"):
        compare_saved(a, a, samples=100, seed=0)


def test_only_items_that_both_results_have_are_compared_and_that_is_said(
    tmp_path, run, two_models, caplog
):
    root, path = write_sugarcrepe(tmp_path / "d"), tmp_path / "d" / "sugarcrepe" / "swap_att.json"
    a, b, c = (tmp_path / f"{name}.json" for name in "abc")
    run("sugarcrepe", root, output=str(a), checkpoint=two_models[:1])
    records = json.loads(path.read_text())
    records["0"]["filename"] = "000000000002.jpg"  # the same name of another item
    path.write_text(json.dumps(records))
    run("sugarcrepe", root, output=str(b), checkpoint=two_models[1:])
    (comparison,) = compare_saved(a, b, samples=100, seed=0)
    assert comparison.items == 34
    assert "sugarcrepe: 34 of the 35 items of tiny are in both results" in caplog.messages
    assert "sugarcrepe: the two results are of different annotation files" in caplog.messages
    for file in (root / "sugarcrepe").iterdir():
        file.write_text(file.read_text().replace("0000000000", "0000000001"))
    for i in range(101, 104):
        draw(root / "val2017" / f"{i:012d}.jpg", i)
    run("sugarcrepe", root, output=str(c), checkpoint=two_models[1:])
    with pytest.raises(DataError, match="no item in common, nothing to compare"):
        compare_saved(a, c, samples=100, seed=0)


def test_the_limit_takes_the_first_items_of_every_subset(tmp_path, run):
    report = run("sugarcrepe", write_sugarcrepe(tmp_path / "d"), limit=2)
    assert {row.n for row in report.models[0].suites["sugarcrepe"].subsets} == {2}


def test_without_a_model_and_without_a_run_the_ways_on_are_named(tmp_path, run, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ConfigError) as error:
        run("sugarcrepe", write_sugarcrepe(tmp_path / "d"), checkpoint=())
    assert str(error.value) == (
        "no model named, and no run under runs/. Give --checkpoint FOLDER or --model NAME, or "
        "train one: ahnpl train."
    )


def test_a_weight_file_whose_activation_cannot_be_known_is_refused(tmp_path, run, tiny_backbone):

    path = tmp_path / "bare.pt"
    torch.save(tiny_backbone.module.state_dict(), path)
    with pytest.raises(ModelError, match="does not say whether ViT-B-32 has quick_gelu or gelu"):
        run(
            "sugarcrepe",
            write_sugarcrepe(tmp_path / "d"),
            checkpoint=(),
            model=("ViT-B-32",),
            pretrained=(str(path),),
        )


def test_an_unknown_suite_suggests_the_nearest(tmp_path, run):
    with pytest.raises(ConfigError, match="Did you mean 'sugarcrepe'"):
        run("sugarcreep", tmp_path)


def test_every_image_missing_is_an_error_even_when_allowed(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d")
    for path in (root / "val2017").iterdir():
        path.unlink()
    with pytest.raises(BenchmarkError) as error:
        run("sugarcrepe", root, allow_missing=True)
    assert str(error.value) == "sugarcrepe: every image is missing. Check --data."


def test_a_suite_without_any_image_is_shown_as_not_scored_and_the_others_go_on(
    tmp_path, run, caplog
):
    root = write_flickr(write_sugarcrepe(tmp_path / "d"))
    for path in (root / "flickr30k-images").iterdir():
        path.unlink()
    (root / "val2017" / "000000000002.jpg").unlink()
    report = run("aro sugarcrepe retrieval", root, allow_missing=True)
    suites = report.models[0].suites
    assert [(s.name, s.n, s.total, s.coverage) for s in suites["aro"].subsets] == [
        ("Flickr30k-Order", 0, 15, 0.0)
    ]
    assert suites["aro"].coverage == suites["retrieval"].coverage == 0
    assert suites["aro"].averages == {} and math.isnan(suites["aro"].headline_value)
    assert suites["sugarcrepe"].subsets[0].n == 3
    assert "not scored, none of its 3 images is here" in report.suites["aro"].notes
    listed = tmp_path / "out" / "results.missing.txt"
    assert f"aro: not scored, none of its 3 images is here (listed in {listed})" in caplog.messages
    assert f"sugarcrepe: 1 of 3 images missing (listed in {listed})" in caplog.messages
    assert len(listed.read_text().splitlines()) == 4  # of every suite, each photo once
    assert read_report(tmp_path / "out" / "results.json")["models"][0]["suites"]["aro"]


def test_missing_images_of_all_suites_are_said_at_once(tmp_path, run):
    root = write_flickr(write_sugarcrepe(tmp_path / "d"))
    (root / "val2017" / "000000000002.jpg").unlink()
    (root / "flickr30k-images" / "1001.jpg").unlink()
    with pytest.raises(BenchmarkError) as error:
        run("retrieval sugarcrepe", root)
    listed = tmp_path / "out" / "results.missing.txt"
    assert str(error.value) == (
        "retrieval: 1 image missing: 1001.jpg; sugarcrepe: 1 image missing: 000000000002.jpg (all "
        f"in {listed}). Put them where the benchmark's authors say, or score the rest: "
        "--allow-missing."
    )
    assert len(listed.read_text().splitlines()) == 2


def test_every_average_has_its_own_n_and_coverage(tmp_path, run):
    root = write_karpathy(write_aro(tmp_path / "d"))
    for path in sorted((root / "val2014").iterdir())[1:]:
        path.unlink()
    suite = run("aro", root, allow_missing=True).models[0].suites["aro"]
    assert suite.support["macro_vg"] == Support(n=8 + 25, coverage=100.0)
    assert suite.support["coco_order_p1"] == Support(n=6, coverage=pytest.approx(100 * 6 / 21))
    assert suite.coverage < 100


def test_a_broken_image_is_named(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d")
    path = root / "val2017" / "000000000001.jpg"
    path.write_bytes(b"not a photo")
    with pytest.raises(BenchmarkError) as error:
        run("sugarcrepe", root)
    assert str(error.value) == (
        f"{path}: cannot be decoded (not an image). "
        "Fetch the image again from the benchmark's authors."
    )


def test_the_newest_run_is_evaluated_beside_its_start_by_default(
    tmp_path, run, monkeypatch, make_tiny, tiny_model_folder
):
    monkeypatch.chdir(tmp_path)
    for kept, seed in (("best", 1), ("last", 2)):
        save_checkpoint(Path("runs") / "mine" / kept, make_tiny(seed), extra={})
    start = {"model": None, "pretrained": str(tiny_model_folder), "sha256": "x"}
    (Path("runs") / "mine" / "start.json").write_text(json.dumps(start))
    report = run("sugarcrepe", write_sugarcrepe(tmp_path / "d"), checkpoint=())
    assert [model.name for model in report.models] == ["start", "mine/best", "mine"]


def test_the_start_of_a_run_keeps_the_activation_that_training_was_told(
    tmp_path, monkeypatch, make_tiny, tiny_model_folder
):
    monkeypatch.chdir(tmp_path)
    save_checkpoint(Path("runs") / "mine" / "last", make_tiny(2), extra={})
    start = {"pretrained": str(tiny_model_folder), "force_quick_gelu": False, "sha256": "x"}
    (Path("runs") / "mine" / "start.json").write_text(json.dumps(start))
    first, _ = models_to_evaluate((), (), ())
    assert first.load("cpu").info.activation == "gelu"
    assert first.load("cpu", force_quick_gelu=True).info.activation == "quick_gelu"


def test_models_and_weights_pair_up_in_order():
    sources = models_to_evaluate(("ViT-B-32", "ViT-B-16"), ("a.pt", "b.pt"), ("runs/x/last",))
    assert [source.label for source in sources] == ["ViT-B-32 a.pt", "ViT-B-16 b.pt", "x"]
    assert sources[1].arguments == {"model": "ViT-B-16", "pretrained": "b.pt"}
    with pytest.raises(ConfigError) as error:
        models_to_evaluate(("a", "b", "c"), ("x", "y"), ())
    assert str(error.value) == (
        "3 --model and 2 --pretrained. Give one --pretrained for all, or one for each in the same "
        "order."
    )


def test_a_report_of_other_weights_at_the_same_path_is_not_overwritten(
    tmp_path, run, make_tiny, tiny_model_folder
):
    root, folder = write_sugarcrepe(tmp_path / "d"), tmp_path / "model"
    save_checkpoint(folder, make_tiny(1), extra={})
    run("sugarcrepe", root, checkpoint=(str(folder),))
    before = (tmp_path / "out" / "results.json").read_bytes()
    shutil.rmtree(folder)
    save_checkpoint(folder, make_tiny(2), extra={})
    with pytest.raises(ConfigError, match="made with other options: weights of model "):
        run("sugarcrepe", root, checkpoint=(str(folder),))
    assert (tmp_path / "out" / "results.json").read_bytes() == before
    run("sugarcrepe", root, checkpoint=(str(folder),), force=True)


@pytest.mark.parametrize("name", ["results.items.jsonl", "results.missing.txt"])
def test_a_side_file_of_somebody_else_is_kept(tmp_path, run, name):
    root, foreign = write_sugarcrepe(tmp_path / "d"), tmp_path / "out" / name
    foreign.parent.mkdir()
    foreign.write_text("my notes\n")
    (root / "val2017" / "000000000002.jpg").unlink()
    with pytest.raises(ConfigError, match="exists, and was not written by `ahnpl eval`"):
        run("sugarcrepe", root, allow_missing=True)
    assert foreign.read_text() == "my notes\n"
    run("sugarcrepe", root, allow_missing=True, force=True)


def test_what_is_read_is_never_written_over_even_by_force(tmp_path, run):
    root = write_sugarcrepe(tmp_path / "d")
    path = root / "sugarcrepe" / "add_obj.json"
    before = path.read_bytes()
    with pytest.raises(ConfigError, match=r"add_obj.json: is read, and would be overwritten"):
        run("sugarcrepe", root, output=str(path), force=True)
    assert path.read_bytes() == before


def test_nan_weights_are_an_error_that_names_the_tensor_and_never_a_score(tmp_path, run, make_tiny):
    backbone = make_tiny(1)
    with torch.no_grad():
        backbone.module.text_projection[0, 0] = float("nan")
    save_checkpoint(tmp_path / "model", backbone, extra={})
    with pytest.raises(ModelError, match="text_projection"):
        run("sugarcrepe", write_sugarcrepe(tmp_path / "d"), checkpoint=(str(tmp_path / "model"),))
    assert not (tmp_path / "out" / "results.json").exists()
