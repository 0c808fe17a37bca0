"""A run's metrics as named curves, and as lines of block characters for the terminal."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
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


def _line(steps: Sequence[StepReport], value: Callable[[StepReport], float | None]) -> Points:
    found = ((float(step.step), value(step)) for step in steps)
    return tuple((x, y) for x, y in found if y is not None and math.isfinite(y))


def _by_name(
    steps: Sequence[StepReport], values: Callable[[StepReport], dict[str, float]]
) -> dict[str, Points]:
    names = dict.fromkeys(name for step in steps for name in values(step))

    def line(name: str) -> Points:
        return _line(steps, lambda step: values(step).get(name))

    return {name: line(name) for name in names}


def _softmax(steps: Sequence[StepReport], prefix: str) -> dict[str, Points]:
    """Return the curves of what a softmax says, by the end of their names."""
    every = _by_name(steps, lambda step: step.softmax)
    names = [name for name in every if name.startswith(prefix)]
    return {name.removeprefix(prefix): every[name] for name in names}


def curves(steps: Sequence[StepReport]) -> list[Curves]:
    """Return what a run's metrics show: losses, M per kind, a, similarities, gradients, speed."""
    similarities = {"S(I,T)": _line(steps, lambda s: s.positive)}
    similarities |= {
        f"S(I,T_neg) {k}": p for k, p in _by_name(steps, lambda s: s.negatives).items()
    }
    units = {"unit": "S(I,u)", "foil": "S(I,f)"}
    similarities |= {units[name]: p for name, p in _by_name(steps, lambda s: s.units).items()}
    found = [
        Curves(
            "Losses", {**_by_name(steps, lambda s: s.terms), "loss": _line(steps, lambda s: s.loss)}
        ),
        Curves("S(I,T) - S(I,T_neg)", {"gap": _line(steps, lambda s: s.gap)}),
        Curves("Similarities", similarities),
        Curves("Softmax of Eq. 4, mean log p", _softmax(steps, "log_p_"), "log p "),
        Curves("Gradient on S in Eq. 4", _softmax(steps, "gradient_"), "gradient on S, "),
        Curves("Threshold M per kind (Eq. 10)", _by_name(steps, lambda s: s.margins), "M "),
        Curves("a (Eq. 8)", {"a": _line(steps, lambda s: s.a)}),
        Curves("Share of the gradient", _by_name(steps, lambda s: s.shares), "share "),
        Curves("Active hinges", _by_name(steps, lambda s: s.active), "active "),
        Curves("Evaluation on the way, %", _by_name(steps, lambda s: s.evaluation)),
        Curves("Learning rate", {"lr": _line(steps, lambda s: s.lr)}),
        Curves("Images per second", {"images/s": _line(steps, lambda s: s.images_per_second)}),
    ]
    kept = (replace(c, lines={n: p for n, p in c.lines.items() if p}) for c in found)
    return [curve for curve in kept if curve.lines]


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
    terms = dict.fromkeys(name for step in steps for name in step.terms)
    kinds = dict.fromkeys(name for step in steps for name in step.margins)
    rows = tuple(
        (
            *(step.epoch, step.step, step.loss, *(step.terms.get(name) for name in terms)),
            *(step.a, *(step.margins.get(kind) for kind in kinds), step.gap),
            speed(step.images_per_second),
        )
        for step in steps
    )
    columns = (
        *("epoch", "step", "loss", *(term_label(term) for term in terms), "a"),
        *(*(f"M {kind}" for kind in kinds), "gap", "images/s"),
    )
    note = "Gap: S(I,T) - S(I,T_neg), mean over kinds. M: threshold of Eq. 10."
    return Table("Epochs", columns, rows, note, digits=3)
