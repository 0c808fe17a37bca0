"""A contrastive loss with a margin that grows with concreteness, after Slipform's Cement.

Slipform's abstract says that InfoNCE lets easily told pairs overwhelm the gradient, that changing
a concrete word gives the stronger signal, and that Cement's margin follows psycholinguistic scores;
it prints no formula. This one is ours. Each hard negative enters a softmax against its own pair
only, with an additive margin on its cosine, as in additive-margin softmax (Wang et al. 2018):

    m_k = cap * (c_k - 1) / 4,    c_k in [1, 5] the concreteness of the changed word
    L   = log(1 + sum_k exp((S(I,T_k) - S(I,T) + m_k) / tau))

A pair whose gap S(I,T) - S(I,T_k) has passed m_k by a few tau gives next to no gradient, which is
the balance the abstract asks for. How far is enough depends on how visible the change is: a
concrete word's change must be told by a wide gap, an abstract word's by a small one. An unrated
word counts as c = 3, the middle of the scale.
"""

from __future__ import annotations

from torch import Tensor

from ahnpl_cli.losses.features import Features, TermState
from ahnpl_cli.losses.hard_negative import against_own
from ahnpl_cli.losses.margin import concreteness_margin, cosine_margin


def cement_loss(
    positive: Tensor, negative: Tensor, margin: Tensor, logit_scale: Tensor, valid: Tensor
) -> Tensor:
    """log(1 + sum_k exp((S(I,T_k) - S(I,T) + m_k) / tau)) (ours; see the module).

    Args:
        positive: S(I, T) (N,).
        negative: S(I, T_k) (N, K).
        margin: m_k of each pair and slot (N, K), in cosine.
        logit_scale: 1/tau.
        valid: which slots hold a negative (N, K).

    Returns:
        One value per pair: (N,).
    """
    # The margin is in cosine, so that a change of temperature leaves its meaning.
    return against_own(logit_scale * (negative - positive.unsqueeze(1) + margin), valid)


def cement_term(features: Features, state: TermState) -> Tensor:
    """The loss above with the recipe's cap."""
    cap = cosine_margin(state.recipe.cement_cap, state)
    margin = concreteness_margin(features.concreteness, cap)
    return cement_loss(
        features.positive, features.negative, margin, features.logit_scale, features.valid
    )
