"""The options of `ahnpl inspect`."""

from __future__ import annotations

from dataclasses import dataclass

from ahnpl_cli.config.options import (
    Device,
    TableFormat,
    check_page,
    checkpoint_option,
    device_option,
    format_option,
    html_option,
    html_path_option,
    image_root_option,
    model_option,
    opt,
    pretrained_option,
    seed_option,
)


@dataclass(frozen=True, kw_only=True)
class InspectConfig:
    """Tables of examples and validity of files."""

    checkpoint: tuple[str, ...] = checkpoint_option()
    model: str | None = model_option()
    pretrained: str | None = pretrained_option()
    force_quick_gelu: bool | None = opt(None, "Decide the activation where it cannot be known.")
    image_root: str | None = image_root_option()
    examples: int | None = opt(
        None,
        "How many examples to show; default: 2, as in the paper's Table 5, or 20 of a file.",
        min=1,
    )
    neighbors: str | None = opt(
        None, "With embeddings: show what lies nearest to this id or text.", metavar="ID"
    )
    plot: bool = opt(
        False, "Draw the curves of the runs named, on shared charts, beside the first of them."
    )
    plot_path: str | None = opt(None, "Draw them here: .png, .svg or .pdf.", metavar="PICTURE")
    seed: int = seed_option()
    device: Device = device_option()
    force: bool = opt(False, "Replace a page that ahnpl did not write.")
    html: bool = html_option()
    html_path: str | None = html_path_option()
    format: TableFormat = format_option()

    def __post_init__(self) -> None:
        check_page(self.html_path)
