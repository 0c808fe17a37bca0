"""Nearest images in the batch: which they are, what is drawn of them, and when they are found."""

import math
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from ahnpl_cli.backbones.feature_cache import FeatureCache, default_folder
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.data.images import ImageRef, image_key
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.runs import NEIGHBORS
from ahnpl_cli.training import dry_run, neighbors
from ahnpl_cli.training.build import TrainingParts, build
from ahnpl_cli.training.dry_run import preview
from ahnpl_cli.training.loop import fit
from ahnpl_cli.training.neighbors import NeighborOrder

Make = Callable[..., TrainConfig]


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AHNPL_CACHE", str(tmp_path / "cache"))


def built(config: TrainConfig) -> TrainingParts:
    return build(config, Path(config.output or ""))


def found(parts: TrainingParts) -> list[list[int]]:
    assert parts.neighbors is not None
    return parts.neighbors.nearest.tolist()


def looped(features: torch.Tensor, count: int) -> list[list[int]]:
    rows = []
    for i, own in enumerate(features):
        others = [j for j in range(len(features)) if j != i]
        rows.append(sorted(others, key=lambda j: -float(own @ features[j]))[:count])
    return rows


def test_the_nearest_images_are_those_of_the_start(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    # Blocks that do not divide the images.
    monkeypatch.setattr(neighbors, "BLOCK", 5)
    parts = built(make_config(image_neighbors=4))
    model = parts.backbone
    model.module.eval()
    with torch.no_grad():
        pixels = [model.preprocess(p.load())[None] for p in parts.data.pictures]
        features = torch.cat([model.encode_image(one) for one in pixels])
    assert found(parts) == looped(features, 4)


def test_features_that_are_on_disk_are_used(make_config: Make) -> None:
    config = make_config(objective="clip", image_neighbors=1)
    plain = built(make_config(objective="clip"))
    assert plain.neighbors is None
    # On disk every image lies beside the one before it, on a circle.
    pictures = plain.data.pictures
    angles = torch.arange(len(pictures)) ** 1.2 / 20
    features = torch.zeros(len(pictures), plain.backbone.info.embed_dim)
    features[:, 0], features[:, 1] = angles.cos(), angles.sin()
    cache = FeatureCache(default_folder(), plain.backbone.info, also=())
    cache.put([image_key(p) for p in pictures if isinstance(p, ImageRef)], features)
    cache.flush()
    assert found(built(config)) == [[1], *([i] for i in range(len(pictures) - 1))]


def test_each_pair_brings_one_of_its_nearest_images(make_config: Make) -> None:
    parts = built(make_config(image_neighbors=3, batch_size=4))
    data, order = parts.data, parts.order
    assert isinstance(order, NeighborOrder)
    assert order.batch_size == 8
    drawn, passed_over = set(), 0
    for step in range(36):
        rows = order.rows(step)
        assert rows[::2].tolist() == order.pairs_alone.rows(step).tolist()
        pictures = data.picture_of[data.rows[rows]].tolist()
        for own, beside in zip(pictures[::2], pictures[1::2], strict=True):
            assert beside in found(parts)[own]
            fresh = set(found(parts)[own]) - set(pictures[::2])
            assert beside in fresh or not fresh - set(pictures[1::2])
            if found(parts)[own][0] not in pictures:
                passed_over += 1
        assert order.rows(step).tolist() == rows.tolist()
        drawn.update(map(tuple, rows.reshape(-1, 2).tolist()))
    # Not always the nearest one of all.
    assert passed_over > 10
    # Other images in another epoch, and both captions of an image.
    for own in range(24):
        assert len({beside for row, beside in drawn if row == own}) > 1
    again = replace(order, pairs_alone=replace(order.pairs_alone, seed=1))
    assert again.rows(0).tolist() != order.rows(0).tolist()
    trial = order.with_batches_of(2)
    assert (trial.batch_size, len(trial.rows(0))) == (2, 2)


def test_a_run_finds_them_once(make_config: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    config = make_config(image_neighbors=2, steps=2, save_every=1)
    fit(config)
    file = Path(config.output or "") / NEIGHBORS
    written = file.read_bytes()

    def refuse(*args: object, **options: object) -> None:
        raise AssertionError("the images are encoded again")

    with monkeypatch.context() as patch:
        patch.setattr(neighbors, "encode_images", refuse)
        assert fit(config).resumed_from == 2
        # Of another number they would have to be found again.
        with pytest.raises(AssertionError):
            built(make_config(image_neighbors=3))
    file.write_bytes(b"damaged")
    fit(config)
    assert file.read_bytes() == written
    fit(make_config(steps=2, force=True))
    assert not file.exists()


def test_a_dry_run_measures_steps_with_neighbors_and_looks_for_none(
    make_config: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(neighbors, "encode_images", None)
    # However slow the machine is.
    monkeypatch.setattr(dry_run, "LONGEST", math.inf)
    plan = preview(make_config(image_neighbors=3))
    assert (plan.batch_size, plan.tried_pairs) == (16, 16)
    assert plan.steps == 6


def test_one_image_has_no_neighbor(make_config: Make) -> None:
    with pytest.raises(ConfigError) as caught:
        built(make_config(image_neighbors=1, limit=2, batch_size=2))
    assert str(caught.value) == "--image-neighbors needs two images. Leave it out."
    few = built(make_config(image_neighbors=9, limit=6, batch_size=2))
    assert np.array(found(few)).shape == (3, 2)
