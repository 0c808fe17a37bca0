"""The curves of one or several runs as a picture for a paper or a slide, by matplotlib."""

from __future__ import annotations

import importlib.util
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.files import atomic_path
from ahnpl_cli.inspection.curves import Curves, curves
from ahnpl_cli.records import StepReport
from ahnpl_cli.reporting.tables import Cell, Table, speed
from ahnpl_cli.runs import is_run, read_metrics

ACROSS = 3  # charts side by side
WIDTH, HEIGHT = 3.6, 2.7  # inches of a chart
MANY = 8  # names in a legend; more would hide the lines


def read_runs(paths: Sequence[Path]) -> dict[str, list[StepReport]]:
    """Return the logged steps of runs by name; a folder of runs stands for all in it.

    Raises:
        DataError: a path is no run, or a run has no step yet.
    """
    folders: list[Path] = []
    for path in paths:
        inner = sorted(run for run in path.glob("*") if is_run(run)) if not is_run(path) else []
        folders += inner or [path]
    runs: dict[str, list[StepReport]] = {}
    for folder in folders:
        if not is_run(folder):
            hint = "Name folders that `ahnpl train` wrote, such as runs/ahnpl."
            raise DataError("not a training run", where=str(folder), hint=hint)
        steps = read_metrics(folder)
        if not steps:
            raise DataError("no step was logged yet", where=str(folder))
        # Runs of one name lie in different folders.
        name = folder.resolve().name
        runs[str(folder) if name in runs else name] = steps
    return runs


def ends_table(runs: Mapping[str, Sequence[StepReport]]) -> Table:
    """Return where each run ended, one a row."""
    rows: list[tuple[Cell, ...]] = []
    for name, steps in runs.items():
        end = steps[-1]
        pace = speed(end.images_per_second)
        rows.append((name, end.epoch, end.step, end.loss, end.positive, end.gap, pace))
    columns = ("run", "epoch", "step", "loss", "S(I,T)", "gap", "images/s")
    return Table("Runs", columns, tuple(rows), "Gap: S(I,T) - S(I,T_neg).", digits=3)


def check_plot(path: Path) -> None:
    """Refuse a picture that could not be drawn.

    Raises:
        ConfigError: its name has another ending, or matplotlib is not installed.
    """
    if path.suffix.lower() not in (".png", ".svg", ".pdf"):
        what = f"--plot-path {path} is not the name of a picture"
        raise ConfigError(what, hint="Write a name that ends in .png, .svg or .pdf.")
    if importlib.util.find_spec("matplotlib") is None:
        raise ConfigError("--plot needs matplotlib", hint="Run: pip install matplotlib")


def _shared(runs: Mapping[str, Sequence[StepReport]]) -> dict[str, dict[str, Curves]]:
    """Return the curves of each title by run."""
    by_title: dict[str, dict[str, Curves]] = {}
    for name, steps in runs.items():
        for group in curves(steps):
            by_title.setdefault(group.title, {})[name] = group
    return by_title


def draw(runs: Mapping[str, Sequence[StepReport]], path: Path) -> None:
    """Write the curves of runs as one picture, PNG, SVG or PDF by its ending.

    One run has a line per curve; several have a color each and, as a rule, one curve a chart: of
    losses the one that was minimized, of similarities S(I,T).

    Args:
        runs: logged steps by name.
        path: where to.
    """
    # Without pyplot, so that no display and no global state is touched.
    from matplotlib.figure import Figure

    groups = _shared(runs)
    down = math.ceil(len(groups) / ACROSS)
    figure = Figure(figsize=(WIDTH * ACROSS, HEIGHT * down), layout="constrained")
    grid = figure.subplots(down, ACROSS, squeeze=False).flatten()
    for axes, (title, of_runs) in zip(grid, groups.items(), strict=False):
        for number, (run, group) in enumerate(of_runs.items()):
            chosen = _main_lines(group) if len(runs) > 1 else group.lines
            for line, points in chosen.items():
                name = line if len(runs) == 1 else run
                color = None if len(runs) == 1 else f"C{number}"
                axes.plot(*zip(*points, strict=True), label=name, color=color, linewidth=1.2)
                if len(runs) > 1 and len(group.lines) > 1:
                    title = f"{group.title}: {line}"
        axes.set_title(title, fontsize=9)
        axes.set_xlabel("step", fontsize=8)
        axes.tick_params(labelsize=7)
        names = axes.get_legend_handles_labels()[1]
        if 1 < len(names) <= MANY:
            axes.legend(fontsize=6, frameon=False)
    for axes in grid[len(groups) :]:
        axes.axis("off")
    with atomic_path(path) as temporary:
        # The ending decides the format, and a temporary name has another one.
        figure.savefig(temporary, format=path.suffix[1:].lower(), dpi=150)


def _main_lines(group: Curves) -> dict[str, tuple[tuple[float, float], ...]]:
    """Return the line that stands for a group where several runs share a chart."""
    for name in ("loss", "S(I,T)"):
        if name in group.lines:
            return {name: group.lines[name]}
    first = next(iter(group.lines))
    return {first: group.lines[first]}
