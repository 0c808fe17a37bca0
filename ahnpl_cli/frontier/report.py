"""What `ahnpl frontier` finds: every point with its gain and retention, and the one chosen."""

from __future__ import annotations

from dataclasses import dataclass, field

from ahnpl_cli.records import SCHEMA


@dataclass(frozen=True, slots=True)
class FrontierPoint:
    """One model of a frontier; all values in percent, on the half of the items that is reported.

    Attributes:
        name: as tables show it.
        run: label of the run it belongs to.
        method: `start`, `run`, `wise-ft` or `lines`.
        factor: how much of what was trained it has.
        gain: mean of the headlines of the suites of gain.
        retention: mean of those of retention.
        tuning_gain: the first on the other half, which points are chosen by.
        tuning_retention: the second.
        suites: headline of each suite.
        pareto: whether no other point is at least as good in both and better in one.
        chosen: whether the budget chose it.
    """

    name: str
    run: str
    method: str
    factor: float
    gain: float
    retention: float
    tuning_gain: float
    tuning_retention: float
    suites: dict[str, float]
    pareto: bool = False
    chosen: bool = False


@dataclass(frozen=True, slots=True)
class PublishedPoint:
    """A published method on the same suites.

    Attributes:
        name: the paper's name of it.
        gain: as ours.
        retention: as ours.
    """

    name: str
    gain: float
    retention: float


@dataclass(frozen=True, slots=True)
class FrontierReport:
    """A frontier.

    Attributes:
        points: the start first, then along each run.
        gain: suites whose mean headline is the gain.
        retention: suites whose mean headline is retention.
        headlines: what stands for each suite.
        n: verdicts of each suite in the reported half, and in the half that chooses.
        budget: what had to hold of the point chosen.
        written: folder of the chosen weights.
        published: methods whose papers report all these suites.
        notes: what a reader has to know.
    """

    points: list[FrontierPoint]
    gain: list[str]
    retention: list[str]
    headlines: dict[str, str]
    n: dict[str, tuple[int, int]]
    budget: str | None = None
    written: str | None = None
    published: list[PublishedPoint] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    schema: int = SCHEMA
    kind: str = "ahnpl frontier"

    @property
    def start(self) -> FrontierPoint:
        """The start of the first run."""
        return self.points[0]
