"""The options of `ahnpl export`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from ahnpl_cli.config.options import force_option, opt, output_option


@dataclass(frozen=True, kw_only=True)
class ExportConfig:
    """A checkpoint for other programs."""

    to: Literal["transformers", "onnx", "openai", "peft"] = opt(
        "transformers",
        "A folder of transformers, two ONNX graphs, a state dict in OpenAI's names, or the "
        "low-rank factors of a run with --lora as an adapter.",
    )
    output: str | None = output_option("Folder to write; default: TO-export.")
    force: bool = force_option()
