"""A small world to embed: three photos, one of them twice, and captions with negatives."""

from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from ahnpl_cli.config import EmbedConfig
from ahnpl_cli.data.jsonl import write_records
from ahnpl_cli.embedding.run import embed
from ahnpl_cli.records import CaptionRecord, Edit, EmbedReport, Kind, Negative

Run = Callable[..., EmbedReport]


def negative(kind: Kind, caption: str) -> Negative:
    return Negative(kind=kind, caption=caption, edits=(Edit(0, 1, "a", "b"),), filler="swap")


RECORDS = (
    CaptionRecord(
        "r0",
        "a.png",
        "a red cube",
        (negative("attribute", "a blue cube"), negative("object", "a red ball")),
    ),
    CaptionRecord("r1", "b.png", "two dogs asleep on a long wooden table"),
    CaptionRecord("r2", "a.png", "a cube", (negative("object", "a red ball"),)),
    CaptionRecord("r3", "copy.png", "a red cube", (negative("swap", "cube a red"),)),
)


@pytest.fixture
def world(tmp_path: Path) -> Path:
    """A folder with negatives.jsonl and its images; copy.png holds the bytes of b.png."""
    for name, colour in (("a.png", "red"), ("b.png", "green"), ("copy.png", "green")):
        Image.new("RGB", (40, 30), colour).save(tmp_path / name)
    write_records(tmp_path / "negatives.jsonl", RECORDS)
    return tmp_path


@pytest.fixture
def run(tiny_model_folder: Path, tmp_path: Path) -> Run:
    """Embeds sources with the tiny model into tmp_path/out, or where `output` says."""

    def call(*sources: Path, **options: object) -> EmbedReport:
        defaults = {
            "checkpoint": str(tiny_model_folder),
            "output": str(tmp_path / "out"),
            "device": "cpu",
            "workers": 0,
        }
        return embed(sources, EmbedConfig(**{**defaults, **options}))  # type: ignore[arg-type]

    return call
