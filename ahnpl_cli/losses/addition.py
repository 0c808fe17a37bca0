"""A false longer text must not beat the true short one (ours).

Captions with one wrong detail more are what dual encoders like best: CLIP prefers them to the true
short text in two cases of three, CE-CLIP in more than half (the half-truths of CS-CLIP). CS-CLIP's
code ranks a whole caption above its true parts, with a hinge in cosine, which it leaves off; this
ranks the other way, true and short above false and long.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ahnpl_cli.losses.features import Features, TermState


def addition_loss(
    positive_logits: Tensor, negative_logits: Tensor, longer: Tensor, *, margin: float
) -> Tensor:
    """max(0, (S(I,T+) - S(I,T)) / tau + m), summed over the longer texts T+ of a pair.

    In logits, so that the margin fits every temperature: m = 1 asks that the short text be e times
    as probable, or at CLIP's 1/tau = 100 that it lie 0.01 above.

    Args:
        positive_logits: S(I, T) / tau (N,).
        negative_logits: S(I, T_n) / tau (N, K).
        longer: which slots hold the caption and a false detail more (N, K).
        margin: m, in logits.

    Returns:
        One value per pair: (N,).
    """
    # Only what is longer: other negatives have terms of their own.
    hinge = (negative_logits - positive_logits.unsqueeze(1) + margin).relu()
    return torch.where(longer, hinge, 0.0).sum(1)


def addition_term(features: Features, state: TermState) -> Tensor:
    """The loss above with the recipe's margin; a sigmoid model's bias cancels."""
    return addition_loss(
        features.positive_logits,
        features.negative_logits,
        features.longer,
        margin=state.recipe.addition_margin,
    )


def addition_hinge(features: Features, state: TermState) -> Tensor:
    """(S(I,T+) - S(I,T)) / tau + m of every longer text (P,)."""
    gap = features.logit_scale * (features.negative - features.positive.unsqueeze(1))
    return (gap + state.recipe.addition_margin)[features.longer]
