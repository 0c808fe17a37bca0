"""How similarities of one item become verdicts, one small judge per kind of question."""

from __future__ import annotations

from collections.abc import Iterator

from ahnpl_cli.evaluation.scoring import metrics
from ahnpl_cli.evaluation.scoring.items import Item, Verdict
from ahnpl_cli.evaluation.scoring.metrics import Outcome

Scores = tuple[float, ...]


def verdict(item: Item, scores: Scores, outcomes: dict[str, Outcome], suffix: str = "") -> Verdict:
    """Return the verdict of an item from one outcome per row."""
    ties = tuple(row for row, outcome in outcomes.items() if outcome.tied)
    correct = {row: bool(outcome.correct) for row, outcome in outcomes.items()}
    return Verdict(item.id + suffix, item.cluster, correct, ties, scores)


def choose(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """One image, N captions: every true one has to be above every false one."""
    outcome = metrics.choose(scores, item.positives, ties_win=ties_win)
    yield verdict(item, scores, dict.fromkeys(item.rows, outcome))


def matrix(item: Item, scores: Scores) -> list[Scores]:
    """Return the similarities as rows of images and columns of captions."""
    width = len(item.texts)
    return [scores[i * width : (i + 1) * width] for i in range(len(item.images))]


def keyed(measure: str, keys: tuple[str, ...], outcome: Outcome) -> dict[str, Outcome]:
    """Return `measure` and `measure / key` for every key, all with one outcome."""
    return dict.fromkeys([measure, *(f"{measure} / {key}" for key in keys)], outcome)


def winoground(item: Item, scores: Scores, ties_win: bool) -> Iterator[Verdict]:
    """Two images, two captions: text, image and group score (Thrush et al. 2022, Eqs. 1-3).

    The item's rows are its tags; every measure counts overall and under every tag.
    """
    s = matrix(item, scores)
    text = metrics.both(*(metrics.group_text(s, i) for i in range(2)))
    image = metrics.both(*(metrics.group_image(s, i) for i in range(2)))
    outcomes = {"text": text, "image": image, "group": metrics.both(text, image)}
    rows = {
        r: o for m, outcome in outcomes.items() for r, o in keyed(m, item.rows, outcome).items()
    }
    yield verdict(item, scores, rows)
