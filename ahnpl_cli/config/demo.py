"""The options of `ahnpl demo`."""

from __future__ import annotations

from dataclasses import dataclass

from ahnpl_cli.config.options import (
    Device,
    check_page,
    device_option,
    force_option,
    html_option,
    html_path_option,
    opt,
    resume_option,
    seed_option,
)


@dataclass(frozen=True, kw_only=True)
class DemoConfig:
    """Every stage on the synthetic scenes."""

    output: str | None = opt(
        None, "Folder to write; default: ahnpl-demo.", flags=("-o", "--out"), metavar="PATH"
    )
    seed: int = seed_option()
    device: Device = device_option()
    quick: bool = opt(False, "Fewer scenes and steps: under two minutes on two cores.")
    html: bool = html_option()
    html_path: str | None = html_path_option()
    resume: bool = resume_option()
    force: bool = force_option()

    def __post_init__(self) -> None:
        check_page(self.html_path)
