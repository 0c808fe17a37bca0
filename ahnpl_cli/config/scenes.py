"""The options of `ahnpl scenes`."""

from __future__ import annotations

from dataclasses import dataclass

from ahnpl_cli.config.options import (
    force_option,
    opt,
    seed_option,
    workers_option,
)


@dataclass(frozen=True, kw_only=True)
class ScenesConfig:
    """The synthetic scenes."""

    output: str | None = opt(
        None, "Folder to write, as OUT; default: scenes.", flags=("-o", "--out"), metavar="PATH"
    )
    train: int = opt(4000, "Training images.", min=0)
    test: int = opt(500, "Items of each test file.", min=0)
    seed: int = seed_option()
    workers: int | None = workers_option("draw")
    force: bool = force_option()
