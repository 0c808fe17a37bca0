"""Hits and misses worth looking at: items on which the first and the last model differ, or fail."""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Mapping, Sequence

from ahnpl_cli.evaluation.report import Change, ExampleItem
from ahnpl_cli.evaluation.scoring.item_task import ItemTask
from ahnpl_cli.evaluation.scoring.items import Item, Suite, SuiteVerdicts, Verdict
from ahnpl_cli.stable_hash import stable_hash

CAPTIONS = 3  # at most; shuffled word orders with more are tiring to read
PER_CHANGE = 4  # of each suite; enough to see a pattern, few enough for a page
CHANGES: tuple[Change, ...] = ("gained", "lost", "missed")


def _change(first: Verdict, last: Verdict) -> Change | None:
    before = all(first.correct.values())
    after = all(last.correct.values())
    if before and after:
        return None
    if after:
        return "gained"
    return "lost" if before else "missed"


def _is_readable(item: Item) -> bool:
    return item.is_choice and len(item.texts) <= CAPTIONS


def _of_suite(
    suite: str, task: ItemTask, by_model: Mapping[str, SuiteVerdicts]
) -> Iterator[ExampleItem]:
    """Yield every example of a suite whose items show captions beside one image."""
    verdicts_by_id = {
        model: {verdict.id: verdict for verdict in found.verdicts}
        for model, found in by_model.items()
    }
    first, *_, last = [next(iter(by_model)), *by_model]
    for item in task.scored:
        if not _is_readable(item):
            continue
        verdicts = {}
        for model, by_id in verdicts_by_id.items():
            if item.id in by_id:
                verdicts[model] = by_id[item.id]
        # An item that one model has no verdict of cannot be shown for all of them.
        if len(verdicts) < len(by_model):
            continue
        change = _change(verdicts[first], verdicts[last])
        if change is None:
            continue
        (ref,) = item.images
        yield ExampleItem(
            suite=suite,
            id=item.id,
            subsets=item.subsets,
            change=change,
            image=str(ref.path),
            crop=ref.crop,
            captions=item.texts,
            positives=item.positives,
            scores={model: verdict.scores for model, verdict in verdicts.items()},
        )


def select_examples(
    suites: Sequence[Suite], verdicts: Mapping[str, Mapping[str, SuiteVerdicts]]
) -> list[ExampleItem]:
    """Return a few examples per suite and change, chosen by hash: neither the best nor the worst.

    Args:
        suites: what was scored.
        verdicts: by model, in the order given, and suite.
    """
    chosen: list[ExampleItem] = []
    for suite in suites:
        if not isinstance(suite.task, ItemTask):
            continue
        by_model = {model: of_suites[suite.name] for model, of_suites in verdicts.items()}
        examples = list(_of_suite(suite.name, suite.task, by_model))
        for change in CHANGES:
            of_change = [example for example in examples if example.change == change]
            chosen += heapq.nsmallest(PER_CHANGE, of_change, key=_rank)
    return chosen


def _rank(example: ExampleItem) -> int:
    return stable_hash(example.suite, example.id)
