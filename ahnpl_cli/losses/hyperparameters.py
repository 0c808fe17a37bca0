"""How the methods were fine-tuned by their authors: epochs, batch, rate, decay, what is frozen.

`docs/methods.md` has the source of each row.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

from ahnpl_cli.losses.recipes import recipe
from ahnpl_cli.losses.registry import Fidelity


@dataclass(frozen=True, slots=True, kw_only=True)
class Hyperparameters:
    """How a method's authors fine-tuned, as far as its options say nothing else.

    Attributes:
        epochs: passes over the data.
        batch_size: pairs a step.
        lr: peak learning rate.
        weight_decay: of matrices.
        random_crop: smallest part of an image's area that a random crop keeps; 1 for no crop.
        freeze: tower that is not trained.
        wise_ft: part of the trained weights in what is written, the rest the start's (Wortsman et
            al. 2022); 1 for the trained weights alone.
    """

    epochs: int
    batch_size: int
    lr: float
    weight_decay: float
    random_crop: float = 1.0
    freeze: Literal["none", "image", "text"] = "none"
    wise_ft: float = 1.0


# AHNPL 4.1; its run.sh agrees. Nobody printed any for fine-tuning plain CLIP as these papers do,
# and Slipform's abstract has none: AHNPL's.
_AHNPL = Hyperparameters(epochs=10, batch_size=128, lr=2e-5, weight_decay=0.1)
# Ours: as AHNPL, and the image tower stays, which is most of what keeps the start's own gifts; 0.2
# of the start's text tower gives back most of the rest for a point or two of the gain.
_AHNPL_PLUS = replace(_AHNPL, freeze="image", wise_ft=0.8)
# The command in NegCLIP's repository; weight decay is that code's default.
_NEGCLIP = Hyperparameters(epochs=5, batch_size=256, lr=1e-6, weight_decay=0.2)
# CE-CLIP 4.1 prints epochs and batch, and "default values" for the rest; those of its script, since
# open_clip's own (5e-4) are for training from scratch.
_CE_CLIP = Hyperparameters(epochs=5, batch_size=256, lr=5e-6, weight_decay=0.1)
_CE_CLIP_RELEASED = Hyperparameters(epochs=10, batch_size=1512, lr=5e-6, weight_decay=0.1)
# CE-CLIP 4.1 prints 5 epochs and batches of 64 for X-VLM, and "default values" for the rest: those
# of BLIP's retrieval_coco.yaml, since it is BLIP that we train.
_CE_ITM = Hyperparameters(epochs=5, batch_size=64, lr=1e-5, weight_decay=0.05)
# FSC-CLIP tunes all weights at 5e-6, and READ prints all but the decay; the rest is AHNPL's.
_FSC = replace(_AHNPL, lr=5e-6)
_READ = Hyperparameters(epochs=5, batch_size=256, lr=1e-5, weight_decay=0.1)
# DeGLA's script: 8 GPUs of 32.
_DEGLA = Hyperparameters(epochs=5, batch_size=256, lr=1e-6, weight_decay=0.1)
# CS-CLIP's: 8 GPUs of 128; its rate is scaled by nothing.
_CS_CLIP = Hyperparameters(epochs=25, batch_size=1024, lr=5e-6, weight_decay=0.01)
# CLIC's script, 4 GPUs of 200, one pass over a million pairs.
_CLIC = Hyperparameters(epochs=1, batch_size=800, lr=1e-6, weight_decay=0.1, freeze="image")
# GNM 4, with "the default image augmentation techniques that were used during pretraining CLIP":
# a random crop, which open_clip has of 0.9 of the area or more.
_GNM = Hyperparameters(epochs=20, batch_size=400, lr=1e-6, weight_decay=0.2, random_crop=0.9)
# Its code's default mode: 20 items of 10 pairs a step, and the validation transform.
_GNM_RELEASED = Hyperparameters(epochs=10, batch_size=200, lr=1e-6, weight_decay=0.1)
# BiVLC's script: 400 pairs and their 400 negative pairs.
_TROHN = Hyperparameters(epochs=10, batch_size=400, lr=1e-6, weight_decay=0.1)

PAPER_TRAINING: Mapping[str, Hyperparameters] = {
    "clip": _AHNPL,
    "negclip": _NEGCLIP,
    "ce-clip": _CE_CLIP,
    "ce-itm": _CE_ITM,
    "slipform": _AHNPL,
    "ahnpl": _AHNPL,
    "ahnpl-plus": _AHNPL_PLUS,
    "fsc": _FSC,
    "read": _READ,
    "degla": _DEGLA,
    "cs-clip": _CS_CLIP,
    "clic": _CLIC,
    "gnm": _GNM,
    "trohn": _TROHN,
    # TripletCLIP trains from scratch (5e-4, batch 1024), and prints nothing for fine-tuning.
    "triplet": _AHNPL,
}
RELEASED_TRAINING: Mapping[str, Hyperparameters] = {
    "clip": _AHNPL,
    "negclip": _NEGCLIP,
    "ce-clip": _CE_CLIP_RELEASED,
    "ahnpl": _AHNPL,
    "degla": _DEGLA,
    "gnm": _GNM_RELEASED,
}


def hyperparameters(objective: str, fidelity: Fidelity = "paper") -> Hyperparameters:
    """Return how a method was fine-tuned; see `recipe`."""
    recipe(objective, fidelity)
    rows = RELEASED_TRAINING if fidelity == "released" else PAPER_TRAINING
    return rows[objective]
