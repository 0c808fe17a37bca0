"""The loss terms: one table from which weights, flags, tables and telemetry follow.

To add a loss, write its equation in a file of its own and add one line to `TERMS`. Functions are
named as "module:function" and imported at first use, so that `--help` needs no torch.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib import import_module
from typing import Any, Literal

Fidelity = Literal["paper", "released"]
# How a model was pretrained: a softmax over the batch, or a sigmoid per pair.
LossFamily = Literal["softmax", "sigmoid"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Term:
    """One loss term.

    Attributes:
        name: in recipes and `metrics.jsonl`; its flag is `--weight-NAME`.
        label: the symbol in tables.
        equation: the source, for help texts.
        paper: the printed equation: "module:function" of (`Features`, `TermState`) to one value
            per pair (N,).
        released: what the authors' code computes; the printed equation if nothing was released.
        sigmoid: the form for models with a sigmoid per pair; the printed equation where it holds
            for them too.
        hinge: "module:function" of the same arguments to the arguments of the term's hinges (P,),
            of which those above 0 are active; None if the term has no hinge.
        margins: attribute of the objective that holds this term's margins by kind, if any.
        uses_negatives: whether the term needs hard negatives.
        uses_pictures: whether it needs a picture of each of them.
        uses_positives: whether it needs another true text of each pair.
        uses_teacher: whether it compares with a teacher's features.
        uses_units: whether it needs the units of each caption, with their foils.
        kind: the one kind of negatives that the term looks at; None if it looks at all of them.
    """

    name: str
    label: str
    equation: str
    paper: str
    released: str | None = None
    sigmoid: str | None = None
    hinge: str | None = None
    margins: Literal["margin", "threshold"] | None = None
    uses_negatives: bool = True
    uses_pictures: bool = False
    uses_positives: bool = False
    uses_teacher: bool = False
    uses_units: bool = False
    kind: str | None = None

    def function(
        self, fidelity: Fidelity, family: LossFamily = "softmax"
    ) -> Callable[[Any, Any], Any]:
        """Return the function that computes the term."""
        if family == "sigmoid" and self.sigmoid is not None:
            return resolve(self.sigmoid)
        if fidelity == "released" and self.released is not None:
            return resolve(self.released)
        return resolve(self.paper)


_LOSSES = "ahnpl_cli.losses"
# The one term that asks more of a model than features.
MATCHING = "matching"

# The order is that of the terms in tables, metrics and sums.
TERMS: dict[str, Term] = {
    term.name: term
    for term in (
        Term(
            name="contrastive",
            label="L_cont",
            equation="Eq. 4, a sum of two directions; 0.5 makes it their mean",
            paper=f"{_LOSSES}.contrastive:contrastive_term",
            released=f"{_LOSSES}.released:contrastive_term",
            sigmoid=f"{_LOSSES}.sigmoid:contrastive_term",
            uses_negatives=False,
        ),
        Term(
            name="hard_negative_visual",
            label="L_neg visual",
            equation="Eq. 5",
            paper=f"{_LOSSES}.hard_negative:visual_negative_term",
            released=f"{_LOSSES}.released:visual_negative_term",
        ),
        Term(
            name="hard_negative_textual",
            label="L_neg textual",
            equation="Eq. 6",
            paper=f"{_LOSSES}.hard_negative:textual_negative_term",
            released=f"{_LOSSES}.released:textual_negative_term",
        ),
        Term(
            name="positive_margin",
            label="L_mar+",
            equation="Eq. 8; the released code never ran it",
            paper=f"{_LOSSES}.margin:positive_margin_term",
            released=f"{_LOSSES}.released:positive_margin_term",
            hinge=f"{_LOSSES}.margin:positive_margin_hinge",
            uses_negatives=False,
        ),
        Term(
            name="negative_margin",
            label="L_mar-",
            equation="Eq. 9",
            paper=f"{_LOSSES}.margin:negative_margin_term",
            released=f"{_LOSSES}.released:negative_margin_term",
            hinge=f"{_LOSSES}.margin:negative_margin_hinge",
            margins="margin",
        ),
        Term(
            name="intra_modal",
            label="L_imc",
            equation="CE-CLIP Eq. 3",
            paper=f"{_LOSSES}.ce_clip:intra_modal_term",
            released=f"{_LOSSES}.released:intra_modal_term",
            sigmoid=f"{_LOSSES}.sigmoid:intra_modal_term",
        ),
        Term(
            name="cross_modal_rank",
            label="L_cmr",
            equation="CE-CLIP Eqs. 4-7",
            paper=f"{_LOSSES}.ce_clip:cross_modal_rank_term",
            released=f"{_LOSSES}.released:cross_modal_rank_term",
            hinge=f"{_LOSSES}.ce_clip:cross_modal_rank_hinge",
            margins="threshold",
        ),
        Term(
            name="cement",
            label="cement",
            equation="margin by concreteness, our form of Slipform's",
            paper=f"{_LOSSES}.cement:cement_term",
        ),
        Term(
            name=MATCHING,
            label="L_itm",
            equation="ALBEF Eq. 3 with hard negatives; of models with a matching head",
            paper=f"{_LOSSES}.matching:matching_term",
        ),
        Term(
            name="calibrated",
            label="L_neg calibrated",
            equation="FSC-CLIP's global term: own negatives, focal and smoothed",
            paper=f"{_LOSSES}.fsc:calibrated_term",
        ),
        Term(
            name="paraphrase",
            label="L_para",
            equation="READ's alignment of another true text with its caption",
            paper=f"{_LOSSES}.read:paraphrase_term",
            uses_negatives=False,
            uses_positives=True,
        ),
        Term(
            name="negative_pairs",
            label="L_cont 2N",
            equation="TROHN: Eq. 4 over pairs and painted negative pairs; 0.5 for the mean",
            paper=f"{_LOSSES}.trohn:negative_pairs_term",
            sigmoid=f"{_LOSSES}.sigmoid:negative_pairs_term",
            uses_pictures=True,
        ),
        Term(
            name="exchanged",
            label="L_cont exchanged",
            equation="TripletCLIP: Eq. 4 of painted negative pairs, with captions as hard "
            "negatives; 0.5 for the mean",
            paper=f"{_LOSSES}.triplet:exchanged_term",
            sigmoid=f"{_LOSSES}.sigmoid:exchanged_term",
            uses_pictures=True,
        ),
        Term(
            name="teacher_features",
            label="L_dist",
            equation="DeGLA: squared distance from the features of --teacher",
            paper=f"{_LOSSES}.degla:teacher_features_term",
            released=f"{_LOSSES}.degla:released_teacher_features_term",
            uses_negatives=False,
            uses_teacher=True,
        ),
        Term(
            name="text_grounded",
            label="L_TGC",
            equation="DeGLA: a caption is nearer to the teacher's than to its own negatives",
            paper=f"{_LOSSES}.degla:text_grounded_term",
            released=f"{_LOSSES}.degla:released_text_grounded_term",
            uses_teacher=True,
        ),
        Term(
            name="teacher_similarity",
            label="L_rel",
            equation="CLIP-KD's relations: the batch's similarities as the teacher has them; 0.5 "
            "for the mean",
            paper=f"{_LOSSES}.teacher_similarity:teacher_similarity_term",
            sigmoid=f"{_LOSSES}.teacher_similarity:sigmoid_teacher_similarity_term",
            uses_negatives=False,
            uses_teacher=True,
        ),
        Term(
            name="unit",
            label="L_unit",
            equation="CS-CLIP: entities and relations of a caption as texts, each with its foil",
            paper=f"{_LOSSES}.units:unit_term",
            uses_negatives=False,
            uses_units=True,
        ),
        Term(
            name="addition",
            label="L_add",
            equation="ours: a false longer text must not beat the true short one",
            paper=f"{_LOSSES}.addition:addition_term",
            hinge=f"{_LOSSES}.addition:addition_hinge",
            kind="addition",
        ),
        Term(
            name="every_text",
            label="L_cont all texts",
            equation="CLIC Eq. 4: contrast with each of an image's true texts",
            paper=f"{_LOSSES}.clic:every_text_term",
            uses_negatives=False,
            uses_positives=True,
        ),
        Term(
            name="separate_negative",
            label="L_S-neg",
            equation="CLIC Eq. 5: each true text against own negatives alone",
            paper=f"{_LOSSES}.clic:separate_negative_term",
            uses_positives=True,
        ),
        Term(
            name="same_text",
            label="L_uni",
            equation="CLIC Eq. 6: squared distance of a caption and another true text",
            paper=f"{_LOSSES}.clic:same_text_term",
            uses_negatives=False,
            uses_positives=True,
        ),
    )
}

# One weight for several terms: Eq. 7 adds Eqs. 5 and 6.
JOINT_WEIGHTS: Mapping[str, tuple[str, ...]] = {
    "hard_negative": ("hard_negative_visual", "hard_negative_textual"),
}


@cache
def resolve(reference: str) -> Callable[[Any, Any], Any]:
    """Import a function that is named as "module:function"."""
    module, _, name = reference.partition(":")
    function: Callable[[Any, Any], Any] = getattr(import_module(module), name)
    return function


def label(name: str) -> str:
    """Return a term's symbol for tables; a name that is not in the table stands for itself."""
    return TERMS[name].label if name in TERMS else name
