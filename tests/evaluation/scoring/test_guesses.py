"""What guessing gives, by formula and by trying every order, against drawn similarities."""

import math
from pathlib import Path

import numpy as np
import pytest

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.benchmarks import bivlc, crepe, custom, gnm, half_truths, sugarcrepe_pp
from ahnpl_cli.evaluation.scoring.items import Item
from ahnpl_cli.evaluation.scoring.judging import CHOICE, IMAGE_CHOICE, TWO_BY_TWO, ItemTask, Judge
from ahnpl_cli.evaluation.scoring.statistics import mean, pool
from ahnpl_cli.evaluation.suite_report import chance_of

PHOTOS = tuple(ImageRef(Path(f"{n}.jpg")) for n in range(4))


def item(images: int, texts: int, *subsets: str, positives: int = 1, text_only: bool = False):
    words = tuple(f"text {n}" for n in range(texts))
    return Item("1", PHOTOS[:images], words, subsets, positives, "1.jpg", text_only)


def drawn(judge: Judge, question: Item, draws: int = 4000) -> dict[str, float]:
    """The share of right verdicts over random similarities."""
    generator = np.random.default_rng(0)
    right: dict[str, list[bool]] = {}
    for _ in range(draws):
        scores = tuple(generator.random(question.n_similarities).tolist())
        for verdict in judge.verdicts(question, scores, False):
            for subset, correct in verdict.correct.items():
                right.setdefault(subset, []).append(correct)
    return {subset: float(np.mean(verdicts)) for subset, verdicts in right.items()}


CASES = [
    (CHOICE, item(1, 2, "swap_obj", "order_only")),
    (CHOICE, item(1, 9, "nine")),
    (CHOICE, item(1, 5, "two true", positives=2)),
    (IMAGE_CHOICE, item(4, 1, "images")),
    (TWO_BY_TWO, item(2, 2, "tag")),
    (Judge(bivlc.judge, bivlc.subsets), item(2, 2, "replace", "replace obj")),
    (Judge(crepe.judge, crepe.subsets), item(1, 6, "atom")),
    (Judge(custom.judge, custom.subsets, custom.guess), item(1, 4, "a", "a", "b", "tag x")),
    (Judge(half_truths.judge, half_truths.subsets), item(1, 3, "coco")),
    (Judge(sugarcrepe_pp.judge, sugarcrepe_pp.subsets), item(1, 3, "swap_obj")),
    (Judge(sugarcrepe_pp.judge, sugarcrepe_pp.subsets), item(1, 3, "swap_obj", text_only=True)),
    (Judge(gnm.judge, gnm.subsets), item(2, 2, "2")),
]


@pytest.mark.parametrize(("judge", "question"), CASES)
def test_guessing_is_right_as_often_as_random_similarities_are(judge, question):
    guesses = judge.guesses(question)
    chance = {subset: right / verdicts for subset, (right, verdicts) in guesses.items()}
    assert chance == pytest.approx(drawn(judge, question), abs=0.025)


def test_of_a_large_group_it_is_not_known():
    guesses = Judge(gnm.judge, gnm.subsets).guesses(item(4, 4, "4"))
    assert guesses and all(math.isnan(right) for right, _ in guesses.values())


def test_an_average_is_over_what_is_here_and_known():
    items = [item(1, 2, "pair"), item(1, 4, "four"), item(1, 4, "four")]
    averages = {
        "macro": mean("pair", "four"),
        "micro": pool("pair", "four"),
        "with_absent": mean("pair", "absent"),
        "nothing": mean("absent"),
    }
    chance = chance_of(averages, ItemTask(items=items, judge=CHOICE).guesses())
    assert chance == {
        "pair": 50.0,
        "four": 25.0,
        "macro": 37.5,
        "micro": pytest.approx(100 / 3, abs=1e-4),
        "with_absent": 50.0,
    }


def test_what_guessing_gives_stands_in_the_order_of_the_averages():
    rows = [f"row {number}" for number in range(20)]
    guesses = {row: (1.0, 2) for row in rows}
    chance = chance_of({"macro": mean(*rows)}, dict(reversed(guesses.items())))
    assert list(chance) == [*rows, "macro"]
