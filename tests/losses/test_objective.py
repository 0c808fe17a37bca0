"""The weighted sum and its state."""

from dataclasses import fields, replace

import pytest
import torch

from ahnpl_cli.errors import ConfigError
from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.margin import adaptive_margin, positive_margin_loss
from ahnpl_cli.losses.objective import A_FLOOR, Objective
from ahnpl_cli.losses.recipes import (
    OBJECTIVES,
    RELEASED,
    Recipe,
    recipe,
)
from ahnpl_cli.losses.registry import Fidelity

METHODS = [*((name, "paper") for name in OBJECTIVES), *((name, "released") for name in RELEASED)]


def make(recipe: Recipe, f: Features) -> Objective:
    return Objective(recipe, f.valid.shape[1]).double()


@pytest.mark.parametrize("name", OBJECTIVES)
def test_the_total_is_the_weighted_sum_of_the_named_means(name: str, features: Features) -> None:
    chosen = recipe(name)
    losses = make(chosen, features)(features)
    want = sum(chosen.weights[term] * value for term, value in losses.terms.items())
    torch.testing.assert_close(losses.total, want)
    assert set(losses.terms) == set(chosen.weights)


def test_weight_0_is_the_ablation_of_the_term(features: Features) -> None:
    full = recipe("ahnpl")
    without = replace(full, weights={**full.weights, "hard_negative_visual": 0.0})
    one, other = make(full, features)(features), make(without, features)(features)
    torch.testing.assert_close(one.total - other.total, one.terms["hard_negative_visual"])
    assert "hard_negative_visual" not in other.terms


def test_the_hard_negative_loss_is_the_sum_of_both_modalities(features: Features) -> None:
    """Eq. 7."""
    both = Recipe(weights={"hard_negative_visual": 1.0, "hard_negative_textual": 1.0})
    losses = make(both, features)(features)
    want = losses.terms["hard_negative_visual"] + losses.terms["hard_negative_textual"]
    torch.testing.assert_close(losses.total, want)
    moved = torch.autograd.grad(losses.total, [features.image_features, features.text_features])
    assert all(gradient.abs().sum() > 0 for gradient in moved)


@pytest.mark.parametrize(("name", "fidelity"), METHODS)
def test_a_batch_of_one_is_finite_in_value_and_gradient(
    name: str, fidelity: Fidelity, single: Features
) -> None:
    losses = make(recipe(name, fidelity), single)(single)
    losses.total.backward()
    assert losses.total.isfinite()
    assert single.text_features.grad.isfinite().all()


@pytest.mark.parametrize(("name", "fidelity"), METHODS)
def test_single_precision_is_close_to_double(
    name: str, fidelity: Fidelity, features: Features
) -> None:
    floats = {}
    for field in fields(features):
        value = getattr(features, field.name)
        if isinstance(value, torch.Tensor) and value.is_floating_point():
            floats[field.name] = value.float()
    chosen = recipe(name, fidelity)
    want = make(chosen, features)(features).total
    got = Objective(chosen, features.valid.shape[1])(replace(features, **floats)).total
    torch.testing.assert_close(got.double(), want, atol=1e-4, rtol=1e-5)


def test_all_weights_0_is_a_loss_of_0_with_a_gradient(features: Features) -> None:
    losses = make(Recipe(weights={}), features)(features)
    losses.total.backward()
    assert losses.total == 0


def test_the_margins_of_a_step_come_from_the_step_before(features: Features) -> None:
    objective = make(recipe("ahnpl"), features)
    before = objective(features).terms["negative_margin"]
    objective.update(features)
    want = adaptive_margin(
        features.positive,
        features.negative,
        features.valid,
        torch.zeros_like(objective.margin),
        floor=0.0,
        cap=0.1,
    )
    torch.testing.assert_close(objective.margin, want)
    assert objective(features).terms["negative_margin"] >= before


def test_captions_of_one_image_can_be_negatives_of_each_other(features: Features) -> None:
    masked = recipe("clip")
    counted = replace(masked, mask_same_image=False)
    one, other = make(masked, features)(features), make(counted, features)(features)
    assert other.terms["contrastive"] > one.terms["contrastive"]


def test_ce_clips_threshold_is_in_logits_capped_and_not_floored(features: Features) -> None:
    objective = make(replace(recipe("ce-clip"), rank_cap=0.5), features)
    objective.update(features)
    want = adaptive_margin(
        features.logit_scale * features.positive,
        features.logit_scale * features.negative,
        features.valid,
        torch.zeros_like(objective.margin),
        cap=0.5,
    )
    torch.testing.assert_close(objective.threshold, want)


def test_a_learns_and_never_falls_below_its_floor() -> None:
    objective = Objective(replace(recipe("ahnpl"), a_init=0.9), 2)
    assert objective.a.item() == pytest.approx(0.9)
    positive_margin_loss(torch.tensor([0.1]), objective.a).sum().backward()
    with torch.no_grad():
        objective.a -= 5 * objective.a.grad
    objective.project()
    assert objective.a.item() == pytest.approx(A_FLOOR)


def test_a_starts_at_its_floor_at_least() -> None:
    assert Objective(replace(recipe("ahnpl"), a_init=0.0), 2).a.item() == pytest.approx(A_FLOOR)


def test_a_and_the_margins_are_in_the_state_that_is_saved(features: Features) -> None:
    objective = make(recipe("ahnpl"), features)
    objective.update(features)
    assert set(objective.state_dict()) == {"a", "a_floor", "spread", "margin", "threshold"}


def test_a_starts_at_the_lowest_quarter_of_the_positives() -> None:
    """Of 0.1, 0.3, 0.5, 0.7, 0.9 the 25th percentile is 0.3: one pair of five is pulled."""
    objective = Objective(recipe("ahnpl"), 2)
    assert objective.lacks_start
    objective.read_start(torch.tensor([0.9, 0.3, 0.5, 0.1, 0.7]), torch.zeros(0))
    assert not objective.lacks_start
    assert objective.a.item() == pytest.approx(0.3)
    assert objective.a_floor.item() == pytest.approx(A_FLOOR)


def test_where_positives_lie_low_the_floor_lies_there_too() -> None:
    objective = Objective(recipe("ahnpl"), 2)
    objective.read_start(torch.tensor([0.12, 0.08, 0.1, 0.14, 0.16]), torch.zeros(0))
    assert objective.a_floor.item() == objective.a.item() == pytest.approx(0.1)
    with torch.no_grad():
        objective.a -= 1
    objective.project()
    assert objective.a.item() == pytest.approx(0.1)


def test_margins_that_are_auto_are_the_spread_of_the_gaps(features: Features) -> None:
    """Of gaps 0.1 and 0.3 the mean is 0.2, and each lies 0.1 from it."""
    for chosen, term in (("margin_cap", "ahnpl"), ("cement_cap", "slipform")):
        objective = make(replace(recipe(term), a_init=0.3, **{chosen: "auto"}), features)
        assert objective.lacks_start
        objective.read_start(torch.tensor([0.5, 0.6]), torch.tensor([0.1, 0.3]))
        assert objective.spread.item() == pytest.approx(0.1)
        # A number given by hand stays.
        assert objective.a.item() == pytest.approx(0.3)
        by_hand = make(replace(recipe(term), a_init=0.3, **{chosen: 0.1}), features)
        assert not by_hand.lacks_start
        ours, theirs = objective(features), by_hand(features)
        torch.testing.assert_close(ours.total, theirs.total)
        objective.update(features)
        by_hand.update(features)
        torch.testing.assert_close(objective.margin, by_hand.margin)


def test_without_any_gap_there_is_no_margin() -> None:
    objective = Objective(replace(recipe("ahnpl"), margin_cap="auto"), 2)
    objective.read_start(torch.tensor([0.5, 0.6]), torch.zeros(0))
    assert objective.spread.item() == 0.0
    assert not objective.lacks_start
    # Nobody looks at a cap of a term that is left out.
    assert not Objective(replace(recipe("negclip"), margin_cap="auto"), 2).lacks_start


def test_a_spread_is_not_read_in_logits() -> None:
    with pytest.raises(ConfigError) as caught:
        replace(recipe("ahnpl", "released"), margin_cap="auto")
    assert str(caught.value) == (
        "--margin-cap auto is in cosine, and the released form's margins are in logits. Give a "
        "number, such as 10."
    )


def test_without_a_start_the_first_batch_gives_it(features: Features) -> None:
    objective = make(recipe("ahnpl"), features)
    assert objective(features).total.isfinite()
    want = features.positive.quantile(0.25).item()
    assert objective.a.item() == pytest.approx(want)
    objective(replace(features, text_features=features.image_features))
    assert objective.a.item() == pytest.approx(want)


def test_a_is_read_from_a_saved_state_and_not_from_the_next_batch(features: Features) -> None:
    started = make(recipe("ahnpl"), features)
    started.read_start(torch.full((4,), 0.05), torch.zeros(0))
    resumed = make(recipe("ahnpl"), features)
    resumed.load_state_dict(started.state_dict())
    resumed(features)
    assert resumed.a.item() == resumed.a_floor.item() == pytest.approx(0.05)


def test_a_can_be_drawn_as_printed_and_is_0_2_where_eq_8_is_off() -> None:
    printed = replace(recipe("ahnpl"), a_init="normal")
    draws = torch.tensor([Objective(printed, seed=seed).a.item() for seed in range(400)])
    assert draws.min() == pytest.approx(A_FLOOR)
    # Of N(0,1), 58 % lie below 0.2, and 16 % above 1.
    assert 0.5 < (draws == draws.min()).float().mean() < 0.66
    assert 0.1 < (draws > 1).float().mean() < 0.22
    assert Objective(printed, seed=7).a.item() == pytest.approx(draws[7].item())
    without = Objective(recipe("negclip"))
    assert not without.lacks_start
    assert without.a.item() == pytest.approx(A_FLOOR)


def test_only_the_released_form_forgets_its_margins_each_epoch(features: Features) -> None:
    for name, fidelity, kept in (("ahnpl", "paper", True), ("ahnpl", "released", False)):
        objective = make(recipe(name, fidelity), features)
        objective.margin.fill_(0.05)
        objective.start_epoch()
        assert bool(objective.margin.any()) == kept


def test_clip_needs_no_negatives_and_the_others_do() -> None:
    assert {name: recipe(name).uses_negatives for name in OBJECTIVES} == {
        "clip": False,
        "negclip": True,
        "ce-clip": True,
        "ce-itm": True,
        "slipform": True,
        "ahnpl": True,
        "ahnpl-plus": True,
        "fsc": True,
        "read": True,
        "degla": True,
        "cs-clip": True,
        "clic": True,
        "gnm": False,
        "trohn": True,
        "triplet": True,
    }


def test_what_the_pictures_of_negatives_are_for() -> None:
    used = {name: recipe(name).painted for name in OBJECTIVES}
    expected = {"gnm": "pairs", "trohn": "required", "triplet": "required"}
    assert used == {**dict.fromkeys(OBJECTIVES, "none"), **expected}
    for which, use in (("perturbed", "none"), ("real", "slots"), ("both", "slots")):
        assert replace(recipe("ahnpl"), image_negatives=which).painted == use
    without = {"contrastive": 0.5}
    assert replace(recipe("ahnpl"), weights=without, image_negatives="real").painted == "none"


def test_a_method_without_released_code_says_so() -> None:
    with pytest.raises(ConfigError) as caught:
        recipe("slipform", "released")
    assert str(caught.value) == (
        "--objective slipform has no released form to follow. Leave out --fidelity released, or "
        f"take one of {', '.join(RELEASED)}."
    )


def test_the_released_weights_are_those_of_the_scripts() -> None:
    ahnpl, ce_clip = RELEASED["ahnpl"].weights, RELEASED["ce-clip"].weights
    assert (ahnpl["hard_negative_textual"], ahnpl["negative_margin"]) == (0.2, 0.2)
    assert (ce_clip["intra_modal"], ce_clip["cross_modal_rank"]) == (0.3, 0.2)


def test_ce_clip_contrasts_with_a_pairs_own_negatives_only(features: Features) -> None:
    objective = make(replace(recipe("ce-clip"), weights={"contrastive": 1.0}), features)
    objective(features).total.backward()
    alone = features.negative_features.grad[0].clone()
    assert alone.abs().sum() > 0
    batch = make(recipe("negclip"), features)
    assert batch(features).terms["contrastive"] > objective(features).terms["contrastive"]


def test_a_fixed_margin_stays_whatever_the_similarities_are(features: Features) -> None:
    for name, attribute in (("ahnpl", "margin"), ("ce-clip", "threshold")):
        objective = make(replace(recipe(name), margin_fixed=0.07), features)
        objective.update(features)
        objective.start_epoch()
        assert getattr(objective, attribute).tolist() == pytest.approx(
            [0.07] * len(objective.margin)
        )
    losses = make(replace(recipe("ahnpl"), margin_fixed=0.07), features)(features)
    gaps = features.negative - features.positive.unsqueeze(1) + 0.07
    want = torch.where(features.valid, gaps.clamp(min=0), 0.0).sum(1).mean()
    torch.testing.assert_close(losses.terms["negative_margin"], want)


def test_joined_images_go_without_what_is_known_of_one_image() -> None:
    with pytest.raises(ConfigError) as caught:
        Recipe(weights={"unit": 1.0}, joined_images=True)
    assert str(caught.value) == "--joined-images goes without units. Leave one of them out."
    for weights, what in (({"matching": 1.0}, "a matching head"), ({"exchanged": 1.0}, "pictures")):
        with pytest.raises(ConfigError, match=f"goes without {what}"):
            Recipe(weights=weights, joined_images=True)
