"""What `ahnpl eval` writes: every record of `results.json`. Accuracies are percent everywhere."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Literal

from ahnpl_cli.evaluation.scoring.statistics import PARTIAL
from ahnpl_cli.records import SCHEMA

Change = Literal["gained", "lost", "missed"]


@dataclass(frozen=True, slots=True)
class SubsetReport:
    """One subset of a suite for one model.

    Attributes:
        name: the subset's.
        n: verdicts.
        accuracy: right ones, in percent; None without a verdict.
        low: lower end of Wilson's 95 % interval, in percent.
        high: upper end.
        ties: verdicts that equal similarities decided.
        total: verdicts there would be with every image.
        coverage: 100 * n / total.
    """

    name: str
    n: int
    accuracy: float | None
    low: float | None
    high: float | None
    ties: int
    total: int
    coverage: float


@dataclass(frozen=True, slots=True)
class Support:
    """What an average or a value is of.

    Attributes:
        n: verdicts, or items, that it is made of.
        coverage: n in percent of what there would be with every image.
    """

    n: int
    coverage: float


@dataclass(frozen=True, slots=True)
class SuiteReport:
    """One suite for one model.

    Attributes:
        subsets: what a table shows.
        details: further subsets, such as every relation of VG-Relation.
        averages: in percent, by name; `_partial` ends the name where a subset has no verdict.
        intervals: [low, high] of each average and value, in its unit: bootstrap over images.
        headline: the average, or value, that stands for the suite.
        headline_value: its value.
        values: numbers that are not shares of verdicts, such as mAP in percent or a mean rank.
        coverage: scored verdicts in percent of all.
        support: n of each average and value, but for what is chosen, such as a probe's C.
    """

    subsets: list[SubsetReport]
    details: list[SubsetReport]
    averages: dict[str, float]
    intervals: dict[str, tuple[float, float]]
    headline: str
    headline_value: float
    values: dict[str, float]
    coverage: float
    support: dict[str, Support] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class MeanEstimate:
    """A mean with its 95 % interval: bootstrap over images.

    Attributes:
        n: items.
        value: the mean.
        low: lower end.
        high: upper end.
    """

    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Published:
    """What a paper printed for one model on one suite.

    Attributes:
        suite: its name.
        model: the paper's name of it.
        source: where it was printed.
        values: percent, under our names of subsets and averages.
        start: what the same source measures of the model before fine-tuning, where it says so.
    """

    suite: str
    model: str
    source: str
    values: dict[str, float]
    start: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class SeenInTraining:
    """What of a suite a model was trained on, as far as its run kept a list of its images.

    Attributes:
        images: distinct images of the suite that the run has seen.
        of_images: all that are here.
        items: items that show one of them.
        of_items: all that are scored.
    """

    images: int
    of_images: int
    items: int
    of_items: int


@dataclass(frozen=True, slots=True)
class ModelReport:
    """One model's results.

    Attributes:
        name: as tables show it.
        info: provenance: source, weights hash, activation, preprocessing, dtype.
        suites: by name.
        representation: mean similarity within and gap across modalities by suite, when asked for.
        cut_texts: by suite, how many distinct texts are longer than the model's context.
        seen: by suite, what of it the model was trained on; empty where that is not known.
    """

    name: str
    info: dict[str, Any]
    suites: dict[str, SuiteReport]
    representation: dict[str, dict[str, MeanEstimate]] = field(default_factory=dict)
    cut_texts: dict[str, int] = field(default_factory=dict)
    seen: dict[str, SeenInTraining] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Difference:
    """Two models on one subset or average, on the same items.

    Attributes:
        name: the subset or average.
        average: whether it is an average.
        base: percent of the first model.
        other: percent of the second.
        difference: other - base, in points.
        low: lower end of the 95 % interval of the difference: bootstrap over images, in points.
        high: upper end.
        p: McNemar's exact two-sided p, None for averages.
        significant: p < .05 for a subset; for an average, the interval leaves out 0.
    """

    name: str
    average: bool
    base: float
    other: float
    difference: float
    low: float
    high: float
    p: float | None
    significant: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """Two models on one suite.

    Attributes:
        suite: its name.
        base: name of the first model.
        other: name of the second.
        items: verdicts that both have.
        differences: of the main subsets and of the averages.
    """

    suite: str
    base: str
    other: str
    items: int
    differences: list[Difference]


@dataclass(frozen=True, slots=True)
class ExampleItem:
    """One item that a page shows.

    Attributes:
        suite: its suite.
        id: the item's.
        subsets: what it counts in.
        change: `gained` by the last model over the first, `lost` to it, or `missed` by both.
        image: path.
        crop: (x, y, width, height) or None.
        captions: candidates, the true ones first.
        positives: how many of them are true.
        scores: similarities of the candidates, by model.
    """

    suite: str
    id: str
    subsets: tuple[str, ...]
    change: Change
    image: str
    crop: tuple[int, int, int, int] | None
    captions: tuple[str, ...]
    positives: int
    scores: dict[str, tuple[float, ...]]


@dataclass(frozen=True, slots=True)
class SuiteInfo:
    """Model-independent facts about a suite.

    Attributes:
        measures: in one line.
        definitions: each average as a tree of pooled rows and means.
        counts: what was found and what was published.
        notes: what a reader has to know.
        files: SHA-256 of every annotation file, by path.
        missing: number of images that are not there.
        headline: the average, or derived metric, that stands for the suite.
        main_subsets: what a table shows.
        totals: verdicts per subset, and items per derived metric, if no image were missing.
        chance: percent that guessing gives, by subset and average, where that is known.
    """

    measures: str
    definitions: dict[str, Any]
    counts: list[dict[str, Any]]
    notes: list[str]
    files: dict[str, str]
    missing: int
    headline: str = ""
    main_subsets: list[str] = field(default_factory=list)
    totals: dict[str, int] = field(default_factory=dict)
    chance: dict[str, float] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class EvalReport:
    """Everything of one `ahnpl eval`.

    Attributes:
        models: in the order given.
        suites: by name.
        comparisons: every later model against the first, per suite.
        settings: tie rule, seed, limit and the like.
        versions: of Python and the packages that matter.
        items: file with every score, beside the report.
        items_sha256: of that file.
        blind: by suite and control, what captions alone give away, when asked for.
        published: the papers' numbers, when asked for.
        schema: version of this format.
        kind: what the file is.
        examples: a few items per suite on which the first and the last model differ, or both fail.
        checksum: SHA-256 of everything else, by which an edited file is recognized.
    """

    models: list[ModelReport]
    suites: dict[str, SuiteInfo]
    comparisons: list[Comparison]
    settings: dict[str, Any]
    versions: dict[str, str]
    items: str | None = None
    items_sha256: str | None = None
    blind: dict[str, dict[str, SuiteReport]] = field(default_factory=dict)
    published: list[Published] = field(default_factory=list)
    schema: int = SCHEMA
    kind: str = "ahnpl eval"
    examples: list[ExampleItem] = field(default_factory=list)
    checksum: str | None = None

    def chance(self, suite: str, name: str) -> float | None:
        """Return the percent that guessing gives on a subset or average, if it is known."""
        known = self.suites[suite].chance if suite in self.suites else {}
        # An average without one of its rows is guessed as what is left of it.
        return known.get(name, known.get(name.removesuffix(PARTIAL)))
