"""Workflow: a checkpoint to a folder that other programs read, checked before it is there."""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.backbones.base import Backbone, atomic_folder
from ahnpl_cli.backbones.load import load_backbone, model_folder, read_checkpoint_info
from ahnpl_cli.backbones.transformers.convert import as_transformers
from ahnpl_cli.backbones.transformers.folders import load_folder
from ahnpl_cli.config import ExportConfig
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.evaluation.saved_results import evaluations_of
from ahnpl_cli.exporting import onnx, openai, peft
from ahnpl_cli.exporting.card import write_card
from ahnpl_cli.exporting.parity import compare, require
from ahnpl_cli.files import write_atomic
from ahnpl_cli.outputs import check_new
from ahnpl_cli.records import ExportReport
from ahnpl_cli.reporting.tables import Cell, Table

CARD = "README.md"


def export(checkpoint: Path, config: ExportConfig) -> ExportReport:
    """Write a checkpoint in another form, and say how far its features are from the checkpoint's.

    Args:
        checkpoint: a model's folder, or a run, which stands for its newest checkpoint.
        config: see `ExportConfig`.

    Raises:
        ModelError: the checkpoint has no such form, or the export is not the checkpoint.
        ConfigError: the output exists, or a package is missing.
    """
    output = Path(config.output or f"{config.to}-export")
    check_new(output, force=config.force)
    if output.exists() and not (output / CARD).is_file() and any(output.iterdir()):
        what = "is there, and is no export"
        raise ConfigError(what, where=str(output), hint="Choose another --output.")
    folder = model_folder(checkpoint)
    backbone = load_backbone(checkpoint=folder, device="cpu")
    said = read_checkpoint_info(folder)
    with atomic_folder(output) as temporary:
        if config.to == "transformers":
            parity = _to_transformers(backbone, temporary)
        elif config.to == "onnx":
            parity = onnx.export(backbone, temporary)
        elif config.to == "openai":
            parity = openai.export(backbone, temporary)
        else:
            parity = peft.export(backbone, temporary, folder, _base(said))
        require(parity)
        card = write_card(
            backbone.info,
            said,
            parity,
            evaluations_of(backbone.info.weights_sha256, folder),
            to=config.to,
            logit_scale=backbone.logit_scale.item(),
        )
        write_atomic(temporary / CARD, card)
    files = sorted(path.name for path in output.iterdir())
    return ExportReport(
        checkpoint=str(checkpoint), to=config.to, folder=str(output), files=files, parity=parity
    )


def _to_transformers(backbone: Backbone, folder: Path) -> dict[str, float]:
    as_transformers(backbone).save(folder)
    read = load_folder(folder)
    return compare(
        backbone, read.encode_image, lambda texts: read.encode_text(read.tokenize(texts))
    )


def _base(said: dict[str, object]) -> str:
    """Return what a run started from, for PEFT; its name may be another in transformers."""
    parent = said.get("parent")
    if isinstance(parent, dict):
        parent = parent.get("name")
    return str(parent or "")


def tables(report: ExportReport) -> list[Table]:
    """Return what `ahnpl export` prints: the parity check, and the files."""
    rows: list[tuple[Cell, ...]] = []
    for name, difference in report.parity.items():
        rows.append((name, f"{difference:.1e}"))
    if not rows:
        rows.append(("not checked", "peft is not installed"))
    note = f"{report.folder}: {', '.join(report.files)}."
    title = f"{report.checkpoint} for {report.to}"
    return [Table(title, ("compared with the checkpoint", "largest difference"), tuple(rows), note)]
