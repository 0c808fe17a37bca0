"""The options of the losses: a weight for each term, and their switches."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, make_dataclass
from typing import TYPE_CHECKING, Any, Literal

from ahnpl_cli.config.options import opt
from ahnpl_cli.losses.recipes import PAPER, RELEASED, Recipe
from ahnpl_cli.losses.registry import JOINT_WEIGHTS, TERMS, Term


def _weights_in(recipes: Mapping[str, Recipe], name: str) -> str:
    given = []
    for objective, row in recipes.items():
        if name in row.weights:
            given.append(f"{objective} {row.weights[name]:g}")
    return ", ".join(given)


def _weight_help(term: Term) -> str:
    """Return what a weight is for, and what each recipe gives it."""
    sources = [_weights_in(PAPER, term.name)]
    released = _weights_in(RELEASED, term.name)
    if released:
        sources.append(f"released: {released}")
    used = "; ".join(source for source in sources if source) or "no recipe"
    return f"Weight of {term.label}, {term.equation} ({used})."


def _weight_fields() -> Iterator[tuple[str, Any, Any]]:
    """One option per term, behind the joint weight of the terms that have one."""
    for term in TERMS.values():
        for joint, members in JOINT_WEIGHTS.items():
            if term.name == members[0]:
                labels = " and ".join(TERMS[member].label for member in members)
                joint_help = f"Weight of {labels} alike; their own weights win over it."
                yield f"weight_{joint}", float | None, opt(None, joint_help, min=0)
        yield f"weight_{term.name}", float | None, opt(None, _weight_help(term), min=0)


if TYPE_CHECKING:

    class WeightConfig:
        """See below: type checkers cannot follow `make_dataclass`."""

        def __init__(self, **weights: float | None) -> None: ...

else:
    WeightConfig = make_dataclass("WeightConfig", _weight_fields(), frozen=True, kw_only=True)
    WeightConfig.__module__ = __name__
    WeightConfig.__doc__ = """Weights of the loss terms; None takes those of --objective."""


@dataclass(frozen=True, kw_only=True)
class LossConfig:
    """Switches of the losses; None takes those of --objective."""

    softmax_negatives: Literal["none", "own", "batch"] | None = opt(
        None,
        "Hard negatives in Eq. 4's image-to-text softmax: none, the pair's own (CE-CLIP Eq. 2), or "
        "those of the whole batch (NegCLIP, AHNPL's Table 3).",
    )
    mask_same_image: bool | None = opt(
        None,
        "Do not treat captions of the same image as negatives of each other (ours: on; released: "
        "off).",
    )
    shift_gradient: bool | None = opt(
        None, "Eq. 5's gradient flows through Eq. 1's shift (ours: on; released: off)."
    )
    a_init: str | None = opt(
        None,
        "Start of Eq. 8's a: auto, the 25th percentile of the start's own S(I,T) (ours, the "
        "default); normal, a draw from N(0,1) (paper); or a number.",
        metavar="auto|normal|NUMBER",
    )
    margin_floor: float | None = opt(
        None, "Lower bound of Eq. 10's M, in cosine (ours: 0; the paper has none: -2).", min=-2
    )
    margin_cap: str | None = opt(
        None,
        "Upper bound of Eq. 10's M, in cosine (ours, measured: 0.1; the paper has none; released: "
        "10, in logits); auto: the spread of the start's own S(I,T) - S(I,T_n) (ours).",
        metavar="auto|NUMBER",
    )
    rank_cap: float | None = opt(None, "u of CE-CLIP Eq. 7, in logits (CE-CLIP: 10).", min=0)
    cement_cap: str | None = opt(
        None,
        "Cement's margin at concreteness 5, in cosine (ours: 0.2); auto: as for --margin-cap.",
        metavar="auto|NUMBER",
    )
    softmax_margin: Literal["none", "constant", "concreteness"] | None = opt(
        None,
        "Margin of hard negatives inside Eq. 4's softmax, after Slipform: none, one for all, or "
        "one that grows with concreteness.",
    )
    softmax_margin_size: float | None = opt(
        None, "That margin, at concreteness 5, in cosine (ours: 0.02).", min=0
    )
    margin_fixed: float | None = opt(
        None,
        "Keep every margin at this instead of adapting it: M of Eq. 9 in cosine, CE-CLIP's in "
        "logits.",
        min=0,
    )
    focal_gamma: float | None = opt(None, "gamma of FSC-CLIP's focal weight (FSC: 2).", min=0)
    smoothing: float | None = opt(
        None, "Part of FSC-CLIP's target that is spread over all texts (FSC: 0.02).", min=0, max=1
    )
    units_drawn: int | None = opt(
        None, "Units of a pair that a step takes at most (CS-CLIP's COCO run: 3).", min=1
    )
    addition_margin: float | None = opt(
        None,
        "By how much a true caption has to lie above the same with a false detail more, in logits "
        "(ours: 1).",
        min=0,
    )
    image_negatives: Literal["perturbed", "real", "both"] | None = opt(
        None,
        "Image negatives of Eq. 5: perturbed features (Eqs. 1-2, the default), the real pictures "
        "that `ahnpl images` painted, or both.",
    )
    one_negative: bool | None = opt(
        None, "Draw one negative a pair and step among its kinds (trohn, triplet: on)."
    )
    painted_share: float | None = opt(
        None,
        "Part of each batch that is painted pictures with their captions (GNM's r: 0.5; released: "
        "0.2).",
        min=0,
        max=0.99,
    )
    teacher: Literal["none", "start", "ema"] | None = opt(
        None,
        "Keep features near a teacher's: the start's, or those of a running mean of the weights "
        "(DeGLA: ema); without a weight of one of its terms --weight-teacher-features is 1.28.",
    )
    teacher_decay: float | None = opt(
        None, "Decay of the mean that is --teacher ema (DeGLA: 0.9996).", min=0, max=1
    )
    shift_model: Literal["trained", "start"] | None = opt(
        None,
        "Whose texts give Eq. 1's shift: the model in training (the default; released), or the "
        "start, the paper's pretrained CLIP.",
    )
    plain_every: int | None = opt(
        None,
        "Of this many steps make one a step of plain contrast, without negatives (CLIC: 2; 0: "
        "none).",
        min=0,
    )
    image_neighbors: int | None = opt(
        None,
        "With every pair, one of this many images nearest to its own joins the batch, on top of "
        "--batch-size (NegCLIP: 3; 0: none, the default).",
        min=0,
    )
    joined_images: bool | None = opt(
        None,
        "Join each pair with another: images side by side, captions behind each other, a word of "
        "one kind exchanged as negative (clic: on).",
    )
