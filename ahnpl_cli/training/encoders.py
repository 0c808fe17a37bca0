"""The two towers as one module, so that one forward and one backward serve DDP and autocast.

With what of them is trained, and what is looked at in a model before it is.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterable, Iterator
from typing import Literal

import torch
from PIL import Image
from torch import Tensor, nn

from ahnpl_cli.backbones.base import Backbone, MatchingBackbone
from ahnpl_cli.config import TrainConfig, resolve_recipe
from ahnpl_cli.data.inputs import Pixels, move, stack
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.training.batch import Matches

logger = logging.getLogger(__name__)
MAX_LOGIT_SCALE = 100.0  # Radford et al. 2021


class Encoders(nn.Module):
    """Images and texts to features, with the scalars that make logits of cosines.

    One forward computes all that a step needs of the model, pairs for a matching head included: DDP
    exchanges gradients once per forward.
    """

    def __init__(self, backbone: Backbone) -> None:
        super().__init__()
        self.model = backbone.module
        self._backbone = backbone

    def forward(
        self, images: Pixels, buckets: list[Tensor], matches: Matches | None = None
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Encode.

        Args:
            images: N of them, as the model takes them.
            buckets: texts as ids (U_b, L_b), each bucket at its own length.
            matches: what a matching head looks at; None without one.

        Returns:
            image_features (N, D), features of all texts in order (U, D), the scalars (1,) or (2,):
            1/tau, and the bias of a sigmoid model; and the log-odds of the matches (P,), or (0,).
        """
        backbone = self._backbone
        if matches is None:
            image_features = backbone.encode_image(images)
            odds = image_features.new_zeros(0)
        else:
            assert isinstance(backbone, MatchingBackbone)
            # The patches are encoded once for the features and for every text.
            patches = backbone.encode_patches(images)
            image_features = backbone.image_features(patches)
            odds = backbone.match(patches[matches.image], matches.tokens)
        text_features = torch.cat([self._backbone.encode_text(tokens) for tokens in buckets])
        scalars = [self._backbone.logit_scale]
        if self._backbone.logit_bias is not None:
            scalars.append(self._backbone.logit_bias)
        return image_features, text_features, torch.stack(scalars), odds

    def clamp_logit_scale(self) -> None:
        """Keep 1/tau between 1 and 100; call after each optimizer step.

        A sigmoid model's has no upper end: SigLIP sets none, and published ones are above 100.
        """
        family = self._backbone.loss_family
        self._backbone.clamp_logit_scale(1.0, MAX_LOGIT_SCALE if family == "softmax" else math.inf)


def freeze(backbone: Backbone, tower: Literal["none", "image", "text"]) -> None:
    """Stop the gradient of one tower; temperature and bias are always trained."""
    for name, parameter in backbone.module.named_parameters():
        if backbone.tower_of(name) == tower:
            parameter.requires_grad_(False)


def parameter_groups(
    model: nn.Module, scalars: Iterable[nn.Parameter], weight_decay: float
) -> Iterator[dict[str, object]]:
    """Yield AdamW's groups: matrices decay; norms, biases, logit_scale and `scalars` do not.

    Args:
        model: the towers.
        scalars: what else is learnt, such as `a`.
        weight_decay: of the first group.
    """
    # Matrices and larger are weights of layers; vectors and scalars are norms and biases.
    trained = [p for p in model.parameters() if p.requires_grad]
    yield {"params": [p for p in trained if p.ndim >= 2], "weight_decay": weight_decay}
    yield {"params": [*(p for p in trained if p.ndim < 2), *scalars], "weight_decay": 0.0}


def set_train_mode(model: nn.Module) -> None:
    """Put a model into training mode, but let batch norm keep its statistics.

    With statistics of the batch, a batch encoded in parts would differ from the whole.
    """
    model.train()
    for module in model.modules():
        if isinstance(module, nn.modules.batchnorm._BatchNorm):
            module.eval()


# What is looked at in a model before it is trained


def freeze_unused(backbone: Backbone, *, matching: bool = False) -> None:
    """Stop training what no loss depends on, such as the captioning decoder of a CoCa model.

    It would get no gradient anyway; several processes would wait for one.

    Args:
        backbone: the model.
        matching: whether its matching head is trained.
    """
    device = torch.device(backbone.device)
    size = backbone.info.image_size
    blank = stack([backbone.preprocess(Image.new("RGB", (size, size)))])
    # Dropout may draw, but the draws of the run stay as they are.
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        image = backbone.encode_image(move(blank, device))
        tokens = backbone.tokenize(["a"]).to(device)
        text = backbone.encode_text(tokens)
        total = image.float().sum() + text.float().sum() + backbone.logit_scale.float()
        if backbone.logit_bias is not None:
            total = total + backbone.logit_bias.float()
        if matching and isinstance(backbone, MatchingBackbone):
            patches = backbone.encode_patches(move(blank, device))
            total = total + backbone.match(patches, tokens).float().sum()
        total.backward()  # type: ignore[no-untyped-call]
    unused = []
    for name, parameter in backbone.module.named_parameters():
        if parameter.requires_grad and parameter.grad is None:
            parameter.requires_grad_(False)
            unused.append(name)
        parameter.grad = None
    if unused:
        logger.info("%d tensors take no part in the features: %s, ...", len(unused), unused[0])


def warn_of_clamp(backbone: Backbone) -> None:
    """Say that a temperature out of bounds will change with the first step."""
    scale = backbone.logit_scale.item()
    if backbone.loss_family == "softmax" and scale > MAX_LOGIT_SCALE * 1.001:
        logger.warning(
            "The model's logit scale is %.1f; training keeps it at %.0f or below, so that the "
            "first step lowers it.",
            scale,
            MAX_LOGIT_SCALE,
        )


def check_trainable(config: TrainConfig, backbone: Backbone) -> None:
    """Return if the model has all that the losses ask of one.

    Raises:
        ConfigError: the released code could not train it, it has no matching head, or it takes
            images that cannot be joined.
    """
    if resolve_recipe(config).uses_matching and not isinstance(backbone, MatchingBackbone):
        what = f"--objective {config.objective} trains a matching head, and {backbone.info.name}"
        raise ConfigError(f"{what} has none", hint="Start from a BLIP: --model itm:FOLDER.")
    square = stack([backbone.preprocess(Image.new("RGB", (8, 8)))])
    if resolve_recipe(config).joined_images and not isinstance(square, torch.Tensor):
        what = f"{backbone.info.name} keeps the shape of images, and these cannot be joined"
        raise ConfigError(what, hint="Start from a model that takes squares.")
    if config.fidelity == "released" and backbone.loss_family == "sigmoid":
        what = f"--fidelity released has no sigmoid loss, and {backbone.info.name} needs one"
        raise ConfigError(what, hint="Leave --fidelity out.")


def try_text_length(backbone: Backbone) -> None:
    """Let the model find out, while dropout is off, whether texts may have their own length."""
    with torch.no_grad():
        backbone.encode_text(backbone.tokenize(["a"]))
