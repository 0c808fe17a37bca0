"""The options of `ahnpl demo`."""

from __future__ import annotations

from dataclasses import dataclass

from ahnpl_cli.config.options import (
    Device,
    device_option,
    force_option,
    html_option,
    opt,
    resume_option,
    seed_option,
)


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """Every stage on the embedded world."""

    output: str | None = opt(
        None, "Folder to write; default: ahnpl-demo.", flags=("-o", "--out"), metavar="PATH"
    )
    seed: int = seed_option()
    device: Device = device_option()
    quick: bool = opt(False, "Fewer scenes and steps: under two minutes on two cores.")
    html: str | None = html_option()
    resume: bool = resume_option()
    force: bool = force_option()
