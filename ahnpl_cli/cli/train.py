"""`ahnpl train`: fine-tune a CLIP model with hard negatives."""

from __future__ import annotations

import logging
import os

from ahnpl_cli.cli.console import Screen
from ahnpl_cli.cli.options import options_from
from ahnpl_cli.config import TrainConfig
from ahnpl_cli.progress import silent


@options_from(TrainConfig)
def train(*, config: TrainConfig, screen: Screen) -> None:
    """Fine-tune a CLIP model with hard negatives: AHNPL, or a rival method.

    Reads what `ahnpl negatives` wrote, and writes a run folder with checkpoints that open_clip
    loads. If interrupted, run the same command again to resume.

    Example: ahnpl train --data negatives.jsonl --image-root coco --objective ahnpl

    Several GPUs: torchrun --nproc-per-node 8 -m ahnpl_cli train ...
    """
    from ahnpl_cli.training.preflight import check

    # Before torch is imported, which takes seconds.
    check(config)
    # Under torchrun only the first process speaks.
    first = os.environ.get("RANK", "0") == "0"
    if first:
        # Importing torch and reading a model can take a minute on a network disk.
        data = ", ".join(config.data)
        screen.note(f"{config.objective} on {data}: loading PyTorch, the model and the data.")
    from ahnpl_cli.training.run import plan_tables, tables

    if config.dry_run:
        from ahnpl_cli.training.dry_run import preview

        plan = preview(config, track=screen.track)
        screen.show(plan, plan_tables(plan))
        return
    from ahnpl_cli.training.loop import fit

    if not first:
        logging.getLogger("ahnpl_cli").setLevel(logging.ERROR)
    report = fit(config, track=screen.track if first else silent)
    if not first:
        return
    screen.show(report, tables(report))
    screen.note(f"{report.steps} steps. The checkpoint is in {report.checkpoint}.")
    if report.best:
        step, value = report.best["step"], report.best["value"]
        screen.note(f"The best, {value:.1f} at step {step:.0f}, is in {report.run}/best.")
    screen.note(f"Next: ahnpl eval aro valse sugarcrepe --checkpoint {report.run}")
