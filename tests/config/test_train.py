"""Options to recipes, and to the file that brings a run back."""

import dataclasses
import tomllib
from dataclasses import replace
from typing import Any

import pytest

from ahnpl_cli.config import (
    LossConfig,
    MemoryConfig,
    OptimizerConfig,
    RunConfig,
    TrainConfig,
    WeightConfig,
    deciding_options,
    resolve_recipe,
    resolve_training,
    resolved,
    to_toml,
)
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.losses.hyperparameters import PAPER_TRAINING
from ahnpl_cli.losses.recipes import OBJECTIVES, PAPER, recipe


@pytest.mark.parametrize("name", OBJECTIVES)
def test_an_objective_alone_is_its_row(name: str) -> None:
    assert resolve_recipe(TrainConfig(objective=name)) == PAPER[name]


def test_weights_and_switches_by_hand_win() -> None:
    weights = WeightConfig(weight_hard_negative=0.3, weight_hard_negative_visual=0.0)
    losses = LossConfig(
        margin_cap=0.2,
        softmax_negatives="none",
        shift_gradient=False,
    )
    made = resolve_recipe(TrainConfig(weights=weights, losses=losses))
    assert "hard_negative_visual" not in made.weights
    assert made.weights["hard_negative_textual"] == 0.3
    assert made.weights["contrastive"] == PAPER["ahnpl"].weights["contrastive"]
    assert (made.margin_cap, made.softmax_negatives, made.shift_gradient) == (0.2, "none", False)


def test_released_is_another_row() -> None:
    made = resolve_recipe(TrainConfig(fidelity="released"))
    assert made == recipe("ahnpl", "released")


def test_what_is_written_back_spells_the_recipe_out_and_means_the_same() -> None:
    config = TrainConfig(objective="ce-clip", weights=WeightConfig(weight_intra_modal=0.1))
    whole = resolved(config)
    assert whole.weights.weight_contrastive == 1.0
    assert whole.losses.softmax_negatives == "own"
    assert resolve_recipe(whole) == resolve_recipe(config)
    assert deciding_options(whole) == deciding_options(config)


def test_the_file_is_toml_with_every_option_that_is_set() -> None:
    config = TrainConfig(
        data=('a "b".jsonl', "ü.jsonl"), run=RunConfig(eval_every=5, eval_suites=("aro",))
    )
    read = tomllib.loads(to_toml(resolved(config)))
    assert read["data"] == ['a "b".jsonl', "ü.jsonl"]
    assert read["eval_suites"] == ["aro"]
    assert read["lr"] == 2e-5
    assert "grad_clip" not in read


def test_incidental_options_are_no_part_of_what_a_run_is() -> None:
    config = TrainConfig()
    measured = RunConfig(eval_every=5, eval_suites=("aro",), best_metric="aro.macro_vg")
    same = replace(
        config, device="cpu", workers=3, memory=MemoryConfig(image_cache=0.0), run=measured
    )
    other = replace(config, optimizer=OptimizerConfig(lr=1e-3))
    assert deciding_options(same) == deciding_options(config) != deciding_options(other)


def test_nothing_to_learn_is_said() -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_recipe(TrainConfig(objective="clip", weights=WeightConfig(weight_contrastive=0.0)))
    assert str(caught.value) == (
        "all loss weights are 0. Set at least one, such as --weight-contrastive 0.5."
    )


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"objective": "anhpl"},
            f"unknown objective 'anhpl'. Did you mean 'ahnpl'? Known: {', '.join(OBJECTIVES)}.",
        ),
        (
            {"run": RunConfig(eval_every=5)},
            "--eval-every needs suites. Add --eval-suites sugarcrepe.",
        ),
        (
            {"run": RunConfig(eval_suites=("aro",))},
            "--eval-suites needs --eval-every. Add --eval-every 500.",
        ),
        (
            {"run": RunConfig(best_metric="aro")},
            "--best-metric needs --eval-every. Add --eval-every 500.",
        ),
        (
            {"memory": MemoryConfig(accumulate=200)},
            "--accumulate 200 is more than --batch-size 128. Each part needs at least one pair.",
        ),
    ],
)
def test_options_that_cannot_be_say_why(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        TrainConfig(**options)  # type: ignore[arg-type]
    assert str(caught.value) == message


@pytest.mark.parametrize(
    ("objective", "fidelity", "values"),
    [
        ("ahnpl", "paper", (10, 128, 2e-5, 0.1)),
        ("ahnpl", "released", (10, 128, 2e-5, 0.1)),
        ("ahnpl-plus", "paper", (10, 128, 2e-5, 0.1)),
        ("clip", "paper", (10, 128, 2e-5, 0.1)),
        ("slipform", "paper", (10, 128, 2e-5, 0.1)),
        ("negclip", "paper", (5, 256, 1e-6, 0.2)),
        ("ce-clip", "paper", (5, 256, 5e-6, 0.1)),
        ("ce-itm", "paper", (5, 64, 1e-5, 0.05)),
        ("ce-clip", "released", (10, 1512, 5e-6, 0.1)),
        # GNM 4 and its training script; BiVLC's.
        ("gnm", "paper", (20, 400, 1e-6, 0.2)),
        ("gnm", "released", (10, 200, 1e-6, 0.1)),
        ("trohn", "paper", (10, 400, 1e-6, 0.1)),
        ("fsc", "paper", (10, 128, 5e-6, 0.1)),
        ("read", "paper", (5, 256, 1e-5, 0.1)),
        ("degla", "paper", (5, 256, 1e-6, 0.1)),
        ("degla", "released", (5, 256, 1e-6, 0.1)),
        ("triplet", "paper", (10, 128, 2e-5, 0.1)),
    ],
)
def test_a_recipe_trains_as_its_authors_did(
    objective: str, fidelity: Any, values: tuple[float, ...]
) -> None:
    training = resolve_training(TrainConfig(objective=objective, fidelity=fidelity))
    crop = 0.9 if (objective, fidelity) == ("gnm", "paper") else 1.0
    frozen = "image" if objective == "ahnpl-plus" else "none"
    # What WiSE-FT takes of the start: ours alone takes any.
    trained_part = 0.8 if objective == "ahnpl-plus" else 1.0
    assert dataclasses.astuple(training) == (*values, crop, frozen, trained_part)
    written = tomllib.loads(to_toml(resolved(TrainConfig(objective=objective, fidelity=fidelity))))
    names = ("epochs", "batch_size", "lr", "weight_decay")
    assert tuple(written[name] for name in names) == values


def test_what_is_given_by_hand_wins_over_the_recipe() -> None:
    config = TrainConfig(objective="negclip", optimizer=OptimizerConfig(lr=3e-4, epochs=2))
    training = resolve_training(config)
    assert (training.lr, training.epochs) == (3e-4, 2)
    assert (training.batch_size, training.weight_decay) == (256, 0.2)


@pytest.mark.parametrize(
    ("losses", "flag"),
    [
        (LossConfig(softmax_negatives="own"), "--softmax-negatives own"),
        (LossConfig(mask_same_image=True), "--mask-same-image"),
        (LossConfig(margin_floor=-2.0), "--margin-floor"),
    ],
)
def test_a_switch_that_released_forms_lack_is_refused(losses: LossConfig, flag: str) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_recipe(TrainConfig(fidelity="released", losses=losses))
    assert str(caught.value) == (
        f"{flag} has no effect with --fidelity released. Leave one of them out."
    )


def test_a_teacher_alone_brings_deglas_weight_but_not_beside_another() -> None:
    alone = resolve_recipe(TrainConfig(losses=LossConfig(teacher="start")))
    assert alone.active == {**PAPER["ahnpl"].weights, "teacher_features": 1.28}
    weights = WeightConfig(weight_teacher_similarity=0.5)
    other = resolve_recipe(TrainConfig(losses=LossConfig(teacher="ema"), weights=weights))
    assert other.active == {**PAPER["ahnpl"].weights, "teacher_similarity": 0.5}
    # Spelled out, as a run keeps it, it stays as it is.
    for config in (TrainConfig(losses=LossConfig(teacher="start")), TrainConfig()):
        assert resolve_recipe(resolved(config)) == resolve_recipe(config)


@pytest.mark.parametrize(
    ("losses", "weights", "message"),
    [
        (
            LossConfig(),
            WeightConfig(weight_teacher_features=1.0),
            "--weight-teacher-features needs a teacher. Add --teacher start, or ema.",
        ),
        (
            LossConfig(teacher="ema"),
            WeightConfig(weight_teacher_features=0.0),
            "--teacher ema has no effect: no term compares with it. Add --weight-teacher-features "
            "1.28.",
        ),
        (
            LossConfig(shift_model="start"),
            WeightConfig(weight_hard_negative=0.0),
            "--shift-model start has no effect: no term shifts images. It is of Eq. 5 with "
            "--image-negatives perturbed or both.",
        ),
    ],
)
def test_a_teacher_without_a_use_is_refused(
    losses: LossConfig, weights: WeightConfig, message: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        resolve_recipe(TrainConfig(losses=losses, weights=weights))
    assert str(caught.value) == message


def test_a_recipe_may_freeze_a_tower_and_a_flag_may_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(PAPER_TRAINING, "clip", replace(PAPER_TRAINING["clip"], freeze="image"))
    config = TrainConfig(objective="clip")
    assert resolve_training(config).freeze == "image"
    assert resolved(config).memory.freeze == "image"
    trained = replace(config, memory=MemoryConfig(freeze="none"))
    assert resolved(trained).memory.freeze == "none"
    assert deciding_options(config) != deciding_options(trained)
