"""The named terms of every objective, in the papers' form and in the released one.

A term is a function of the batch's features and of the objective's state. A new loss is one line
here, one weight in `recipes.Recipe` and one option in `config.LossConfig`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

import torch
from torch import Tensor

from ahnpl_cli.losses import released
from ahnpl_cli.losses.ce_clip import cross_modal_rank_loss, intra_modal_loss
from ahnpl_cli.losses.cement import cement_loss, concreteness_margin
from ahnpl_cli.losses.contrastive import contrastive_loss
from ahnpl_cli.losses.features import Features
from ahnpl_cli.losses.hard_negative import textual_negative_loss, visual_negative_loss
from ahnpl_cli.losses.margin import negative_margin_loss, positive_margin_loss
from ahnpl_cli.losses.recipes import HardNegatives, Recipe
from ahnpl_cli.perturbation import image_negatives
from ahnpl_cli.similarity import pairwise_similarity, similarity


class State(Protocol):
    """What a term may read of the objective.

    Attributes:
        recipe: the switches.
        a: Eq. 8's learnable scalar.
        margin: M^t of Eq. 10 (K,), in cosine, or in logits in the released form.
        threshold: Th^t of CE-CLIP's Eq. 7 (K,), in logits.
    """

    recipe: Recipe
    a: Tensor
    margin: Tensor
    threshold: Tensor


Term = Callable[[Features, State], Tensor]


def _joined(f: Features, which: HardNegatives) -> Tensor | None:
    """The hard negatives of Eq. 4's image-to-text denominator, as logits; see `Recipe`."""
    if which == "batch":
        return f.logit_scale * pairwise_similarity(f.image_features, f.packed_negatives)
    if which == "own":
        return (f.logit_scale * f.negative).masked_fill(~f.valid, -torch.inf)
    return None


def _contrastive(f: Features, state: State) -> Tensor:
    return contrastive_loss(
        f.image_features,
        f.text_features,
        f.logit_scale,
        hard_negative_logits=_joined(f, state.recipe.hard_negatives),
        excluded=f.same_image if state.recipe.mask_same_image else None,
    )


def _visual(f: Features, state: State) -> Tensor:
    moved = image_negatives(
        f.image_features,
        f.text_features,
        f.negative_features,
        shift_gradient=state.recipe.shift_gradient,
    )
    return visual_negative_loss(similarity(f.image_features.unsqueeze(1), moved), f.valid)


def _cement(f: Features, state: State) -> Tensor:
    margin = concreteness_margin(f.concreteness, state.recipe.cement_cap)
    return cement_loss(f.positive, f.negative, margin, f.logit_scale, f.valid)


def _released_contrastive(f: Features, state: State) -> Tensor:
    negatives = None if state.recipe.hard_negatives == "none" else f.negative_features
    return released.released_contrastive_loss(
        f.image_features, f.text_features, f.logit_scale, hard_negatives=negatives
    )


def _released_visual(f: Features, state: State) -> Tensor:
    moved = image_negatives(
        f.image_features,
        f.text_features,
        f.negative_features,
        shift_gradient=state.recipe.shift_gradient,
        renormalise=False,
    )
    return released.released_hard_negative_loss(f.image_features, moved, f.logit_scale)


PAPER: Mapping[str, Term] = {
    "contrastive": _contrastive,
    "hard_negative_visual": _visual,
    "hard_negative_textual": lambda f, _: textual_negative_loss(f.text_negative, f.valid),
    "positive_margin": lambda f, s: positive_margin_loss(f.positive, s.a),
    "negative_margin": lambda f, s: negative_margin_loss(f.positive, f.negative, s.margin, f.valid),
    "intra_modal": lambda f, _: intra_modal_loss(
        f.logit_scale * f.positive, f.logit_scale * f.text_negative, f.valid
    ),
    "cross_modal_rank": lambda f, s: cross_modal_rank_loss(
        f.logit_scale * f.positive, f.logit_scale * f.negative, s.threshold, f.valid
    ),
    "cement": _cement,
}

RELEASED: Mapping[str, Term] = {
    "contrastive": _released_contrastive,
    "hard_negative_visual": _released_visual,
    "hard_negative_textual": lambda f, _: released.released_hard_negative_loss(
        f.text_features, f.negative_features, f.logit_scale
    ),
    # Never active in a released run; this is what it would be had it been wired.
    "positive_margin": lambda f, s: positive_margin_loss(f.logit_scale * f.positive, s.a),
    "negative_margin": lambda f, s: released.released_margin_loss(
        f.logit_scale * f.positive, f.logit_scale * f.negative, s.margin, f.valid
    ),
    "intra_modal": lambda f, _: released.released_intra_modal_loss(
        f.text_features, f.negative_features, f.logit_scale
    ),
    "cross_modal_rank": lambda f, s: released.released_margin_loss(
        f.logit_scale * f.positive, f.logit_scale * f.negative, s.threshold, f.valid
    ),
    "cement": _cement,
}
