"""The page of `ahnpl demo`: what was done, what to look at, then all that came of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from ahnpl_cli.config import DemoConfig, InspectConfig
from ahnpl_cli.demo import METHODS, START, DemoFolder, FinishedStage, demo_size
from ahnpl_cli.evaluation.report import EvalReport
from ahnpl_cli.evaluation.result_page import eval_sections, numbers_section, settings_section
from ahnpl_cli.evaluation.trade_off import GAIN, RETENTION, trade_offs
from ahnpl_cli.inspection.inspect import run_examples
from ahnpl_cli.inspection.pages import example_sections, provenance_section
from ahnpl_cli.inspection.results import shareable
from ahnpl_cli.inspection.run import inspect_run, training_section
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import StepReport
from ahnpl_cli.reporting.page import Section, bullets, fold, paragraph, render_page, table
from ahnpl_cli.reporting.tables import Table

EXAMPLES = 3  # scenes that the page shows first
SUBTITLE = "Every stage on synthetic scenes: does fine-tuning on hard negatives teach word order?"
TASK = (
    "A training image, its caption, and a hard negative that competes with it. To tell them apart "
    "a model has to read who is where and what is which, not only which words are there."
)
CONTROL = "clip has seen no hard negative: what the others have above it, negatives bring."
PRICE = "This is what fine-tuning forgets; ahnpl frontier looks for a point between."


def demo_page(
    out: Path,
    config: DemoConfig,
    finished: Sequence[FinishedStage],
    results: EvalReport,
    track: Track = silent,
) -> str:
    """Return the page of the demo: what was done and what to look at, then all that came of it.

    Raises:
        DataError: the run, or what it was trained on, cannot be read.
        ModelError: a checkpoint cannot be loaded.
    """
    folder = DemoFolder(out)
    run_folder = folder.run("ahnpl")
    report = inspect_run(run_folder)
    options = InspectConfig(
        examples=EXAMPLES, seed=config.seed, device=config.device, image_root=str(folder.scenes)
    )
    scenes, *views = example_sections(run_examples(run_folder, options, track))
    scenes = replace(scenes, title="Three examples", text=TASK)
    shown = shareable(results, folder.results, options)
    outcome, *details = eval_sections(shown)
    sections = [
        _done_section(config, finished, results),
        scenes,
        _reading_section(results, report.details.steps),
        *(outcome, *details[:1], training_section(report.details), *views, *details[1:]),
        *(numbers_section(shown), provenance_section(report), settings_section(shown)),
    ]
    return render_page("The demo of ahnpl", SUBTITLE, sections)


def _done_section(
    config: DemoConfig, finished: Sequence[FinishedStage], results: EvalReport
) -> Section:
    """Return what the demo did, the methods that it compares, and its commands."""
    size = demo_size(config)
    parameters = results.models[0].info.get("parameters")
    weights = f", {parameters / 1e6:.1f} million parameters" if parameters else ""
    told = paragraph(
        f"Drawn: {size.train:,} scenes of colored shapes, with captions. Made: hard negatives, "
        "captions with one small change that makes them false. Trained: a small CLIP "
        f"({START}{weights}), which had seen contrast alone, by {len(METHODS)} methods, "
        f"{size.steps} steps of {size.batch_size} pairs each. Measured: all of them, on "
        f"{size.test} items a file of scenes that none was trained on."
    )
    methods = [(f"{START}:", "the start, as it is bundled")]
    methods += [(f"{name}:", about) for name, about in METHODS.items()]
    rows = tuple((stage.stage.about, stage.seconds, stage.stage.command) for stage in finished)
    commands = Table("Commands", ("stage", "seconds", "as you would type it"), rows)
    every = fold(f"The {len(rows)} commands, each as you would type it", [table(commands)])
    return Section("What was done", (told, bullets(methods), every))


def _reading_section(results: EvalReport, steps: Sequence[StepReport]) -> Section:
    """Return what a reader should look at, with the numbers of this demo."""
    points = [
        ("The gain.", f"{_means(results, GAIN)} {CONTROL}"),
        ("The price.", f"{_means(results, RETENTION)} {PRICE}"),
        ("Where.", f"{_extremes(results)} By subset shows which questions move."),
    ]
    if steps:
        gaps = f"from {steps[0].gap:.3f} to {steps[-1].gap:.3f}"
        points.append(("How.", f"In Training the gap S(I,T) - S(I,T_neg) goes {gaps}."))
    points.append(("One by one.", "Hits and misses shows items that changed sides."))
    return Section("What to look at", (bullets(points),))


def _means(results: EvalReport, kind: str) -> str:
    values = []
    for model in trade_offs(results):
        values.append(f"{model.model} {model.means[kind].value:.1f}")
    return f"Mean of the {kind} suites, in percent: {', '.join(values)}."


def _extremes(results: EvalReport) -> str:
    """Return on which suites the last model gains most and least."""
    first, last = results.models[0], results.models[-1]
    changes = []
    for name, suite in last.suites.items():
        changes.append((suite.headline_value - first.suites[name].headline_value, name))
    (least, lost), (most, gained) = min(changes), max(changes)
    return f"{last.name} gains most on {gained} ({most:+.1f}), least on {lost} ({least:+.1f})."
