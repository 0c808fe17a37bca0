"""Which similarities, scale, margin and mask each term is given: loops over scalars, end to end."""

import math
from collections.abc import Callable
from dataclasses import replace

import pytest
import torch
from scalars import dot
from torch import Tensor

from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import Recipe, recipe
from ahnpl_cli.losses.registry import TERMS

MARGIN = (0.05, 0.3, 0.02, 0.2)
THRESHOLD = (1.5, 0.2, 2.0, 0.7)


def state(f: Features, chosen: Recipe) -> Objective:
    """An objective in which no number of the state is that of another."""
    made = Objective(chosen, f.valid.shape[1]).double()
    with torch.no_grad():
        made.a.fill_(0.37)
        made.margin.copy_(torch.tensor(MARGIN[: f.valid.shape[1]]))
        made.threshold.copy_(torch.tensor(THRESHOLD[: f.valid.shape[1]]))
    return made


def slots(f: Features, i: int) -> list[tuple[int, Tensor]]:
    """The valid negatives of pair i, with their slots."""
    return [(k, f.negative_features[i, k]) for k in range(f.valid.shape[1]) if f.valid[i, k]]


def contrastive(f: Features, i: int) -> float:
    image, text, scale = f.image_features, f.text_features, f.logit_scale.item()
    others = [j for j in range(len(text)) if j == i or f.image_ids[j] != f.image_ids[i]]
    hard = [n for j in range(len(text)) for _, n in slots(f, j)]
    texts = [*(text[j] for j in others), *hard]
    to_text = sum(math.exp(scale * dot(image[i], t)) for t in texts)
    to_image = sum(math.exp(scale * dot(image[j], text[i])) for j in others)
    return math.log(to_text) + math.log(to_image) - 2 * scale * dot(image[i], text[i])


def negative_margin(f: Features, i: int) -> float:
    own = dot(f.image_features[i], f.text_features[i])
    gaps = [dot(f.image_features[i], n) - own + MARGIN[k] for k, n in slots(f, i)]
    return sum(max(0.0, gap) for gap in gaps)


def cross_modal_rank(f: Features, i: int) -> float:
    own, scale = dot(f.image_features[i], f.text_features[i]), f.logit_scale.item()
    return sum(
        max(0.0, scale * (dot(f.image_features[i], n) - own) + THRESHOLD[k]) for k, n in slots(f, i)
    )


def intra_modal(f: Features, i: int) -> float:
    scale = f.logit_scale.item()
    below = sum(math.exp(scale * dot(f.text_features[i], n)) for _, n in slots(f, i))
    return math.log(below) - scale * dot(f.image_features[i], f.text_features[i]) if below else 0.0


def cement(f: Features, i: int) -> float:
    own, scale, total = dot(f.image_features[i], f.text_features[i]), f.logit_scale.item(), 1.0
    for k, negative in slots(f, i):
        margin = 0.3 * (f.concreteness[i, k].item() - 1) / 4
        total += math.exp(scale * (dot(f.image_features[i], negative) - own + margin))
    return math.log(total)


def textual(f: Features, i: int) -> float:
    total = sum(math.exp(dot(f.text_features[i], n)) for _, n in slots(f, i))
    return math.log(total) if total else 0.0


def visual(f: Features, i: int) -> float:
    image, total = f.image_features[i], 0.0
    for _, negative in slots(f, i):
        moved = image + negative - f.text_features[i]
        total += math.exp(dot(image, moved) / math.sqrt(dot(moved, moved)))
    return math.log(total) if total else 0.0


def matching(f: Features, i: int) -> float:
    assert f.match_odds is not None
    own, *others = (1 / (1 + math.exp(-odds)) for odds in f.match_odds[i].tolist())
    wrong = [1 - others[k] for k, _ in slots(f, i)]
    return -sum(map(math.log, [own, *wrong])) / (1 + len(wrong)) if wrong else 0.0


def addition(f: Features, i: int) -> float:
    own, scale = dot(f.image_features[i], f.text_features[i]), f.logit_scale.item()
    return sum(
        max(0.0, scale * (dot(f.image_features[i], n) - own) + 1.0)
        for k, n in slots(f, i)
        if f.longer[i, k]
    )


LOOPS: dict[str, Callable[[Features, int], float]] = {
    "contrastive": contrastive,
    "hard_negative_visual": visual,
    "hard_negative_textual": textual,
    "positive_margin": lambda f, i: max(0.0, 0.37 - dot(f.image_features[i], f.text_features[i])),
    "negative_margin": negative_margin,
    "intra_modal": intra_modal,
    "cross_modal_rank": cross_modal_rank,
    "cement": cement,
    "matching": matching,
    "addition": addition,
}


# These have loops of their own, in the test of each.
ELSEWHERE = {
    *("negative_pairs", "exchanged", "calibrated", "paraphrase", "unit"),
    *("every_text", "separate_negative", "same_text"),
    *(name for name, term in TERMS.items() if term.uses_teacher),
}


@pytest.mark.parametrize("name", [name for name in TERMS if name not in ELSEWHERE])
def test_a_term_is_its_equation_of_the_features(name: str, features: Features) -> None:
    chosen = replace(recipe("ahnpl"), cement_cap=0.3)
    got = TERMS[name].function("paper")(features, state(features, chosen))
    want = [LOOPS[name](features, i) for i in range(len(got))]
    torch.testing.assert_close(got, torch.tensor(want, dtype=got.dtype), atol=1e-6, rtol=1e-6)


def test_every_term_has_a_loop_and_both_forms() -> None:
    assert set(TERMS) == LOOPS.keys() | ELSEWHERE
    for term in TERMS.values():
        assert callable(term.function("paper"))
        assert callable(term.function("released"))
