"""Several sources of training pairs on one command line."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
import torch

from ahnpl_cli.data.dataset import TrainingSet
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.sources import DataSource, parse_sources
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.records import CaptionRecord


def test_a_file_alone_has_neither_name_nor_weight() -> None:
    assert parse_sources(["d/n.jsonl"], None) == [DataSource("", "d/n.jsonl", Path("d"))]
    assert parse_sources(["n.jsonl"], "photos") == [DataSource("", "n.jsonl", Path("photos"))]


def test_each_source_has_its_root_and_its_weight() -> None:
    data = ["coco=c/n.jsonl:0.5", "cc3m=cc/{00..09}.tar", "vg=v.jsonl:2"]
    assert parse_sources(data, "coco=train2017,vg=genome.zip") == [
        DataSource("coco", "c/n.jsonl", Path("train2017"), 0.5),
        DataSource("cc3m", "cc/{00..09}.tar", Path("cc")),
        DataSource("vg", "v.jsonl", Path("genome.zip"), 2.0),
    ]


def test_a_file_that_is_called_so_is_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a=b:2").touch()
    assert parse_sources(["a=b:2"], None)[0].data == "a=b:2"


@pytest.mark.parametrize(
    ("data", "root", "message"),
    [
        (["a=x", "a=y"], None, "--data names two sources a. Give each a name of its own."),
        (
            ["a=x"],
            "b=y",
            "--image-root of b, which is no source. Names given with --data: a.",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    data: list[str], root: str | None, message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_sources(data, root)
    assert str(refused.value) == message


def test_a_weight_repeats_pairs_and_a_fraction_takes_a_part_of_them() -> None:
    names = [f"{source}/{number}" for source in ("a", "b") for number in range(200)]
    records = [
        (CaptionRecord(name, f"{name}.png", f"caption {name}"), ImageRef(Path(name)), [])
        for name in names
    ]

    def tokenize(texts: Sequence[str]) -> torch.Tensor:
        return torch.tensor([[len(text)] for text in texts])

    data = TrainingSet(records, tokenize)
    data.weigh("a", 2)
    data.weigh("b", 0.25)
    times = np.bincount(data.rows, minlength=400)
    assert set(times[:200].tolist()) == {2}
    assert set(times[200:].tolist()) == {0, 1}
    assert 30 <= times[200:].sum() <= 70
