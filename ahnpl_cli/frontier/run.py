"""Workflow: two checkpoints of a run to measured points between them, and the one to keep.

Points are chosen on one half of the items, and reported on the other: all items of an image lie in
the same half. A factor chosen on the items that it is reported on would look better than it is.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from operator import attrgetter
from pathlib import Path
from statistics import mean

from ahnpl_cli.backbones.base import save_checkpoint
from ahnpl_cli.backbones.load import read_checkpoint_info
from ahnpl_cli.config import EvalConfig, FrontierConfig
from ahnpl_cli.errors import BenchmarkError, ConfigError
from ahnpl_cli.evaluation.benchmarks import benchmarks, is_retention
from ahnpl_cli.evaluation.benchmarks.find_files import DataFolders, data_roots
from ahnpl_cli.evaluation.output import Scores, read_scores
from ahnpl_cli.evaluation.published import drawn_suites, published
from ahnpl_cli.evaluation.report import EvalReport, SuiteInfo, SuiteReport
from ahnpl_cli.evaluation.run import evaluate
from ahnpl_cli.evaluation.saved_results import recounted
from ahnpl_cli.evaluation.scoring.items import Verdict, half_of
from ahnpl_cli.evaluation.suite_report import Bootstrap
from ahnpl_cli.files import write_json
from ahnpl_cli.frontier.points import PointSource, points_of
from ahnpl_cli.frontier.report import FrontierPoint, FrontierReport, PublishedPoint
from ahnpl_cli.outputs import check_new, lock
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.runs import LAST, check_runs

REPORT = "frontier.json"
RESULTS = "results.json"
MEASURES = ("gain", "retention")
_BUDGET = re.compile(r"(gain|retention)\s*>=\s*([+-]?\d+(?:\.\d+)?)")
# Intervals of the halves are not shown, so their bootstrap is as short as it gets.
_NO_INTERVALS = Bootstrap(samples=2, seed=0)


def frontier(runs: list[Path], config: FrontierConfig, *, track: Track = silent) -> FrontierReport:
    """Measure the points of runs, choose one, and write everything.

    Args:
        runs: folders that `ahnpl train` wrote.
        config: see `FrontierConfig`.
        track: shows progress.

    Raises:
        ConfigError: a folder is no run, the budget is none, or no point keeps it.
        BenchmarkError: no suite of gain, or none of retention, is here.
        ModelError: a model is unavailable, or start and checkpoint have other weights.
        BusyError: another process writes the same folder.
    """
    budget = parse_budget(config.budget)
    check_runs(runs)
    if config.write is not None:
        check_new(Path(config.write), force=config.force)
    gain, retention = _suites(config)
    folder = output_folder(runs, config)
    folder.mkdir(parents=True, exist_ok=True)
    with lock(folder / REPORT):
        sources = list(points_of(runs, config.method, config.points, config.device))
        # Points are compared by their means; differences to the start are read by nobody.
        measured = evaluate(
            [*gain, *retention],
            _eval_config(config, folder),
            sources=sources,
            compared=False,
            track=track,
        )
        scores = read_scores(measured.items, folder / RESULTS)
        halves = _halves(measured, scores)
        points = _points(sources, halves, gain, retention)
        chosen = choose(points, budget)
        report = FrontierReport(
            points=_marked(points, chosen),
            gain=gain,
            retention=retention,
            headlines={name: info.headline for name, info in measured.suites.items()},
            n=halves.sizes,
            budget=config.budget,
            written=config.write,
            published=_published(measured, gain, retention),
        )
        write_json(folder / REPORT, report)
        if config.write is not None and chosen is not None:
            _write_chosen(Path(config.write), sources[points.index(chosen)], chosen, config)
    if config.budget and chosen is None:
        hint = "Loosen it; the points are measured, and the same command with another is quick."
        raise ConfigError(f"no point keeps the budget {config.budget}", hint=hint)
    return report


def output_folder(runs: Sequence[Path], config: FrontierConfig) -> Path:
    """Return the folder that is written."""
    return Path(config.output) if config.output is not None else runs[0] / "frontier"


def parse_budget(text: str | None) -> tuple[str, float] | None:
    """Return what must hold: `gain` or `retention`, and the least change in points.

    Raises:
        ConfigError: the text is no budget.
    """
    if text is None:
        return None
    match = _BUDGET.fullmatch(text.strip())
    if match is None:
        hint = "Write 'retention >= -1' or 'gain >= 5', in points above the start."
        raise ConfigError(f"--budget {text!r} is none", hint=hint)
    return match[1], float(match[2])


def choose(
    points: Sequence[FrontierPoint], budget: tuple[str, float] | None
) -> FrontierPoint | None:
    """Return the point that keeps the budget and is best in the other measure; None without.

    Looks at the tuning half alone. Of equals the first, which is nearer to the start.
    """
    if budget is None:
        return None
    kept, least = budget
    measures = attrgetter("tuning_gain", "tuning_retention")
    number = MEASURES.index(kept)
    at_start = measures(points[0])[number]
    allowed = [point for point in points if measures(point)[number] - at_start >= least]
    return max(allowed, key=lambda point: measures(point)[1 - number], default=None)


def _marked(points: Sequence[FrontierPoint], chosen: FrontierPoint | None) -> list[FrontierPoint]:
    """Return the points with the Pareto front of the reported half, and the chosen one, marked."""
    marked = []
    for point in points:
        is_front = not any(_dominates(other, point) for other in points)
        marked.append(replace(point, pareto=is_front, chosen=point is chosen))
    return marked


def _dominates(other: FrontierPoint, point: FrontierPoint) -> bool:
    """Whether a point is at least as good in both measures, and better in one."""
    as_good = other.gain >= point.gain and other.retention >= point.retention
    return as_good and (other.gain, other.retention) != (point.gain, point.retention)


# Measuring


def _suites(config: FrontierConfig) -> tuple[list[str], list[str]]:
    """Return the suites of gain and of retention: those named, or those that are here.

    Raises:
        BenchmarkError: there is none of either.
        ConfigError: a suite is named for both.
    """
    both = set(config.gain) & set(config.retention)
    if both:
        raise ConfigError(f"{', '.join(sorted(both))}: named for gain and for retention")
    folders = DataFolders(data_roots(config.data))
    here = []
    for benchmark in benchmarks(["all"]):
        if benchmark.find(folders):
            here.append(benchmark.name)
    unnamed = [name for name in here if name not in {*config.gain, *config.retention}]
    gain = list(config.gain) or [name for name in unnamed if not is_retention(name)]
    retention = list(config.retention) or [name for name in unnamed if is_retention(name)]
    for what, suites in (("gain", gain), ("retention", retention)):
        if not suites:
            hint = f"Name the folder with --data, or suites with --{what}."
            raise BenchmarkError(f"no suite of {what} is here", hint=hint)
    return gain, retention


def _eval_config(config: FrontierConfig, folder: Path) -> EvalConfig:
    """Return the evaluation of all points; its report lies in the frontier's folder."""
    return EvalConfig(
        data=config.data,
        output=str(folder / RESULTS),
        allow_missing=config.allow_missing,
        cache=config.cache,
        seed=config.seed,
        device=config.device,
        batch_size=config.batch_size,
        workers=config.workers,
        limit=config.limit,
        # The folder is the frontier's own: other points replace what it measured before.
        force=True,
    )


@dataclass(frozen=True, slots=True)
class _Halves:
    """The suites' headlines on both halves of their items.

    Attributes:
        reported: by model and suite, in percent, on the half that is reported.
        tuning: the same on the half that points are chosen on.
        sizes: verdicts of each suite in the first, and in the second.
    """

    reported: dict[str, dict[str, float]]
    tuning: dict[str, dict[str, float]]
    sizes: dict[str, tuple[int, int]]


def _halves(measured: EvalReport, scores: Scores) -> _Halves:
    """Return the headlines of every model on both halves.

    Raises:
        BenchmarkError: a suite has no headline on a half, as when too few items are here.
    """
    halves = _Halves({}, {}, {})
    # All models answer the same items, so that each image is looked up once for all of them.
    tuning_images: dict[str, bool] = {}
    for model in measured.models:
        reported = halves.reported[model.name] = {}
        tuning = halves.tuning[model.name] = {}
        # Counted again from verdicts: the report's own numbers are of both halves.
        for name, stated in model.suites.items():
            of_tuning: list[Verdict] = []
            of_reported: list[Verdict] = []
            for verdict in scores[model.name][name]:
                image = verdict.image
                if image not in tuning_images:
                    tuning_images[image] = half_of(image) == "tuning"
                (of_tuning if tuning_images[image] else of_reported).append(verdict)
            info = measured.suites[name]
            reported[name] = _headline(name, info, of_reported, stated)
            tuning[name] = _headline(name, info, of_tuning, stated)
            halves.sizes[name] = (len(of_reported), len(of_tuning))
    return halves


def _headline(
    suite: str, info: SuiteInfo, verdicts: Sequence[Verdict], stated: SuiteReport
) -> float:
    """Return a suite's headline as some of its verdicts give it.

    Raises:
        BenchmarkError: they give none.
    """
    half = recounted(suite, info, verdicts, stated, _NO_INTERVALS)
    if math.isnan(half.headline_value):
        hint = "Leave the suite out with --gain and --retention, or bring more of its images."
        raise BenchmarkError("too few items to halve them", where=suite, hint=hint)
    return round(half.headline_value, 4)


def _points(
    sources: Sequence[PointSource], halves: _Halves, gain: Sequence[str], retention: Sequence[str]
) -> list[FrontierPoint]:
    points = []
    for source in sources:
        reported = halves.reported[source.label]
        tuning = halves.tuning[source.label]
        point = FrontierPoint(
            name=source.label,
            run=source.run,
            method=source.method,
            factor=source.factor,
            gain=mean(reported[name] for name in gain),
            retention=mean(reported[name] for name in retention),
            tuning_gain=mean(tuning[name] for name in gain),
            tuning_retention=mean(tuning[name] for name in retention),
            suites=reported,
        )
        points.append(point)
    return points


def _published(
    measured: EvalReport, gain: Sequence[str], retention: Sequence[str]
) -> list[PublishedPoint]:
    """Return the methods whose papers report every suite; none where ours are not whole."""
    coverages = [suite.coverage for suite in measured.models[0].suites.values()]
    if min(coverages) < 100 or drawn_suites(measured.suites):
        return []
    values: dict[str, dict[str, float]] = {}
    for row in published([*gain, *retention]):
        headline = measured.suites[row.suite].headline
        if headline in row.values:
            # Papers come before re-evaluations, whose numbers give way.
            values.setdefault(row.model, {}).setdefault(row.suite, row.values[headline])
    points = []
    for name, of_suites in values.items():
        if of_suites.keys() >= {*gain, *retention}:
            of_gain = mean(of_suites[suite] for suite in gain)
            of_retention = mean(of_suites[suite] for suite in retention)
            points.append(PublishedPoint(name, of_gain, of_retention))
    return points


# The chosen weights


def _write_chosen(
    folder: Path, source: PointSource, point: FrontierPoint, config: FrontierConfig
) -> None:
    """Save a point's weights as a checkpoint that knows how it was made."""
    backbone = source.load(config.device)
    extra = {}
    if source.mixture is not None:
        extra = dict(read_checkpoint_info(source.mixture.run / LAST))
        # What describes the mixture itself is written anew with its weights.
        for name in ("weights_sha256", "versions", "source"):
            extra.pop(name, None)
    extra["frontier"] = {
        "run": str(source.arguments.get("run", source.run)),
        "method": point.method,
        "factor": point.factor,
        "budget": config.budget,
        "suites": list(point.suites),
        "gain": point.gain,
        "retention": point.retention,
    }
    save_checkpoint(folder, backbone, extra=extra)
