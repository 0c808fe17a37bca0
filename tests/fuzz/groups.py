"""What is damaged, and what reads it: every kind of file that users hand to `ahnpl`."""

import dataclasses
import json
import runpy
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import layouts
import numpy as np
import suite_layouts
import torch
from PIL import Image
from safetensors.numpy import save_file
from typer.testing import CliRunner

from ahnpl_cli import demo
from ahnpl_cli.backbones.feature_cache import FeatureCache, model_key
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.openclip.weights import read_weights
from ahnpl_cli.cli.app import app
from ahnpl_cli.config import DemoConfig, EmbedConfig, EvalConfig, InspectConfig
from ahnpl_cli.data.captions import read_captions
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.tar_shards import read_shards
from ahnpl_cli.embedding.run import embed
from ahnpl_cli.evaluation.benchmarks import benchmarks
from ahnpl_cli.evaluation.load_suites import load_suites
from ahnpl_cli.evaluation.run import evaluate
from ahnpl_cli.evaluation.saved_results import compare_saved, read_results
from ahnpl_cli.inspection import inspect as inspection
from ahnpl_cli.inspection.identify import identify
from ahnpl_cli.inspection.tables import tables
from ahnpl_cli.progress import silent
from ahnpl_cli.reporting.tables import csv_text, latex, markdown

TESTS = Path(__file__).parent.parent
MODELS: dict[str, Path] = {}


@dataclasses.dataclass(frozen=True)
class Group:
    """A kind of file.

    Attributes:
        name: what it is called in a test's id.
        make: writes sound files into an empty folder.
        use: reads them as a command does; may raise what the command line shows as one line.
        files: which of them are damaged, as a glob.
    """

    name: str
    make: Callable[[Path], object]
    use: Callable[[Path], object]
    files: str = "*"


def prepare_models(home: Path, tiny: Path) -> None:
    """Remember the tiny model, which several groups need."""
    MODELS["tiny"] = tiny


CAPTIONS = [f"a {layouts.sentence(i)}" for i in range(8)]


def _record(i: int) -> dict[str, Any]:
    return {"id": str(i), "image": f"{i % 3}.png", "caption": CAPTIONS[i], "meta": {"n": i}}


def _negative(i: int) -> dict[str, Any]:
    edit = {"start": 0, "end": 1, "old": "a", "new": "the"}
    text = "the" + CAPTIONS[i][1:]
    filled = {"filler": "corpus", "score": 0.5, "concreteness": 3.0}
    return {"kind": "object", "caption": text, "edits": [edit], **filled}


def _write_lines(path: Path, records: list[Any]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")


def _draw_images(folder: Path) -> None:
    for i in range(3):
        layouts.draw(folder / f"{i}.png", i)


# Captions


def make_captions(folder: Path) -> None:
    records = [_record(i) for i in range(8)]
    _write_lines(folder / "a.jsonl", records)
    annotations = [{"id": i, "image_id": i % 3, "caption": CAPTIONS[i]} for i in range(8)]
    images = [{"id": i, "file_name": f"{i}.png"} for i in range(3)]
    layouts.dump(folder / "coco.json", {"images": images, "annotations": annotations})
    sentences = [{"raw": CAPTIONS[i], "sentid": i} for i in range(8)]
    karpathy = {"filename": "0.png", "filepath": "x", "split": "train", "imgid": 0}
    layouts.dump(folder / "dataset.json", {"images": [{**karpathy, "sentences": sentences}]})
    layouts.dump(folder / "blip.json", [{"image": "0.png", "caption": CAPTIONS[:2]}])
    rows = ["id,image,caption", *(f'{i},{i % 3}.png,"{CAPTIONS[i]}"' for i in range(8))]
    (folder / "t.csv").write_text("\n".join(rows))
    (folder / "t.tsv").write_text("\n".join(row.replace(",", "\t") for row in rows))


def use_captions(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        list(read_captions(path, on_error="skip"))
    for path in sorted(folder.iterdir()):
        list(read_captions(path))


def make_negatives(folder: Path) -> None:
    _draw_images(folder)
    records = [{**_record(i), "negatives": [_negative(i)]} for i in range(8)]
    _write_lines(folder / "n.jsonl", records)
    counts = {"rejected": {"object": {"lemma": 3}}, "options": {"seed": 0}}
    layouts.dump(folder / "n.meta.json", counts)


def _inspect(path: Path) -> None:
    """Look at a file as the command does: report, every format, page."""
    config = InspectConfig(device="cpu")
    _, place = identify(path)
    report = inspection.inspect(place, [], config)
    for shown in tables(report):
        for write in (markdown, latex, csv_text):
            write(shown)
    inspection.page(report, config, silent)


# Benchmarks


def _benchmark(name: str, make: Callable[[Path], object]) -> Group:
    def use(folder: Path) -> None:
        config = EvalConfig(
            data=str(folder), allow_missing=True, cache=str(folder.parent / "cache"), device="cpu"
        )
        load_suites(benchmarks([name]), config, silent)

    return Group(f"eval {name}", make, use)


def _writer(file: str) -> Callable[[Path], object]:
    """The function of a benchmark's own test that writes its layout."""
    module = runpy.run_path(str(TESTS / "evaluation" / "benchmarks" / f"test_{file}.py"))
    write: Callable[[Path], object] = module[f"write_{file}"]
    return write


def make_order(folder: Path) -> None:
    layouts.write_aro(layouts.write_flickr(layouts.write_karpathy(folder)))


def make_labels(folder: Path) -> None:
    layouts.write_folders(folder, train=3)
    rows = ["filepath,label,split"]
    for i in range(4):
        layouts.draw(folder / "tagged" / f"{i}.png", i)
        rows.append(f"{i}.png,{('cat', 'dog')[i % 2]},{('train', 'test')[i // 2]}")
    (folder / "tagged" / "labels.csv").write_text("\n".join(rows))


# Models, runs, results


def make_model(folder: Path) -> None:
    shutil.copytree(MODELS["tiny"], folder / "m")


def make_weights(folder: Path) -> None:
    state = {"module.a": torch.ones(3, 2), "module.b": torch.zeros(4)}
    torch.save({"state_dict": state}, folder / "w.pt")
    torch.save(state, folder / "plain.bin")
    save_file({"a": np.ones((3, 2), np.float32)}, folder / "w.safetensors")


def use_weights(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        read_weights(path)


def make_run(folder: Path) -> None:
    make_model(folder)
    run = folder / "r"
    shutil.copytree(folder / "m", run / "last")
    layouts.dump(run / "start.json", {"checkpoint": str(MODELS["tiny"]), "sha256": "0" * 64})
    (run / "config.toml").write_text('data = ["n.jsonl"]\nseed = 0\nimage_root = "."\n')
    step = {
        **{"step": 10, "epoch": 1, "loss": 2.0, "a": 0.9, "positive": 0.6, "valid": 1.0},
        **{"terms": {"contrastive": 1.5}, "shares": {"contrastive": 1.0}, "active": {}},
        **{"margins": {"object": 0.05}, "negatives": {"object": 0.5}, "logit_scale": 30.0},
        **{"lr": 1e-3, "grad_norm": 1.0, "images_per_second": 100.0, "memory_mb": 10.0},
    }
    _write_lines(run / "metrics.jsonl", [step, {**step, "step": 20}])
    shutil.rmtree(folder / "m")


class _Random:
    """A model of somebody's own, so that two files differ."""

    def encode_image(self, images: list[Any]) -> torch.Tensor:
        return torch.randn(len(images), 8)

    def encode_text(self, texts: list[str]) -> torch.Tensor:
        return torch.randn(len(texts), 8)


def make_results(folder: Path) -> None:
    layouts.write_sugarcrepe(folder / "data", 2)
    options = {"data": str(folder / "data"), "cache": str(folder / "cache"), "bootstrap": 100}
    tiny = {"checkpoint": (str(MODELS["tiny"]),), "device": "cpu", "workers": 0}
    evaluate(["sugarcrepe"], EvalConfig(output=str(folder / "a.json"), **options, **tiny))
    other = EvalConfig(output=str(folder / "b.json"), **options)
    evaluate(["sugarcrepe"], other, models={"random": _Random()})
    shutil.rmtree(folder / "cache")


def use_results(folder: Path) -> None:
    _inspect(folder / "a.json")
    read_results(folder / "a.json")
    compare_saved(folder / "a.json", folder / "b.json", samples=100, seed=0)


def make_embeddings(folder: Path) -> None:
    make_negatives(folder)
    config = EmbedConfig(
        output=str(folder / "e"), checkpoint=str(MODELS["tiny"]), device="cpu", workers=0
    )
    embed([folder / "n.jsonl"], config)


def make_cache(folder: Path) -> None:
    cache = _cache(folder)
    keys = [f"{i:064x}" for i in range(4)]
    cache.put(keys, torch.nn.functional.normalize(torch.ones(4, 32), dim=-1))
    cache.flush()


def _cache(folder: Path) -> FeatureCache:
    info = load_backbone(checkpoint=MODELS["tiny"], device="cpu").info
    assert model_key(info)
    return FeatureCache(folder, info, also=())


def use_cache(folder: Path) -> None:
    features = _cache(folder).get([f"{i:064x}" for i in range(4)])
    for row in features.values():
        assert torch.isfinite(row).all()


# Pictures and shards


def make_images(folder: Path) -> None:
    picture = Image.effect_noise((40, 30), 60).convert("RGB")
    for ending in ("png", "jpg", "gif", "bmp", "webp", "tiff"):
        picture.save(folder / f"x.{ending}")


def use_images(folder: Path) -> None:
    for path in sorted(folder.iterdir()):
        ImageRef(path, (2, 2, 20, 20)).load()


def make_shards(folder: Path) -> None:
    inside = folder.parent / f"{folder.name} members"
    inside.mkdir()
    _draw_images(inside)
    with tarfile.open(folder / "s.tar", "w") as tar:
        for i in range(3):
            record = {**_record(i), "negatives": [_negative(i)]}
            (inside / f"{i}.json").write_text(json.dumps(record))
            tar.add(inside / f"{i}.png", f"{i}.png")
            tar.add(inside / f"{i}.json", f"{i}.json")


def use_shards(folder: Path) -> None:
    for _, member, _ in read_shards([str(folder / "s.tar")]):
        member.load()
    list(read_shards([str(folder / "s.tar")], on_error="skip"))


# Options


def make_config(folder: Path) -> None:
    text = 'seed = 1\nmodel = "scenes-tiny"\nexamples = 3\ncheckpoint = ["a", "b"]\nhtml = true\n'
    (folder / "o.toml").write_text(text)


def use_config(folder: Path) -> None:
    words = ["inspect", str(folder / "gone.jsonl"), "--config", str(folder / "o.toml")]
    result = CliRunner().invoke(app, words)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code in (2, 3)
    assert result.stderr.count("\n") == 1


def make_demo(folder: Path) -> None:
    stages = {"scenes": {"argv": ["scenes"], "seconds": 1.0}}
    options = {"seed": 0, "device": "auto", "quick": True}
    layouts.dump(folder / "demo.json", {"options": options, "stages": stages})


def use_demo(folder: Path) -> None:
    next(demo.run(folder, DemoConfig(quick=True), lambda argv: None, lambda stage: None))


_ALL = (
    Group("captions", make_captions, use_captions),
    Group("negatives", make_negatives, lambda folder: _inspect(folder / "n.jsonl"), "n.*"),
    Group("images", make_images, use_images),
    Group("shards", make_shards, use_shards),
    Group("weights", make_weights, use_weights),
    Group("model", make_model, lambda f: load_backbone(checkpoint=f / "m", device="cpu")),
    Group("run", make_run, lambda folder: _inspect(folder / "r"), "*.*"),
    Group("results", make_results, use_results, "a.*"),
    Group("embeddings", make_embeddings, lambda folder: _inspect(folder / "e"), "*s*"),
    Group("cache", make_cache, use_cache),
    Group("options", make_config, use_config),
    Group("demo", make_demo, use_demo),
    _benchmark("sugarcrepe", layouts.write_sugarcrepe),
    _benchmark("sugarcrepe++", _writer("sugarcrepe_pp")),
    _benchmark("aro", make_order),
    _benchmark("valse", layouts.write_valse),
    _benchmark("winoground", layouts.write_winoground),
    _benchmark("crepe", _writer("crepe")),
    _benchmark("vl-checklist", _writer("vl_checklist")),
    _benchmark("gnm", _writer("gnm")),
    _benchmark("retrieval", make_order),
    _benchmark("zeroshot", make_labels),
    _benchmark("probe", make_labels),
    *(
        _benchmark(name, write)
        for name, write in suite_layouts.WRITERS.items()
        # These write Parquet, which pyarrow reads and guards.
        if name not in ("vismin", "half-truths")
    ),
)
GROUPS = {group.name: group for group in _ALL}
