"""Tables of a training run and of a dry run."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ahnpl_cli.losses.registry import label
from ahnpl_cli.progress import duration, per_item
from ahnpl_cli.records import StepReport, TrainPlan, TrainReport, spread
from ahnpl_cli.reporting.hardness import hardness_table
from ahnpl_cli.reporting.tables import Cell, Table, speed

SHOWN = 6


def course_table(report: TrainReport) -> Table:
    """Return how losses, margins and similarities went, one column per step shown."""
    steps = spread(report.metrics, SHOWN)
    rows: list[tuple[Cell, ...]] = [("epoch", *(s.epoch for s in steps))]
    rows.append(("loss", *(s.loss for s in steps)))
    # A plain step has other terms than the rest.
    for term in _names(step.terms for step in report.metrics):
        rows.append((label(term), *(s.terms.get(term) for s in steps)))
    rows.append(("S(I,T)", *(s.positive for s in steps)))
    if any(s.negatives for s in steps):
        rows.append(("S(I,T) - S(I,Tn)", *(step.gap for step in steps)))
    if any(s.units for s in steps):
        gaps = (s.units["unit"] - s.units["foil"] if s.units else None for s in steps)
        rows.append(("S(I,u) - S(I,f)", *gaps))
    if any("positive_margin" in s.terms for s in steps):
        rows.append(("a", *(s.a for s in steps)))
    for kind in report.negatives:
        if any(kind in s.margins for s in steps):
            rows.append((f"M {kind}", *(s.margins.get(kind) for s in steps)))
    rows += [(name, *(s.evaluation.get(name) for s in steps)) for name in _suites(steps)]
    rows.append(("images/s", *(speed(s.images_per_second) for s in steps)))
    note = "Terms before their weights. Similarities are cosines, each kind weighted equally."
    columns = ("step", *(f"{step.step:,}" for step in steps))
    return Table(f"Training {report.objective}", columns, tuple(rows), note, digits=3)


def _names(rows: Iterable[Iterable[str]]) -> list[str]:
    """Return every name that some row has, in the order of first sight."""
    return list(dict.fromkeys(name for row in rows for name in row))


def _suites(steps: Sequence[StepReport]) -> list[str]:
    names: set[str] = set()
    for step in steps:
        names.update(step.evaluation)
    # A name with a dot is one of a suite's further averages.
    return sorted(name for name in names if "." not in name)


def shares_table(report: TrainReport) -> Table | None:
    """Return each term's part of the gradient on the features, averaged over the logged steps."""
    steps = [step for step in report.metrics if step.shares]
    if not steps:
        return None
    rows = []
    for term in _names(step.shares for step in steps):
        share = sum(step.shares.get(term, 0.0) for step in steps) / len(steps)
        active = [step.active[term] for step in steps if term in step.active]
        hinges = 100 * sum(active) / len(active) if active else None
        rows.append((label(term), 100 * share, hinges))
    columns = ("term", "gradient %", "active hinges %")
    return Table(
        "Gradient share by loss term", columns, tuple(rows), "Means over the logged steps."
    )


def tables(report: TrainReport) -> list[Table]:
    """Return everything `ahnpl train` prints at its end."""
    if not report.metrics:
        return []
    shares = shares_table(report)
    return [course_table(report), *([shares] if shares else [])]


def plan_table(plan: TrainPlan) -> Table:
    """Return what a dry run found."""
    rows: list[tuple[Cell, ...]] = [
        ("pairs", plan.records),
        ("distinct images", plan.images),
        *((f"negatives: {kind}", count) for kind, count in plan.negatives.items()),
        *([("pictures of negatives", plan.painted)] if plan.painted else []),
        *([("units", plan.units)] if plan.units else []),
        ("missing or broken images", len(plan.problems)),
        *((f"weight of {label(name)}", weight) for name, weight in plan.weights.items()),
        ("parameters", plan.parameters),
        ("trained", plan.trainable),
        ("pairs a step", plan.batch_size),
        ("steps", plan.steps),
    ]
    rows += [
        ("time a step", per_item(plan.seconds_per_step)),
        ("time an epoch", duration(plan.seconds_per_epoch)),
        ("time in all", duration(plan.estimate)),
        ("peak memory", f"{plan.memory_mb / 1e3:.1f} GB"),
        ("disk for checkpoints", f"{plan.disk_bytes / 1e9:.2f} GB"),
        ("free there", f"{plan.free_bytes / 1e9:.1f} GB"),
    ]
    notes = list(plan.problems[:5])
    if plan.tried_pairs < plan.batch_size:
        notes.append(f"Time and memory are extrapolated from steps of {plan.tried_pairs} pairs.")
    if plan.disk_bytes > plan.free_bytes:
        notes.append("The checkpoints do not fit on that disk: see --keep.")
    note = "; ".join(notes)
    return Table(f"Would write {plan.run}", ("what", "value"), tuple(rows), note, digits=3)


def plan_tables(plan: TrainPlan) -> list[Table]:
    """Return everything `ahnpl train --dry-run` prints."""
    if not plan.hardness:
        return [plan_table(plan)]
    title = "Hardness for the starting model, from features on disk"
    return [plan_table(plan), hardness_table(plan.hardness, title)]
