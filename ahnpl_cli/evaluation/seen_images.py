"""What of a test a model has met before: photos that it was trained on, items it was chosen by.

Both as far as its run kept a record. Karpathy's training split holds 30,504 photos of COCO val2014,
and val2017 is a part of that: a model trained on it has seen photos of SugarCrepe, BiVLC, NegBench
and others.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from ahnpl_cli.backbones.load import read_checkpoint_info
from ahnpl_cli.backbones.source import ModelSource
from ahnpl_cli.config import EvalConfig
from ahnpl_cli.data.fingerprints import SeenImages, fingerprints, read_seen
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks import ALIASES, members
from ahnpl_cli.evaluation.benchmarks.label_task import LabelTask
from ahnpl_cli.evaluation.benchmarks.retrieval import RetrievalTask
from ahnpl_cli.evaluation.report import SeenInTraining
from ahnpl_cli.evaluation.scoring.items import Half, Suite
from ahnpl_cli.evaluation.scoring.judging import ItemTask
from ahnpl_cli.progress import Track
from ahnpl_cli.runs import BEST, IMAGES, is_run

logger = logging.getLogger(__name__)

Seen = Mapping[str, Mapping[str, frozenset[Path]]]


def warn_of_chosen(
    sources: Sequence[ModelSource], suites: Sequence[str], half: Half | None
) -> None:
    """Say which checkpoints were chosen by the items that they are now reported on.

    Args:
        sources: of checkpoints.
        suites: names of what is evaluated.
        half: of the items that is reported, if not both are.
    """
    for source in sources:
        folder = Path(source.arguments["checkpoint"])
        info = read_checkpoint_info(folder)
        chosen_on, chosen_half = _chosen_by(folder, info)
        # A file of one's own is left out: whoever chose by it knows it.
        met = [name for name in suites if name in chosen_on]
        if met and (chosen_half != "tuning" or half != "reported"):
            items = f"the {chosen_half} half of its items" if chosen_half else "it"
            way = "--half reported" if chosen_half == "tuning" else "report other suites"
            logger.warning(
                f"{', '.join(met)}: {source.label} was chosen on {items}, so that its number is "
                f"better than on new items ({way})"
            )


def _chosen_by(folder: Path, info: Mapping[str, Any]) -> tuple[set[str], str | None]:
    """Return the suites that chose a checkpoint, and the half of their items if it was one."""
    frontier = info.get("frontier")
    recipe = info.get("recipe")
    # A frontier chooses on the tuning half always; see `frontier.run`.
    if isinstance(frontier, dict):
        return set(frontier.get("suites") or ()), "tuning"
    # A run's other checkpoints were chosen by nothing but their step.
    if folder.name != BEST or not isinstance(recipe, dict):
        return set(), None
    suites: set[str] = set()
    for name in recipe.get("eval_suites") or ():
        suites.update(members(ALIASES.get(name, name)))
    return suites, recipe.get("eval_half")


def without_seen(
    sources: Sequence[ModelSource], suites: Mapping[str, Suite], config: EvalConfig, track: Track
) -> tuple[dict[str, Suite], dict[str, dict[str, SeenInTraining]]]:
    """Return the suites, and what of each the models were trained on; say the latter.

    Args:
        sources: of checkpoints.
        suites: by name.
        config: says whether images that any of the models has seen are left out.
        track: shows progress.
    """
    seen = find_seen(sources, list(suites.values()), track)
    counts = say_seen(suites, seen, left_out=config.leave_out_seen)
    if not seen or not config.leave_out_seen:
        return dict(suites), counts
    left = {}
    # For all models alike: numbers of other items could not be compared.
    for name, suite in suites.items():
        left[name] = without_images(suite, seen_by_any(seen, name))
    return left, counts


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
    if isinstance(suite.task, LabelTask):
        # A probe also looks at images that nothing is asked of: what it learns from may be known.
        tested = suite.task.test_images()
        seen = len(paths & tested)
        return SeenInTraining(seen, len(tested), seen, len(tested))
    images = {ref.path for ref in suite.task.images()}
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
        return replace(suite, task=task.without(paths), notes=notes)
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
