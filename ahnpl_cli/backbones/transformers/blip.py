"""BLIP (Li et al. 2022) for training: a dual encoder whose text tower also looks at the image."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import torch
import transformers
from safetensors.torch import load_file
from torch import Tensor, nn

from ahnpl_cli.backbones.base import Tower
from ahnpl_cli.backbones.transformers.adapter import WEIGHTS_FILE, TransformersBackbone
from ahnpl_cli.backbones.transformers.matching import BlipHeads
from ahnpl_cli.backbones.transformers.named import find_folder
from ahnpl_cli.backbones.transformers.pretrained import (
    read_config,
    read_module,
    read_pretrained_config,
    read_processors,
)
from ahnpl_cli.data.inputs import Pixels, move
from ahnpl_cli.data.tensors import open_tensors
from ahnpl_cli.errors import ModelError
from ahnpl_cli.runs import label

SCALE = "logit_scale"
_START = math.log(1 / 0.07)  # BLIP's own start; transformers' model keeps no temperature
_TOWERS: dict[str, Tower] = {"vision_model": "image", "vision_proj": "image", SCALE: "shared"}
# Of both towers, the cross attention of the text tower included, by the end of their names.
_LOW_RANK = tuple(
    f"{name}.weight"
    for name in ("qkv", "projection", "fc1", "fc2", "query", "key", "value", "dense")
)


class BlipBackbone(TransformersBackbone):
    """A `Backbone` with a matching head around transformers' BlipForImageTextRetrieval."""

    def __init__(self, module: Any, **parts: Any) -> None:
        super().__init__(module, **parts)
        self._heads = BlipHeads(module)
        # The attention mask hides the padding from BERT's layers, so any length gives the same.
        self._encodes_own_length = True

    @property
    def _embed_dim(self) -> int:
        return int(self.config.image_text_hidden_size)

    def tower_of(self, parameter: str) -> Tower:
        """Return the tower of a parameter; the matching head is the text tower's."""
        return _TOWERS.get(parameter.partition(".")[0], "text")

    def low_rank_targets(self) -> list[str]:
        """Return the names of the attention and MLP matrices of both towers."""
        return [name for name, _ in self.module.named_parameters() if name.endswith(_LOW_RANK)]

    def encode_patches(self, images: Pixels) -> Tensor:
        """Return the last hidden states (N, S, W) of N stacked images' patches."""
        pixels = move(images, self.device)
        states: Tensor = self.module.vision_model(pixels).last_hidden_state  # type: ignore[operator]
        return states

    def image_features(self, patches: Tensor) -> Tensor:
        """Return image_features e_I (N, D) of patches (N, S, W); differentiable."""
        return self._heads.image_features(patches).float()

    def encode_image(self, images: Pixels) -> Tensor:
        """Return image_features e_I (N, D) of N stacked images; differentiable."""
        return self.image_features(self.encode_patches(images))

    def _text_features(self, tokens: Tensor) -> Tensor:
        return self._heads.text_features(tokens, self._mask(tokens))

    def match(self, patches: Tensor, tokens: Tensor) -> Tensor:
        """Return log-odds (P,) that patches (P, S, W) match tokens (P, L); differentiable."""
        tokens = tokens.to(self.device)
        logits = self._heads.itm(patches, tokens, self._mask(tokens)).float()
        return logits[:, 1] - logits[:, 0]

    def _mask(self, tokens: Tensor) -> Tensor:
        return (tokens != self.pad_id).long()

    def restore(self, folder: Path) -> None:
        """Take the weights that `save` wrote into a folder."""
        self.module.load_state_dict(load_file(folder / WEIGHTS_FILE))


def load_blip(name: str, *, device: str = "cpu", download: bool = True) -> BlipBackbone:
    """Return BLIP as training takes it, from a folder or by its name on the Hub.

    Args:
        name: folder or name.
        device: where to put it.
        download: whether what is not on this machine may be fetched.

    Raises:
        ModelError: it is unavailable, or is no BLIP for retrieval.
    """
    folder = find_folder(name, download=download)
    model_type = read_config(folder)["model_type"]
    if model_type != "blip":
        what = f"a {model_type} cannot be trained as a matching model"
        raise ModelError(what, where=str(folder), hint="Of those, BLIP can.")
    kind = transformers.BlipForImageTextRetrieval
    module = read_module(folder, kind, read_pretrained_config(folder, kind))
    module.register_parameter(SCALE, nn.Parameter(_scale(folder)))
    tokenizer, image_processor = read_processors(folder)
    return BlipBackbone(
        module.to(device),
        tokenizer=tokenizer,
        image_processor=image_processor,
        name=label(folder),
        architecture=kind.__name__,
        source=name,
    )


def _scale(folder: Path) -> Tensor:
    """Return log(1/tau) of a checkpoint of ours, or BLIP's start."""
    for path in folder.glob("*.safetensors"):
        with open_tensors(path) as reader:
            if SCALE in reader.keys():  # noqa: SIM118, for it is no mapping
                return torch.tensor(reader.get_tensor(SCALE)).float()
    return torch.tensor(_START)
