"""Hits and misses worth looking at: items on which the first and the last model differ, or fail."""

from __future__ import annotations

import hashlib
import heapq
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from ahnpl_cli.evaluation.scoring.items import ItemSuite, Outcome, Suite, Verdict

CAPTIONS = 3  # at most; shuffled word orders with more are tiring to read
PER_OUTCOME = 4  # of each suite; enough to see a pattern, few enough for a page
Change = Literal["gained", "lost", "missed"]


@dataclass(frozen=True, slots=True)
class ExampleItem:
    """One item that a page shows.

    Attributes:
        suite: its suite.
        id: the item's.
        rows: subsets that it counts in.
        fate: `gained` by the last model over the first, `lost` to it, or `missed` by both.
        image: path.
        crop: (x, y, width, height) or None.
        captions: candidates, the true ones first.
        positives: how many of them are true.
        scores: similarities of the candidates, by model.
    """

    suite: str
    id: str
    rows: tuple[str, ...]
    fate: Change
    image: str
    crop: tuple[int, int, int, int] | None
    captions: tuple[str, ...]
    positives: int
    scores: dict[str, tuple[float, ...]]


def _fate(first: Verdict, last: Verdict) -> Change | None:
    before, after = all(first.correct.values()), all(last.correct.values())
    if before and after:
        return None
    return "gained" if after else "lost" if before else "missed"


def _of_suite(suite: ItemSuite, outcomes: Mapping[str, Outcome]) -> Iterator[ExampleItem]:
    """Every case of a suite whose items show captions beside one image."""
    by_model = {
        model: {verdict.id: verdict for verdict in outcome.verdicts}
        for model, outcome in outcomes.items()
    }
    first, last = next(iter(by_model)), next(reversed(by_model))
    for item in suite.scored:
        if item.text_only or len(item.images) != 1 or not 2 <= len(item.texts) <= CAPTIONS:
            continue
        verdicts = {model: found.get(item.id) for model, found in by_model.items()}
        known = {model: verdict for model, verdict in verdicts.items() if verdict is not None}
        if len(known) < len(by_model):
            continue
        fate = _fate(known[first], known[last])
        if fate is not None:
            (ref,) = item.images
            scores = {model: verdict.scores for model, verdict in known.items()}
            shown = (fate, str(ref.path), ref.crop, item.texts, item.positives, scores)
            yield ExampleItem(suite.name, item.id, item.rows, *shown)


def select_examples(
    suites: Sequence[Suite], outcomes: Mapping[str, Mapping[str, Outcome]]
) -> list[ExampleItem]:
    """Return a few cases per suite and fate, chosen by hash: neither the best nor the worst.

    Args:
        suites: what was scored.
        outcomes: by model, in the order given, and suite.
    """
    chosen: list[ExampleItem] = []
    for suite in suites:
        if not isinstance(suite, ItemSuite):
            continue
        mine = {model: found[suite.name] for model, found in outcomes.items()}
        cases = list(_of_suite(suite, mine))
        for fate in ("gained", "lost", "missed"):
            some = (case for case in cases if case.fate == fate)
            chosen += heapq.nsmallest(PER_OUTCOME, some, key=_rank)
    return chosen


def _rank(case: ExampleItem) -> str:
    return hashlib.sha256(f"{case.suite}\0{case.id}".encode()).hexdigest()
