"""Teachers: models whose features the losses compare with, the start and a mean of the weights."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Literal, TypeAlias

import torch
from torch import Tensor, nn

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.data.inputs import move
from ahnpl_cli.losses.recipes import Recipe
from ahnpl_cli.training.batch import Batch
from ahnpl_cli.training.checkpoints import RunningMean
from ahnpl_cli.training.lora import merged

# Whose image features a teacher gives: none that a loss looks at, its own, or those of the student
# where neither's image tower moves.
ImageSource: TypeAlias = Literal["unused", "own", "student"]


@dataclass(frozen=True)
class Taught:
    """What a teacher makes of this process's share of a batch.

    Attributes:
        images: image features (M, D); None if no loss looks at them.
        texts: features of the distinct texts (U, D).
        scalars: 1/tau, and the bias of a sigmoid model (1,) or (2,).
    """

    images: Tensor | None
    texts: Tensor
    scalars: Tensor


@dataclass(frozen=True)
class Teacher:
    """A model that is not trained.

    Its features are computed in every step and not kept: of a text among other texts they differ in
    their last bits, so that a run that was resumed would not end in the same weights.

    Attributes:
        backbone: the model, without dropout.
        images: whose image features it gives.
        autocast: the number format of the student's features.
        mean: what moves its weights; None of the start.
    """

    backbone: Backbone
    images: ImageSource
    autocast: Callable[[], AbstractContextManager[object]]
    mean: RunningMean | None = None

    @torch.no_grad()
    def encode(self, batch: Batch, device: torch.device, student_images: Tensor) -> Taught:
        """Encode the images and texts that the student is given.

        Args:
            batch: this process's share.
            device: where the model is.
            student_images: what the student makes of the images (M, D).
        """
        images: list[Tensor] = []
        texts: list[Tensor] = []
        with self.autocast():
            for part in batch.parts:
                if self.images == "own":
                    pixels = move(part.images, device, non_blocking=True)
                    images.append(self.backbone.encode_image(pixels).float())
                for tokens in part.buckets:
                    texts.append(self.backbone.encode_text(tokens.to(device)).float())
            scalars = [self.backbone.logit_scale]
            if self.backbone.logit_bias is not None:
                scalars.append(self.backbone.logit_bias)
        seen = None
        if self.images == "own":
            seen = torch.cat(images)
        elif self.images == "student":
            seen = student_images.detach().float()
        return Taught(seen, torch.cat(texts), torch.stack(scalars).float())

    def follow(self, student: nn.Module) -> None:
        """Move a running mean by a step of the student; the start stays."""
        if self.mean is not None:
            # Of the corrected weights: the mean of a product is not the product of means.
            self.mean.update(merged(student.state_dict()))


def make_teachers(
    recipe: Recipe,
    backbone: Backbone,
    autocast: Callable[[], AbstractContextManager[object]],
    *,
    images_stay: bool = False,
) -> dict[str, Teacher]:
    """Return the teachers that a recipe looks at, by name.

    Args:
        recipe: weights and switches.
        backbone: the start, before corrections are added.
        images_stay: whether the student's image tower is frozen, so that every teacher's is too.
        autocast: the number format of the student's features.
    """
    teachers: dict[str, Teacher] = {}
    for name in recipe.teachers:
        model = backbone.clone()
        model.module.eval()
        mean = None
        if name == "ema":
            # The model's own tensors: moving the mean moves the model. From the first step with its
            # whole decay, as DeGLA's: a mean that soon forgets the start would teach nothing of it.
            weights = {k: v for k, v in model.module.state_dict().items() if v.is_floating_point()}
            mean = RunningMean(weights, recipe.teacher_decay, warms_up=False)
        images: ImageSource = "unused"
        if name == recipe.teacher:
            # A second pass through the same weights would give the same features.
            images = "student" if images_stay else "own"
        teachers[name] = Teacher(model, images, autocast, mean)
    return teachers
