"""Is a checkpoint valid: does it load, are its weights finite and those that it says they are."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.load import load_backbone, read_checkpoint_info
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.errors import ModelError
from ahnpl_cli.evaluation.saved_results import evaluations_of
from ahnpl_cli.inspection.pages import file_page
from ahnpl_cli.inspection.report import Facts, FileReport, Finding, file_report, flat
from ahnpl_cli.progress import Track
from ahnpl_cli.reporting.tables import Table


def _findings(backbone: Backbone, written: dict[str, Any]) -> list[Finding]:
    # Loading refuses weights that are not finite.
    findings = [
        Finding("fine", f"loads as {backbone.info.architecture}"),
        Finding("fine", "every weight is finite"),
    ]
    expected = written.get("weights_sha256")
    if expected is None:
        text = "no ahnpl.json: not written by ahnpl, so recipe and parent are not known"
        findings.append(Finding("note", text))
    elif expected == backbone.info.weights_sha256:
        findings.append(Finding("fine", "the weights are those that ahnpl.json names"))
    else:
        text = "the weights are not those that ahnpl.json names: they were changed afterwards"
        findings.append(Finding("problem", text))
    return findings


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
        **({} if backbone.logit_bias is None else {"logit bias": backbone.logit_bias.item()}),
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
    written = read_checkpoint_info(path)
    try:
        backbone = load_backbone(checkpoint=path, device="cpu")
    except ModelError as error:
        # What is written beside the weights can still be shown.
        problem = Finding("problem", f"does not load: {error.what}")
        return file_report(str(path), "checkpoint", flat(written), [problem])
    loaded = _architecture(backbone)
    # What was loaded comes first, and holds over what is written beside it.
    facts = {**loaded, **flat(written), **loaded}
    facts |= evaluations_of(backbone.info.weights_sha256, path)
    return file_report(str(path), "checkpoint", facts, _findings(backbone, written))


def inspect(path: Path, config: InspectConfig, track: Track) -> FileReport:
    """Say what a checkpoint is; see `inspect_checkpoint`."""
    return inspect_checkpoint(path)


page = file_page


def tables(details: None) -> list[Table]:
    """Return no tables: the facts say everything."""
    return []
