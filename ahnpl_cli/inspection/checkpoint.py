"""Is a checkpoint valid: does it load, are its weights finite and those that it says they are."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.checkpoint import read_checkpoint_info
from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.errors import ModelError
from ahnpl_cli.inspection.pages import file_page
from ahnpl_cli.inspection.report import FileReport, Finding, file_report
from ahnpl_cli.inspection.results import evaluations_of
from ahnpl_cli.progress import Track
from ahnpl_cli.reporting.tables import Table

Facts = dict[str, str | int | float | None]


def flat(tree: dict[str, Any], prefix: str = "") -> Facts:
    """Return nested values under dotted names; lists as text."""
    facts: Facts = {}
    for key, value in tree.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, dict):
            facts.update(flat(value, f"{prefix}{key}."))
        elif value is None or isinstance(value, str | int | float):
            facts[name] = str(value).lower() if isinstance(value, bool) else value
        else:
            facts[name] = json.dumps(value, ensure_ascii=False)
    return facts


def not_finite(backbone: Backbone) -> list[str]:
    """Return the names of tensors that hold NaN or infinity."""
    tensors = backbone.module.state_dict().items()
    return [name for name, t in tensors if t.is_floating_point() and not torch.isfinite(t).all()]


def _findings(backbone: Backbone, said: dict[str, Any]) -> list[Finding]:
    found = [Finding("fine", f"loads as {backbone.info.architecture}")]
    broken = not_finite(backbone)
    if broken:
        text = f"{len(broken)} tensors hold NaN or infinity, the first is {broken[0]}"
        found.append(Finding("problem", text))
    else:
        found.append(Finding("fine", "every weight is finite"))
    expected = said.get("weights_sha256")
    if expected is None:
        found.append(
            Finding(
                "note", "no ahnpl.json: not written by ahnpl, so recipe and parent are not known"
            )
        )
    elif expected == backbone.info.weights_sha256:
        found.append(Finding("fine", "the weights are those that ahnpl.json names"))
    else:
        text = "the weights are not those that ahnpl.json names: they were changed afterwards"
        found.append(Finding("problem", text))
    return found


def _architecture(backbone: Backbone) -> Facts:
    info = backbone.info
    return {
        "architecture": info.architecture,
        "activation": info.activation,
        "image size": info.image_size,
        "context length": info.context_length,
        "embedding dimension": info.embed_dim,
        "parameters": sum(p.numel() for p in backbone.module.parameters()),
        "logit scale": backbone.logit_scale.item(),
        "weights sha256": info.weights_sha256,
        "preprocessing": info.preprocess,
    }


def inspect_checkpoint(path: Path) -> FileReport:
    """Say what a checkpoint is and whether it is valid.

    Args:
        path: an open_clip folder, ours or another's.

    Raises:
        ModelError: the configuration cannot be read.
    """
    said = read_checkpoint_info(path)
    try:
        backbone = load_backbone(checkpoint=path, device="cpu")
    except ModelError as error:
        problem = Finding("problem", f"does not load: {error.what}")
        return file_report(str(path), "checkpoint", flat(said), [problem])
    known = _architecture(backbone)
    told = {k: v for k, v in flat(said).items() if k not in known}
    facts = {**known, **told, **evaluations_of(backbone.info.weights_sha256, path)}
    return file_report(str(path), "checkpoint", facts, _findings(backbone, said))


def inspect(path: Path, config: InspectConfig, track: Track) -> FileReport:
    """Say what a checkpoint is; see `inspect_checkpoint`."""
    return inspect_checkpoint(path)


page = file_page


def tables(details: None) -> list[Table]:
    """Return no tables: the facts say everything."""
    return []
