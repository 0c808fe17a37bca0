"""Gradients of every term against finite differences, and recipes as sums written out."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor

from ahnpl_cli.losses.features import Features, TeacherFeatures
from ahnpl_cli.losses.objective import Objective
from ahnpl_cli.losses.recipes import PAPER, RELEASED, Fidelity, recipe
from ahnpl_cli.losses.registry import TERMS
from ahnpl_cli.similarity import normalize

N, K, D = 5, 3, 4
# By objective and form: the weight of every term, and what joins the softmax of Eq. 4.
WEIGHTS: dict[tuple[str, Fidelity], tuple[dict[str, float], str]] = {
    ("clip", "paper"): ({"contrastive": 0.5}, "none"),
    ("negclip", "paper"): ({"contrastive": 0.5}, "batch"),
    ("ce-clip", "paper"): (
        {"contrastive": 1.0, "intra_modal": 0.2, "cross_modal_rank": 0.4},
        "own",
    ),
    ("ce-itm", "paper"): (
        {"contrastive": 0.5, "intra_modal": 0.2, "cross_modal_rank": 0.4, "matching": 1.0},
        "own",
    ),
    ("slipform", "paper"): ({"contrastive": 0.5, "cement": 1.0}, "none"),
    ("ahnpl", "paper"): (
        {
            "contrastive": 0.5,
            "hard_negative_visual": 1.0,
            "hard_negative_textual": 1.0,
            "positive_margin": 1.0,
            "negative_margin": 1.0,
        },
        "batch",
    ),
    ("ahnpl-plus", "paper"): (
        {
            "contrastive": 0.5,
            "hard_negative_visual": 3.0,
            "hard_negative_textual": 3.0,
            "positive_margin": 1.0,
            "negative_margin": 1.0,
            "unit": 1.0,
            "teacher_features": 1.28,
        },
        "batch",
    ),
    ("fsc", "paper"): ({"contrastive": 0.5, "calibrated": 0.5}, "none"),
    ("read", "paper"): ({"contrastive": 0.5, "paraphrase": 0.5}, "batch"),
    ("degla", "paper"): (
        {"contrastive": 0.5, "calibrated": 0.1, "text_grounded": 0.1, "teacher_features": 1.28},
        "batch",
    ),
    ("cs-clip", "paper"): ({"contrastive": 0.5, "unit": 0.5}, "batch"),
    ("clic", "paper"): ({"every_text": 0.5, "separate_negative": 0.5, "same_text": 1.0}, "none"),
    ("gnm", "paper"): ({"contrastive": 0.5}, "none"),
    ("trohn", "paper"): ({"negative_pairs": 0.5}, "none"),
    ("triplet", "paper"): ({"contrastive": 0.5, "exchanged": 0.5}, "batch"),
    ("degla", "released"): (
        {"contrastive": 1.0, "calibrated": 0.1, "text_grounded": 0.1, "teacher_features": 0.005},
        "batch",
    ),
    ("gnm", "released"): ({"contrastive": 1.0}, "none"),
    ("clip", "released"): ({"contrastive": 1.0}, "none"),
    ("negclip", "released"): ({"contrastive": 1.0}, "batch"),
    ("ce-clip", "released"): (
        {"contrastive": 1.0, "intra_modal": 0.3, "cross_modal_rank": 0.2},
        "batch",
    ),
    ("ahnpl", "released"): (
        {
            "contrastive": 1.0,
            "hard_negative_visual": 0.2,
            "hard_negative_textual": 0.2,
            "negative_margin": 0.2,
        },
        "batch",
    ),
}


def raw(*shape: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(*shape, generator=generator, dtype=torch.float64).requires_grad_()


VALID = torch.tensor([[1, 1, 0], [0, 0, 0], [1, 1, 1], [0, 1, 1], [1, 0, 1]], dtype=torch.bool)
SHOWN = torch.tensor([[1, 0, 0], [0, 0, 0], [1, 1, 1], [0, 0, 1], [0, 0, 0]], dtype=torch.bool)
# How many values a term has: one a pair, but for terms over painted pairs.
VALUES = {"negative_pairs": N + int(SHOWN.sum()), "exchanged": int(SHOWN.sum())}
# Another model's features of the same pairs.
TEACHER = TeacherFeatures(
    image_features=normalize(raw(N, D, seed=5)).detach(),
    text_features=normalize(raw(N, D, seed=6)).detach(),
    negative_features=normalize(raw(N, K, D, seed=7)).detach(),
    logit_scale=torch.tensor(6.0, dtype=torch.float64),
)
BARE = replace(TEACHER, negative_features=TEACHER.negative_features[:, :0])
Inputs = tuple[Tensor, Tensor, Tensor, Tensor, Tensor]


def features(
    images: Tensor, texts: Tensor, negatives: Tensor, log_scale: Tensor, pictures: Tensor
) -> Features:
    # A head that finds what the features say, so that its term depends on them too.
    candidates = torch.cat([texts.unsqueeze(1), negatives], dim=1)
    odds = log_scale.exp() * (normalize(images).unsqueeze(1) * normalize(candidates)).sum(-1)
    return Features(
        match_odds=odds,
        image_negative_features=normalize(pictures),
        image_valid=SHOWN,
        positive_features=normalize(negatives)[:, :1],
        positive_valid=torch.tensor([[True], [True], [False], [True], [True]]),
        unit_features=normalize(texts).unsqueeze(1),
        foil_features=normalize(negatives)[:, 1:2],
        longer=VALID & torch.tensor([False, False, True]),
        image_features=normalize(images),
        text_features=normalize(texts),
        negative_features=normalize(negatives),
        logit_scale=log_scale.exp(),
        valid=VALID,
        image_ids=torch.tensor([0, 0, 1, 2, 3]),
        concreteness=torch.linspace(1, 5, N * K, dtype=torch.float64).reshape(N, K),
        teachers={"start": TEACHER, "ema": TEACHER},
    )


def inputs() -> Inputs:
    scale = torch.tensor(1.5, dtype=torch.float64, requires_grad=True)
    texts, pictures = (raw(N, D, seed=2), raw(N, K, D, seed=3)), raw(N, K, D, seed=4)
    return raw(N, D, seed=1), *texts, scale, pictures


def objective(name: str, fidelity: Fidelity, kinds: int = K) -> Objective:
    """An objective in the middle of a run: no number of its state is that of another."""
    made = Objective(recipe(name, fidelity), kinds).double()
    with torch.no_grad():
        made.a.fill_(0.43)
        made.margin.copy_(torch.tensor([0.05, 0.31, 0.22])[:kinds])
        made.threshold.copy_(torch.tensor([0.7, 0.2, 1.1])[:kinds])
    return made


@pytest.mark.parametrize("fidelity", ["paper", "released"])
@pytest.mark.parametrize("name", TERMS)
def test_a_terms_gradient_is_that_of_finite_differences(name: str, fidelity: Fidelity) -> None:
    # Released Eq. 5 is meant to have no gradient through the shift; `paper` has it.
    state = objective("ahnpl", fidelity)
    state.recipe = replace(recipe("ahnpl", fidelity), teacher="start")
    term = TERMS[name].function(fidelity)

    def loss(*tensors: Tensor) -> Tensor:
        return term(features(*tensors), state)

    detached = name == "hard_negative_visual" and fidelity == "released"
    if not detached:
        assert torch.autograd.gradcheck(loss, inputs(), atol=1e-6)
        return
    # Of a detached shift the differences are those with the shift held fixed.
    images, texts, negatives, scale, pictures = inputs()
    shift = (normalize(negatives) - normalize(texts).unsqueeze(1)).detach()

    def fixed(shown: Tensor, log_scale: Tensor) -> Tensor:
        anchors = normalize(shown)
        moved = (anchors.unsqueeze(1) + shift).flatten(0, 1)
        logits = log_scale.exp() * anchors @ moved.T
        target = torch.arange(N)
        return torch.nn.functional.cross_entropy(logits, target, reduction="none")

    assert torch.autograd.gradcheck(fixed, (images, scale), atol=1e-6)
    got = torch.autograd.grad(
        loss(images, texts, negatives, scale, pictures).sum(), (images, scale)
    )
    want = torch.autograd.grad(fixed(images, scale).sum(), (images, scale))
    torch.testing.assert_close(got, want)


@pytest.mark.parametrize("name", TERMS)
def test_what_a_term_depends_on_gets_gradient(name: str) -> None:
    tensors = inputs()
    state = objective("ahnpl", "paper")
    state.recipe = replace(state.recipe, teacher="start")
    TERMS[name].function("paper")(features(*tensors), state).sum().backward()
    images, texts, *_ = (tensor.grad is not None for tensor in tensors)
    over_pictures = name in VALUES
    texts_only = ("hard_negative_textual", "exchanged", "paraphrase", "text_grounded", "same_text")
    moves_image = name not in texts_only
    moves_negative = name not in ("positive_margin", "teacher_similarity")
    scaled = ["contrastive", "intra_modal", "cross_modal_rank", "cement", "matching"]
    scaled += ["calibrated", "paraphrase", "teacher_similarity", "unit", "addition"]
    scaled += ["every_text", "separate_negative"]
    uses_scale = name in scaled or over_pictures
    assert bool(tensors[4].grad is not None and tensors[4].grad.any()) == over_pictures
    assert texts
    assert images == moves_image
    assert bool(tensors[2].grad is not None and tensors[2].grad.any()) == moves_negative
    assert bool(tensors[3].grad is not None and tensors[3].grad.any()) == uses_scale
    assert (state.a.grad is not None) == (name == "positive_margin")


def test_the_weights_written_out_are_those_of_every_recipe() -> None:
    rows = {(name, "paper") for name in PAPER} | {(name, "released") for name in RELEASED}
    assert set(WEIGHTS) == rows


@pytest.mark.parametrize(("name", "fidelity"), WEIGHTS)
def test_a_recipe_is_the_weighted_sum_of_its_own_forms(name: str, fidelity: Fidelity) -> None:
    weights, softmax_negatives = WEIGHTS[name, fidelity]
    made = objective(name, fidelity)
    batch = features(*inputs())
    total = 0.0
    for term, weight in weights.items():
        values = TERMS[term].function(fidelity)(batch, made)
        assert len(values) == VALUES.get(term, N)
        total += weight * sum(values.tolist()) / len(values)
    losses = made(batch)
    assert losses.total.item() == pytest.approx(total)
    assert set(losses.terms) == set(weights)
    assert made.recipe.softmax_negatives == softmax_negatives
    assert made.recipe.fidelity == fidelity


def test_the_switches_of_the_papers_and_of_the_code() -> None:
    paper, released = recipe("ahnpl"), recipe("ahnpl", "released")
    assert (paper.margin_floor, paper.margin_cap, paper.rank_cap) == (0.0, 0.1, 10.0)
    assert (released.margin_cap, released.rank_cap) == (10.0, 10.0)
    assert (paper.a_init, released.a_init, paper.cement_cap) == ("auto", 0.9, 0.2)
    assert paper.mask_same_image and paper.shift_gradient and not paper.reset_margins
    assert not released.mask_same_image
    assert not released.shift_gradient
    assert released.reset_margins


def test_released_margins_are_in_logits_from_all_positives() -> None:
    made = objective("ahnpl", "released")
    batch = features(*inputs())
    scale = batch.logit_scale.item()
    positives = [scale * cosine for cosine in batch.positive.tolist()]
    made.update(batch)
    for k in range(K):
        valid = [scale * batch.negative[i, k].item() for i in range(N) if VALID[i, k]]
        gap = sum(positives) / N - sum(valid) / len(valid)
        want = min(max(gap, 0.0), 10.0)
        assert made.margin[k].item() == pytest.approx(want)
        assert made.threshold[k].item() == pytest.approx(want)


def test_paper_margins_are_in_cosine_and_thresholds_in_logits() -> None:
    made = objective("ce-clip", "paper")
    batch = features(*inputs())
    made.update(batch)
    for k in range(K):
        gaps = [(batch.positive[i] - batch.negative[i, k]).item() for i in range(N) if VALID[i, k]]
        mean = sum(gaps) / len(gaps)
        assert made.margin[k].item() == pytest.approx(min(max(mean, 0.0), 0.1))
        scaled = batch.logit_scale.item() * mean
        assert made.threshold[k].item() == pytest.approx(min(scaled, 10.0))


def test_the_margins_floor_can_be_switched_off() -> None:
    chosen = replace(recipe("ahnpl"), margin_floor=-2.0, margin_cap=2.0)
    made = Objective(chosen, K).double()
    batch = features(*inputs())
    made.update(batch)
    gaps = [(batch.positive[i] - batch.negative[i, 0]).item() for i in range(N) if VALID[i, 0]]
    assert made.margin[0].item() == pytest.approx(sum(gaps) / len(gaps))
    assert (made.margin < 0).any()


@pytest.mark.parametrize("fidelity", ["paper", "released"])
@pytest.mark.parametrize("name", TERMS)
def test_without_slots_every_term_is_finite_and_those_of_negatives_are_0(
    name: str, fidelity: Fidelity
) -> None:
    images, texts, _, scale, _ = inputs()
    batch = Features(
        image_features=normalize(images),
        text_features=normalize(texts),
        logit_scale=scale.exp(),
        teachers={"start": BARE, "ema": BARE},
    )
    state = objective("ahnpl", fidelity, kinds=0)
    state.recipe = replace(state.recipe, teacher="start")
    values = TERMS[name].function(fidelity)(batch, state)
    assert len(values) == (0 if name == "exchanged" else N)
    assert values.isfinite().all()
    # Without painted pairs, a batch of pairs and painted pairs is one of pairs.
    if TERMS[name].uses_negatives and name != "negative_pairs":
        assert not values.any()


@pytest.mark.parametrize(("name", "fidelity"), WEIGHTS)
def test_an_objective_takes_batches_without_negatives(name: str, fidelity: Fidelity) -> None:
    images, texts, _, scale, _ = inputs()
    batch = Features(
        image_features=normalize(images),
        text_features=normalize(texts),
        logit_scale=scale.exp(),
        teachers={"start": BARE, "ema": BARE},
    )
    made = objective(name, fidelity)
    before = made.margin.clone()
    made(batch).total.backward()
    made.update(batch)
    assert images.grad is not None and images.grad.isfinite().all()
    assert torch.equal(made.margin, before)


def test_another_number_of_slots_than_the_objectives_is_said() -> None:
    with pytest.raises(ValueError, match="3 slots of negatives, but an objective of 2"):
        Objective(recipe("ahnpl"), 2).double()(features(*inputs()))


def test_features_have_defaults_of_no_knowledge() -> None:
    images, texts, negatives, scale, _ = inputs()
    batch = Features(images, texts, scale, negatives)
    assert batch.valid.all() and batch.valid.shape == (N, K)
    assert batch.image_ids.tolist() == list(range(N))
    assert batch.concreteness.isnan().all()
    assert not batch.same_image.any()
    assert batch.also_true is None
    assert batch.image_valid.shape == (N, 0)
    assert batch.painted.image_features.shape == batch.painted.text_features.shape == (0, D)


def test_a_similarity_first_read_without_gradient_still_has_one() -> None:
    for block in (torch.no_grad, torch.inference_mode):
        tensors = inputs()
        batch = features(*tensors)
        with block():
            assert batch.positive.shape == (N,)
        batch.positive.sum().backward()
        assert tensors[0].grad is not None and tensors[0].grad.any()
    leaf = torch.eye(2)
    batch = Features(leaf, torch.eye(2), torch.tensor(1.0))
    assert not batch.positive.requires_grad
    leaf.requires_grad_()
    assert batch.positive.requires_grad


@pytest.mark.filterwarnings("ignore:Anomaly Detection")
def test_an_empty_row_passes_anomaly_detection() -> None:
    tensors = inputs()
    with torch.autograd.set_detect_anomaly(True):
        objective("ahnpl", "paper")(features(*tensors)).total.backward()
        objective("ce-clip", "paper")(features(*inputs())).total.backward()
    assert tensors[2].grad is not None and not tensors[2].grad[1].any()


def test_a_negative_that_is_true_of_a_rows_image_is_none_of_it() -> None:
    also_true = torch.zeros(N, N, K, dtype=torch.bool)
    also_true[0, 2, 1] = True  # negative 1 of pair 2 is a caption of pair 0's image
    also_true[3, 4, 1] = True  # of an empty slot, which counts for nothing anyway
    plain = features(*inputs())
    names = ("image_features", "text_features", "logit_scale", "negative_features", "valid")
    given = {name: getattr(plain, name) for name in (*names, "image_ids")}
    masked = Features(**given, also_true=also_true)
    made = objective("negclip", "paper")
    term = TERMS["contrastive"].function("paper")
    before, after = term(plain, made), term(masked, made)
    assert (before - after)[0] > 0
    assert torch.equal(before[1:], after[1:])
    scale = plain.logit_scale
    left_out = (scale * plain.image_features[0] @ plain.negative_features[2, 1]).item()
    others = [
        (scale * plain.image_features[0] @ other).item()
        for other in (plain.text_features[0], *plain.text_features[2:], *plain.packed_negatives)
    ]
    whole = sum(map(math.exp, others))
    want = math.log(whole) - math.log(whole - math.exp(left_out))
    assert (before - after)[0].item() == pytest.approx(want)
