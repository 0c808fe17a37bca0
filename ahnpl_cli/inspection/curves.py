"""A run's metrics as named curves, and as lines of block characters for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from ahnpl_cli.inspection.landing import Landing
from ahnpl_cli.losses.registry import TERMS
from ahnpl_cli.losses.registry import label as term_label
from ahnpl_cli.records import StepReport
from ahnpl_cli.reporting.tables import Cell, Table, speed

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 24

Points = tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Curves:
    """Curves that share an axis.

    Attributes:
        title: what they show.
        lines: (step, value) by name.
        prefix: what a name needs before it where the title is not seen.
    """

    title: str
    lines: dict[str, Points]
    prefix: str = ""


@dataclass(frozen=True, slots=True)
class RunDetails:
    """What a run left behind.

    Attributes:
        steps: every line of `metrics.jsonl`.
        checkpoints: names of the kept ones, oldest first.
        landings: how near Eq. 2 comes to painted pictures, where the data have some.
    """

    steps: tuple[StepReport, ...]
    checkpoints: tuple[str, ...]
    landings: tuple[Landing, ...] = ()


def epoch_rows(steps: tuple[StepReport, ...]) -> list[StepReport]:
    """Return the last logged step of every epoch."""
    return list({step.epoch: step for step in steps}.values())


class _Course:
    """What the steps of a run say, by the name of a field of their lines."""

    def __init__(self, steps: Sequence[StepReport]) -> None:
        self._steps = steps

    def _points(self, values: Iterable[float | None]) -> Points:
        points = []
        for step, value in zip(self._steps, values, strict=True):
            # A run that diverged has lines without a number.
            if value is not None and math.isfinite(value):
                points.append((float(step.step), value))
        return tuple(points)

    def line(self, field: str) -> Points:
        """Return the curve of a field that holds one number."""
        return self._points(getattr(step, field) for step in self._steps)

    def lines(self, field: str) -> dict[str, Points]:
        """Return the curves of a field that holds numbers by name."""
        tables = [getattr(step, field) for step in self._steps]
        names: dict[str, None] = {}
        for table in tables:
            names.update(dict.fromkeys(table))
        return {name: self._points(table.get(name) for table in tables) for name in names}

    def softmax(self, prefix: str) -> dict[str, Points]:
        """Return the curves of what a softmax says, by the end of their names."""
        chosen = {}
        for name, points in self.lines("softmax").items():
            if name.startswith(prefix):
                chosen[name.removeprefix(prefix)] = points
        return chosen


def _similarities(course: _Course) -> dict[str, Points]:
    lines = {"S(I,T)": course.line("positive")}
    for kind, points in course.lines("negatives").items():
        lines[f"S(I,T_neg) {kind}"] = points
    symbols = {"unit": "S(I,u)", "foil": "S(I,f)"}
    for name, points in course.lines("units").items():
        lines[symbols[name]] = points
    return lines


def curves(steps: Sequence[StepReport]) -> list[Curves]:
    """Return what a run's metrics show: losses, M per kind, a, similarities, gradients, speed."""
    course = _Course(steps)
    losses = {**course.lines("terms"), "loss": course.line("loss")}
    every = [
        Curves("Losses", losses),
        Curves("S(I,T) - S(I,T_neg)", {"gap": course.line("gap")}),
        Curves("Similarities", _similarities(course)),
        Curves("Softmax of Eq. 4, mean log p", course.softmax("log_p_"), "log p "),
        Curves("Gradient on S in Eq. 4", course.softmax("gradient_"), "gradient on S, "),
        Curves("Threshold M per kind (Eq. 10)", course.lines("margins"), "M "),
        Curves("a (Eq. 8)", {"a": course.line("a")}),
        Curves("Share of the gradient", course.lines("shares"), "share "),
        Curves("Active hinges", course.lines("active"), "active "),
        Curves("Evaluation on the way, %", course.lines("evaluation")),
        Curves("Learning rate", {"lr": course.line("lr")}),
        Curves("Images per second", {"images/s": course.line("images_per_second")}),
    ]
    shown = []
    for group in every:
        drawn = {name: points for name, points in group.lines.items() if points}
        if drawn:
            shown.append(replace(group, lines=drawn))
    return shown


def spark(values: Iterable[float], width: int = WIDTH) -> str:
    """Return values as a line of blocks, at most `width` of them, each the mean of its share."""
    every = list(values)
    if not every:
        return ""
    count = min(width, len(every))
    cuts = [round(i * len(every) / count) for i in range(count + 1)]
    means = [sum(every[a:b]) / (b - a) for a, b in zip(cuts, cuts[1:], strict=False)]
    low, high = min(means), max(means)
    top = len(BLOCKS) - 1
    scale = top / (high - low) if high > low else 0.0
    return "".join(BLOCKS[round((mean - low) * scale)] for mean in means)


def curve_table(steps: Sequence[StepReport]) -> Table:
    """Return every curve as a line of blocks with its ends."""
    rows: list[tuple[Cell, ...]] = []
    for group in curves(steps):
        for name, points in group.lines.items():
            values = [y for _, y in points]
            short = term_label(name) if name in TERMS else name
            label = group.prefix + short if len(group.lines) > 1 else group.title
            ends = (values[0], values[-1], min(values), max(values))
            rows.append((label, spark(values), *(f"{value:.4g}" for value in ends)))
    columns = ("", "over the run", "first", "last", "lowest", "highest")
    note = "Each curve fills its own range."
    return Table("Curves", columns, tuple(rows), note, least=("lowest", "highest"))


def epoch_table(steps: Sequence[StepReport]) -> Table:
    """Return one line per step given: epochs' last ones, or some of a short run."""
    course = _Course(steps)
    terms = course.lines("terms")
    kinds = course.lines("margins")
    rows: list[tuple[Cell, ...]] = []
    for step in steps:
        losses = [step.terms.get(name) for name in terms]
        thresholds = [step.margins.get(kind) for kind in kinds]
        row = (step.epoch, step.step, step.loss, *losses, step.a, *thresholds, step.gap)
        rows.append((*row, speed(step.images_per_second)))
    columns = ["epoch", "step", "loss"]
    columns += [term_label(term) for term in terms]
    columns += ["a", *(f"M {kind}" for kind in kinds), "gap", "images/s"]
    note = "Gap: S(I,T) - S(I,T_neg), mean over kinds. M: threshold of Eq. 10."
    return Table("Epochs", tuple(columns), tuple(rows), note, digits=3)
