"""Which photos of a test a model was trained on, as far as its run kept a list of them.

Karpathy's training split holds 30,504 photos of COCO val2014, and val2017 is a part of that: a
model trained on it has seen photos of SugarCrepe, BiVLC, NegBench and others.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from ahnpl_cli.backbones.source import ModelSource
from ahnpl_cli.data.fingerprints import SeenImages, fingerprints, read_seen
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks.label_task import LabelTask, averages_of
from ahnpl_cli.evaluation.benchmarks.retrieval import RetrievalTask
from ahnpl_cli.evaluation.report import SeenInTraining
from ahnpl_cli.evaluation.scoring.items import Suite
from ahnpl_cli.evaluation.scoring.judging import ItemTask
from ahnpl_cli.progress import Track
from ahnpl_cli.runs import IMAGES, is_run

logger = logging.getLogger(__name__)

Seen = Mapping[str, Mapping[str, frozenset[Path]]]


def training_images(source: ModelSource) -> SeenImages | None:
    """Return the images of the run that a checkpoint belongs to, or None where none are kept."""
    checkpoint = source.arguments.get("checkpoint")
    if not isinstance(checkpoint, str | Path):
        return None
    folder = Path(checkpoint).resolve()
    # `--checkpoint` may name a run, or a checkpoint in it.
    for run in (folder, folder.parent):
        if is_run(run) and (run / IMAGES).is_file():
            return read_seen(run / IMAGES)
    return None


def find_seen(
    sources: Sequence[ModelSource], suites: Sequence[Suite], track: Track
) -> dict[str, dict[str, frozenset[Path]]]:
    """Return the images of each suite that each model was trained on, by model and suite.

    Models whose training images are not known are left out.
    """
    known = {source.label: training_images(source) for source in sources}
    by_model = {label: seen for label, seen in known.items() if seen is not None}
    if not by_model:
        return {}
    # Each file is read once, however many suites and models ask for it.
    paths: dict[Path, None] = {}
    for suite in suites:
        paths |= dict.fromkeys(ref.path for ref in suite.task.images())
    numbers = fingerprints([ImageRef(path) for path in paths], track=track)
    number_of = dict(zip(paths, numbers.tolist(), strict=True))
    found: dict[str, dict[str, frozenset[Path]]] = {}
    for label, seen in by_model.items():
        of_suites = {}
        for suite in suites:
            own = {ref.path for ref in suite.task.images()}
            of_suites[suite.name] = frozenset(
                path for path in own if seen.holds(path.name, number_of[path])
            )
        found[label] = of_suites
    return found


def count_seen(suite: Suite, paths: frozenset[Path]) -> SeenInTraining:
    """Return how many images and items of a suite show a training image."""
    images = {ref.path for ref in suite.task.images()}
    if isinstance(suite.task, LabelTask):
        # A probe also looks at images that nothing is asked of.
        tested = suite.task.test_images()
        return SeenInTraining(len(paths), len(images), len(paths & tested), len(tested))
    if not isinstance(suite.task, ItemTask):
        # Retrieval asks of each image.
        return SeenInTraining(len(paths), len(images), len(paths), len(images))
    of_items = seen_items = 0
    for item in suite.task.scored:
        if not item.text_only:
            of_items += 1
            seen_items += any(ref.path in paths for ref in item.images)
    return SeenInTraining(len(paths), len(images), seen_items, of_items)


def without_images(suite: Suite, paths: frozenset[Path]) -> Suite:
    """Return a suite that leaves out what shows one of these images, as if it were not here."""
    task = suite.task
    if isinstance(task, LabelTask):
        # What a probe learns from may be known: nothing is asked of it.
        paths &= task.test_images()
    note = f"{len(paths):,} images left out, since a model was trained on them"
    notes = [*suite.notes, note] if paths else suite.notes
    if isinstance(task, LabelTask):
        of_labels = task.without(paths)
        # The mean per class is of the classes that still have an image.
        averages = {**suite.averages, **averages_of(of_labels.data)}
        return replace(suite, task=of_labels, averages=averages, notes=notes)
    if not isinstance(task, ItemTask | RetrievalTask):
        raise TypeError(f"no way to leave images out of {type(task).__name__}")
    return replace(suite, task=replace(task, absent=task.absent | paths), notes=notes)


def seen_by_any(seen: Seen, suite: str) -> frozenset[Path]:
    """Return the images of a suite that any of the models was trained on."""
    return frozenset().union(*(of_suites[suite] for of_suites in seen.values()))


def say_seen(
    suites: Mapping[str, Suite], seen: Seen, *, left_out: bool
) -> dict[str, dict[str, SeenInTraining]]:
    """Return, and log, what of each suite each model was trained on.

    Args:
        suites: by name.
        seen: what `find_seen` returned.
        left_out: whether these images will not be scored.
    """
    way = "left out" if left_out else "score without them: --leave-out-seen"
    counts: dict[str, dict[str, SeenInTraining]] = {}
    for label, of_suites in seen.items():
        counts[label] = {}
        for name, paths in of_suites.items():
            count = counts[label][name] = count_seen(suites[name], paths)
            if count.images:
                logger.warning(
                    f"{name}: {label} was trained on {count.images:,} of its "
                    f"{count.of_images:,} images, which {count.items:,} of {count.of_items:,} "
                    f"items show ({way})"
                )
    return counts
