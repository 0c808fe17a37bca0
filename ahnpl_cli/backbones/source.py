"""A model as a command names it: what tables call it, and how to load it when its turn comes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.runs import start_of

START = ("model", "pretrained", "checkpoint", "force_quick_gelu")


@dataclass(frozen=True, slots=True)
class ModelSource:
    """A model that can be loaded.

    Attributes:
        label: what tables call it.
        arguments: keywords of `load_backbone`.
    """

    label: str
    arguments: dict[str, Any]

    def load(self, device: str, *, force_quick_gelu: bool | None = None) -> Backbone:
        """Load it; see `load_backbone`.

        Args:
            device: where to.
            force_quick_gelu: what the user decides now; None leaves what `arguments` say.
        """
        from ahnpl_cli.backbones.load import load_backbone

        forced = {} if force_quick_gelu is None else {"force_quick_gelu": force_quick_gelu}
        return load_backbone(**{**self.arguments, **forced}, device=device)


def start_source(run: Path) -> ModelSource:
    """Return the model that a training run started from, with the activation it was given.

    Raises:
        DataError: the folder is no run.
    """
    start = start_of(run)
    return ModelSource("start", {key: start[key] for key in START if start.get(key) is not None})
