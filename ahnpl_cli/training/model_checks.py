"""What is looked at in a model before it is trained."""

from __future__ import annotations

import logging

import torch
from PIL import Image

from ahnpl_cli.backbones.base import Backbone, MatchingBackbone
from ahnpl_cli.config import TrainConfig, resolve_recipe
from ahnpl_cli.data.inputs import move, stack
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.training.encoders import MAX_LOGIT_SCALE

logger = logging.getLogger(__name__)


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
