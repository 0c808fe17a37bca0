"""The options of `ahnpl frontier`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ahnpl_cli.config.options import (
    Device,
    TableFormat,
    allow_missing_option,
    batch_size_option,
    cache_option,
    check_page,
    data_option,
    device_option,
    force_option,
    format_option,
    html_option,
    html_path_option,
    limit_option,
    opt,
    output_option,
    seed_option,
    workers_option,
)


@dataclass(frozen=True, kw_only=True)
class FrontierConfig:
    """Weights between a start and a run, measured on gain and retention."""

    data: str | None = data_option()
    gain: tuple[str, ...] = opt(
        (), "Suites whose mean headline is the gain; default: the compositional ones that are here."
    )
    retention: tuple[str, ...] = opt(
        (), "Suites whose mean is retention; default: retrieval, zeroshot, probe, if here."
    )
    method: Literal["both", "wise-ft", "lines"] = opt(
        "both", "One factor for all weights (wise-ft), or a slope over layers (lines)."
    )
    points: int = opt(4, "Points of each method between start and run.", min=1, max=100)
    budget: str | None = opt(
        None,
        "What must hold of the point chosen, in points above the start, such as "
        "'retention >= -1' or 'gain >= 5'; the other is then as high as it gets.",
    )
    write: str | None = opt(
        None, "Save the chosen weights as a checkpoint in this folder.", metavar="PATH"
    )
    output: str | None = output_option("Folder to write; default: frontier in the first run.")
    allow_missing: bool = allow_missing_option()
    cache: str | None = cache_option()
    seed: int = seed_option()
    device: Device = device_option()
    batch_size: int = batch_size_option(256, "Images or texts")
    workers: int | None = workers_option("decode images")
    limit: int | None = limit_option("items per subset")
    force: bool = force_option()
    html: bool = html_option()
    html_path: str | None = html_path_option()
    format: TableFormat = format_option()

    def __post_init__(self) -> None:
        check_page(self.html_path)
