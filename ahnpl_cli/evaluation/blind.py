"""Controls that never see the image: what a suite gives away by its captions alone.

`shorter`: the caption with fewer words wins; `longer`: with more. `unigram`: the caption whose
words are the more usual ones among true captions wins, by the mean log probability of its words
(add-one smoothing), each item scored by a model of the other items' images: five folds by image.
`--blind-model` adds models of transformers that read the text alone, as SugarCrepe's grammar and
plausibility rows.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path

from ahnpl_cli.caption_words import fold_of, words
from ahnpl_cli.evaluation.report import EvalReport, SuiteReport
from ahnpl_cli.evaluation.scoring.items import (
    Half,
    Item,
    SuiteVerdicts,
    Task,
    Verdict,
    half_of,
)
from ahnpl_cli.evaluation.scoring.judging import ItemTask
from ahnpl_cli.evaluation.suite_report import Bootstrap, SuitePlan, suite_report
from ahnpl_cli.evaluation.table_cells import LABEL, Row, marked, noted, values_of
from ahnpl_cli.progress import Track
from ahnpl_cli.reporting.tables import Cell, Span, Table

FOLDS = 5
BLIND = (
    "shorter, longer: the caption with fewer or more words wins. unigram: the one whose words are "
    "more usual in true captions of other images. Others are models that read the text alone. "
    "Chance is 50 with one foil; a tie is wrong."
)
Score = Callable[[Item, str], float]


def fold(item: Item) -> int:
    """Return the fold of an item: the same for all items of its image."""
    return fold_of(item.cluster, FOLDS)


def unigram(items: Iterable[Item]) -> Score:
    """Return a score by the words of the true captions of the other folds."""
    # The counts of a fold are of all other folds, so that no caption rates its own words.
    counts = [Counter[str]() for _ in range(FOLDS)]
    for item in items:
        own_fold = fold(item)
        for text in item.texts[: item.positives]:
            for other in range(FOLDS):
                if other != own_fold:
                    counts[other].update(words(text))
    totals = [sum(count.values()) + len(count) + 1 for count in counts]

    def score(item: Item, text: str) -> float:
        own_fold = fold(item)
        known = counts[own_fold]
        total = totals[own_fold]
        logs = [math.log((known[word] + 1) / total) for word in words(text)]
        return sum(logs) / len(logs) if logs else -math.inf

    return score


def _looked_up(of_texts: Mapping[str, float], item: Item, text: str) -> float:
    return of_texts[text]


def _controls(items: Sequence[Item]) -> Mapping[str, Score]:
    """Return the controls by name."""
    return {
        "shorter": lambda item, text: -float(len(words(text))),
        "longer": lambda item, text: float(len(words(text))),
        "unigram": unigram(items),
    }


def text_scores(
    names: Sequence[str], tasks: Iterable[Task], *, device: str, batch_size: int, track: Track
) -> dict[str, dict[str, float]]:
    """Return what each model of texts gives every candidate caption of all tasks, by its name.

    Raises:
        ModelError: a name is neither a causal language model nor a text classifier.
    """
    if not names:
        return {}
    from ahnpl_cli.backbones.transformers.text_scorer import load_text_scorer

    texts: dict[str, None] = {}
    for task in tasks:
        for item in choices(task):
            texts |= dict.fromkeys(item.texts)
    scores = {}
    for name in track(names, description="Scoring texts alone", unit="models"):
        scorer = load_text_scorer(name, device=device, batch_size=batch_size)
        # Each distinct text once, over all suites.
        scores[Path(name).name] = dict(zip(texts, scorer.score(list(texts)), strict=True))
    return scores


def choices(task: Task, half: Half | None = None) -> list[Item]:
    """Return the items that show candidate captions beside one image, of one half or of both."""
    if not isinstance(task, ItemTask):
        return []
    items = [item for item in task.scored if item.is_choice]
    return [item for item in items if half in (None, half_of(item.cluster))]


def blind_reports(
    task: ItemTask,
    plan: SuitePlan,
    bootstrap: Bootstrap,
    of_models: Mapping[str, Mapping[str, float]] | None = None,
    half: Half | None = None,
) -> dict[str, SuiteReport]:
    """Return a suite's report for each control, on the items that the models were scored on.

    Args:
        task: of the suite.
        plan: what its numbers follow from.
        bootstrap: how intervals are drawn.
        of_models: scores of texts by further controls; see `text_scores`.
        half: of the items, if not both count.
    """
    items = choices(task, half)
    controls = {**_controls(items)}
    for name, of_texts in (of_models or {}).items():
        controls[name] = partial(_looked_up, of_texts)
    reports = {}
    for name, score in controls.items():
        verdicts: list[Verdict] = []
        for item in items:
            scores = tuple(score(item, text) for text in item.texts)
            verdicts += task.judge.verdicts(item, scores, False)
        reports[name] = suite_report(plan, SuiteVerdicts(verdicts), {}, bootstrap)
    return reports


def blind_tables(report: EvalReport) -> list[Table]:
    """Return one table a suite: the models beside controls that never see the image."""
    tables = []
    for name, controls in report.blind.items():
        first = report.models[0].suites[name]
        rows: list[Row] = []
        # A measure such as half-truths' `order` is a subset and an average.
        labels = [*(subset.name for subset in first.subsets), *first.averages]
        for label in dict.fromkeys(labels):
            ours = [values_of(model.suites[name]).get(label) for model in report.models]
            blind = [_with_ties(control, label) for control in controls.values()]
            rows.append((marked(label, first), *ours, *blind))
        columns = (LABEL, *(model.name for model in report.models), *controls)
        tables.append(Table(f"{name}: without the image", columns, tuple(rows)))
    return noted(tables, BLIND)


def _with_ties(control: SuiteReport, label: str) -> Cell:
    """Return a number, and how many ties keep it low: `0.0 (60 ties)`."""
    value = values_of(control).get(label)
    # A control that ties on every item would look like a model that is always wrong.
    ties = 0
    for subset in control.subsets:
        if subset.name == label:
            ties = subset.ties
    if value is None or not ties:
        return value
    return (Span(f"{value:.1f}"), Span(f" ({ties:,} ties)", "dim"))
