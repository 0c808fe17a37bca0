"""Where `a` of Eq. 8 starts, and margins that are read from the start."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from ahnpl_cli.config import TrainConfig
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.training.checkpoints import STATE
from ahnpl_cli.training.loop import fit, train
from ahnpl_cli.training.run import open_run

Make = Callable[..., TrainConfig]


def test_a_starts_from_the_start_models_own_pairs(
    make_config: Make, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level("INFO", logger="ahnpl_cli"):
        run = open_run(make_config(batch_size=8, steps=4))
        parts = run.parts
        # Of few pairs all are read; here three batches of eight.
        rows = np.concatenate([parts.order.rows(step) for step in range(3)])
        pictures = [parts.data.pictures[number] for number in parts.data.picture_of[rows]]
        pixels = torch.stack([parts.backbone.preprocess(p.load()) for p in pictures])
        texts = parts.data.draw(rows, seed=0, epoch=0).text
        parts.backbone.module.eval()
        with torch.no_grad():
            images = parts.backbone.encode_image(pixels)
            captions = parts.backbone.encode_text(parts.data.tokens.padded(texts))
        want = (images * captions).sum(1).quantile(0.25).item()
        steps = train(run)
        first = next(steps)
    assert parts.backbone.module.training
    assert first is not None and first.a == pytest.approx(want, abs=1e-5)
    assert f"Eq. 8's a starts at {want:.3f}, read from 24 pairs." in caplog.messages
    assert 'a_init = "auto"' in (run.folder.path / "config.toml").read_text()


def test_margins_are_read_from_the_start_models_own_gaps(
    make_config: Make, caplog: pytest.LogCaptureFixture
) -> None:
    # The first step is a plain one, whose negatives are read all the same.
    options = {"margin_cap": "auto", "a_init": "0.3", "plain_every": 2, "batch_size": 24}
    with caplog.at_level("INFO", logger="ahnpl_cli"):
        run = open_run(make_config(steps=2, **options))
        parts = run.parts
        rows = parts.order.rows(0)
        draw = parts.data.draw(rows, seed=0, epoch=0)
        pictures = [parts.data.pictures[number] for number in parts.data.picture_of[rows]]
        pixels = torch.stack([parts.backbone.preprocess(p.load()) for p in pictures])
        gaps = []
        parts.backbone.module.eval()
        with torch.no_grad():
            images = parts.backbone.encode_image(pixels)
            for i, k in zip(*draw.valid.nonzero(), strict=True):
                pair = np.array([draw.text[i], draw.negative[i, k]])
                own, wrong = parts.backbone.encode_text(parts.data.tokens.padded(pair)) @ images[i]
                gaps.append((own - wrong).item())
        for _ in train(run):
            pass
    want = np.std(gaps)
    assert len(gaps) > 24 and want > 1e-4
    assert parts.objective.spread.item() == pytest.approx(want, rel=1e-3)
    said = f"Margins that are auto are {want:.4f}, the spread of S(I,T) - S(I,T_n) of 24 pairs."
    assert said in caplog.messages
    assert not any(line.startswith("Eq. 8's a starts") for line in caplog.messages)
    # The margins found it as their bound, or lie below.
    assert parts.objective.margin.max().item() <= parts.objective.spread.item()
    saved = torch.load(run.folder.last / STATE, weights_only=True)["objective"]
    assert saved["spread"] == parts.objective.spread
    assert 'margin_cap = "auto"' in (run.folder.path / "config.toml").read_text()
    assert fit(make_config(steps=2, **options)).resumed_from == 2


def test_a_run_goes_on_with_the_a_it_started_with(make_config: Make, tmp_path: Path) -> None:
    whole = fit(make_config(steps=6, save_every=2, output=str(tmp_path / "whole")))
    run = open_run(make_config(steps=6, save_every=2))
    steps = train(run)
    for _ in range(3):
        next(steps)
    del steps, run
    resumed = fit(make_config(steps=6, save_every=2))
    assert resumed.resumed_from == 2
    assert [step.a for step in resumed.metrics] == [step.a for step in whole.metrics]


@pytest.mark.parametrize("name", ["margin_cap", "cement_cap"])
def test_a_margin_that_is_none_is_refused(name: str, make_config: Make) -> None:
    with pytest.raises(ConfigError) as caught:
        open_run(make_config(**{name: "normal"}))
    flag = name.replace("_", "-")
    message = f"--{flag} cannot be 'normal'. Give auto, or a number from 0 on."
    assert str(caught.value) == message


@pytest.mark.parametrize("given", ["big", "-0.1", "nan", "inf"])
def test_an_a_that_is_no_start_is_refused(given: str, make_config: Make) -> None:
    with pytest.raises(ConfigError) as caught:
        open_run(make_config(a_init=given))
    assert str(caught.value) == (
        f"--a-init cannot be {given!r}. Give auto, normal, or a number from 0 on."
    )
