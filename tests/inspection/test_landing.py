"""How near Eq. 2 comes to painted pictures: loops, values by hand, a run and a file with models."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.backbones.source import ModelSource
from ahnpl_cli.config import ImagesConfig, InspectConfig
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.jsonl import read_records, write_records
from ahnpl_cli.imaging.generate import generate
from ahnpl_cli.inspection import images, run
from ahnpl_cli.inspection.landing import (
    PaintedNegative,
    landing_chart,
    landing_cosines,
    landing_table,
    landings,
    painted_negatives,
)
from ahnpl_cli.progress import silent
from ahnpl_cli.records import CaptionRecord, Edit, Negative
from ahnpl_cli.scenes.generate import generate as draw_world


@pytest.fixture(scope="module")
def painted(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`images.jsonl` of a few scenes whose colors were exchanged, with the scenes beside it."""
    world = tmp_path_factory.mktemp("world")
    draw_world(world, train=12, test=1, workers=1)
    records = []
    for record in read_records(world / "captions.jsonl"):
        at = record.caption.find("red")
        if at >= 0:
            text = record.caption.replace("red", "green", 1)
            negative = Negative("attribute", text, (Edit(at, at + 3, "red", "green"),))
            records.append(CaptionRecord(record.id, record.image, record.caption, (negative,)))
    write_records(world / "negatives.jsonl", records)
    config = ImagesConfig(workers=1, image_root=str(world))
    generate(world / "negatives.jsonl", world / "painted", config)
    return world / "painted" / "images.jsonl"


def cosine(a: list[float], b: list[float]) -> float:
    dot = sum(x * y for x, y in zip(a, b, strict=True))
    return dot / math.sqrt(sum(x * x for x in a)) / math.sqrt(sum(y * y for y in b))


def looped(
    image: list[float], text: list[float], negative: list[float], picture: list[float]
) -> list[float]:
    moved = [i + n - t for i, n, t in zip(image, negative, text, strict=True)]
    shift = [n - t for n, t in zip(negative, text, strict=True)]
    own = [p - i for p, i in zip(picture, image, strict=True)]
    return [cosine(moved, picture), cosine(image, picture), cosine(shift, own)]


def test_the_cosines_are_those_of_a_loop() -> None:
    generator = torch.Generator().manual_seed(0)
    rows = torch.nn.functional.normalize(torch.randn(4, 5, 6, generator=generator), dim=-1)
    got = landing_cosines(*rows)
    want = [looped(*(part[i].tolist() for part in rows)) for i in range(5)]
    torch.testing.assert_close(got, torch.tensor(want).T)


def test_an_edit_that_moves_images_as_it_moves_texts_lands_where_eq_2_says() -> None:
    """e_I = (1, 0), e_T = (0, 1), e_Tn = (0, -1): Eq. 2 says (1, -2) / sqrt 5."""
    image, text, negative = ([1.0, 0.0], [0.0, 1.0], [0.0, -1.0])
    picture = [1 / math.sqrt(5), -2 / math.sqrt(5)]
    rows = (torch.tensor([row]) for row in (image, text, negative, picture))
    moved, unmoved, shifts = landing_cosines(*rows)[:, 0].tolist()
    assert moved == pytest.approx(1)
    assert unmoved == pytest.approx(1 / math.sqrt(5))
    # Of (0, -2) with (1/sqrt 5 - 1, -2/sqrt 5): 4/sqrt 5 / (2 sqrt(2 - 2/sqrt 5)) = 0.850651.
    assert shifts == pytest.approx(0.850651, abs=1e-5)


def test_a_kinds_line_is_the_mean_over_its_pictures(painted: Path, tmp_path: Path) -> None:
    world = painted.parents[1]
    records = list(read_records(painted))
    found = list(painted_negatives(records, world, painted.parent))
    assert len(found) == len(records)
    some = [*found[:3], PaintedNegative("object", *vars_of(found[3]))]
    rows = landings(some, [ModelSource("start", {"model": "scenes-tiny"})], device="cpu")
    assert [(row.kind, row.n) for row in rows] == [("attribute", 3), ("object", 1), ("all", 4)]

    backbone = load_backbone(model="scenes-tiny", device="cpu")
    want = [looped(*features(backbone, negative)) for negative in some]
    for row, numbers in zip(rows, (want[:3], want[3:], want), strict=True):
        means = [sum(column) / len(numbers) for column in zip(*numbers, strict=True)]
        assert [row.moved, row.unmoved, row.shifts] == pytest.approx(means, abs=1e-5)
        nearer = [moved > unmoved for moved, unmoved, _ in numbers]
        assert row.nearer == pytest.approx(100 * sum(nearer) / len(nearer))


def vars_of(negative: PaintedNegative) -> tuple[Path, Path, str, str]:
    return negative.image, negative.painted, negative.caption, negative.negative


def features(backbone: Backbone, negative: PaintedNegative) -> list[list[float]]:
    with torch.inference_mode():
        pixels = [
            backbone.preprocess(ImageRef(path).load())
            for path in (negative.image, negative.painted)
        ]
        image, picture = backbone.encode_image(torch.stack(pixels)).tolist()
        texts = backbone.tokenize([negative.caption, negative.negative])
        text, foil = backbone.encode_text(texts).tolist()
    return [image, text, foil, picture]


def test_negatives_whose_picture_or_photo_is_gone_are_left_out(
    painted: Path, tmp_path: Path
) -> None:
    copy = tmp_path / "images"
    shutil.copytree(painted.parent, copy)
    records = list(read_records(painted))
    next(copy.rglob("*.png")).unlink()
    assert len(list(painted_negatives(records, painted.parents[1], copy))) == len(records) - 1
    assert list(painted_negatives(records, copy, copy)) == []


@pytest.fixture
def trained(painted: Path, tmp_path: Path, make_tiny: Callable[..., OpenClipBackbone]) -> Path:
    """A run on the pictures that starts from the bundled model."""
    from ahnpl_cli.config import OptimizerConfig, TrainConfig
    from ahnpl_cli.training.loop import fit

    optimizer = OptimizerConfig(batch_size=4, steps=2, lr=1e-3, warmup=0)
    root = str(painted.parents[1])
    config = TrainConfig(
        output=str(tmp_path / "run"),
        data=(str(painted),),
        image_root=root,
        model="scenes-tiny",
        optimizer=optimizer,
        device="cpu",
        workers=0,
    )
    return Path(fit(config).run)


def test_a_run_on_pictures_says_where_they_lie_at_its_start_and_after(trained: Path) -> None:
    config = InspectConfig(device="cpu")
    report = run.inspect(trained, config, silent)
    rows = report.details.landings
    assert [(row.kind, row.model) for row in rows] == [
        ("attribute", "start"),
        ("attribute", "last"),
        ("all", "start"),
        ("all", "last"),
    ]
    assert rows[0].moved != rows[1].moved
    last = run.tables(report.details)[-1]
    assert last.title == "Eq. 2 and the painted pictures"
    assert last.rows[0][:3] == ("attribute", "start", rows[0].n)
    html = run.page(report, config, silent)
    assert f"n = {rows[0].n}" in html and "e_I itself, start" in html


def test_a_run_whose_start_is_gone_is_still_valid(trained: Path) -> None:
    start = json.loads((trained / "start.json").read_text())
    (trained / "start.json").write_text(json.dumps({**start, "model": "gone"}))
    report = run.inspect(trained, InspectConfig(device="cpu"), silent)
    assert report.valid and report.details.landings == ()
    assert any("painted pictures were not measured" in f.text for f in report.findings)


def test_pictures_with_a_model_are_compared_with_eq_2(painted: Path) -> None:
    config = InspectConfig(image_root=str(painted.parents[1]), model="scenes-tiny", device="cpu")
    report = images.inspect(painted, config, silent)
    rows = report.details.landings
    assert {row.kind for row in rows} == {"attribute", "all"}
    titles = [table.title for table in images.tables(report.details)]
    assert "Eq. 2 and the painted pictures" in titles
    assert 'aria-label="Eq. 2 and the painted pictures"' in images.page(report, config, silent)
    plain = images.inspect(painted, InspectConfig(image_root=config.image_root), silent)
    assert plain.details.landings == ()


def test_the_chart_has_a_bar_a_model_and_marks_for_the_images_themselves() -> None:
    from ahnpl_cli.inspection.landing import Landing

    rows = [Landing("object", model, 3, 0.5, 0.25, 0.1, 100.0) for model in ("start", "last")]
    chart = str(landing_chart(rows))
    assert chart.count(">50.0</b>") == 2 and chart.count('title="25.0"') == 2
    assert landing_table(rows).rows[1] == ("object", "last", 3, 0.5, 0.25, 0.1, "100.0")
