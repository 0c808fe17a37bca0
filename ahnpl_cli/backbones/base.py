"""What the rest of the toolkit asks of a model: two towers, one tokenizer, known preprocessing.

A checkpoint is a folder of the model's own library, with `ahnpl.json` beside its files:
`open_clip.create_model_and_transforms("local-dir:PATH")` loads one of open_clip's, and uploading it
publishes it.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from typing import Any, Literal, Protocol, Self, runtime_checkable

import torch
from PIL import Image
from torch import Tensor, nn

from ahnpl_cli.backbones.load import old_folder, recover
from ahnpl_cli.data.inputs import Pixels
from ahnpl_cli.files import write_json
from ahnpl_cli.losses.registry import LossFamily
from ahnpl_cli.records import SCHEMA
from ahnpl_cli.runs import INFO_FILE
from ahnpl_cli.version import __version__

logger = logging.getLogger(__name__)

Tower = Literal["image", "text", "shared"]


@dataclass(frozen=True, slots=True)
class ModelInfo:
    """What a report must say about the model it measured.

    Attributes:
        name: short name for tables: the folder's or the architecture's.
        architecture: the library's name, or `custom` for a folder with its own configuration.
        source: where the weights came from: tag, file or folder.
        activation: of both towers; never guessed (OpenAI's weights need quick_gelu).
        weights_sha256: hash over names and bytes of the weights; keys caches.
        encoder_sha256: hash over configuration and tokenizer, which decide features as the weights
            do; keys caches.
        preprocess: the image transform, printable; keys caches.
        image_size: side of the input in pixels.
        context_length: longest text in tokens.
        embed_dim: D.
    """

    name: str
    architecture: str
    source: str
    activation: str
    weights_sha256: str
    encoder_sha256: str
    preprocess: str
    image_size: int
    context_length: int
    embed_dim: int


class Backbone(Protocol):
    """A contrastive image-text model.

    Features are L2-normalized, float32. The module's parameters are what training optimizes. An
    adapter names this class as its base, and takes from it what is the same in every library.
    """

    module: nn.Module

    @property
    def info(self) -> ModelInfo:
        """What was loaded; the hash is of the weights as they are now."""
        ...

    @property
    def library(self) -> tuple[str, str]:
        """Name and version of the library that the module's class is of, for checkpoints."""
        name = type(self.module).__module__.partition(".")[0]
        return name, str(import_module(name).__version__)

    @property
    def device(self) -> str:
        """Where the module is."""
        return str(next(self.module.parameters()).device)

    @property
    def loss_family(self) -> LossFamily:
        """How the model was pretrained: softmax over a batch, or a sigmoid per pair.

        A bias to add to the logits tells the sigmoid ones, as SigLIP.
        """
        return "softmax" if self.logit_bias is None else "sigmoid"

    @property
    def pad_id(self) -> int:
        """Token id that fills a text up to the longest of its batch."""
        ...

    def preprocess(self, image: Image.Image) -> Pixels:
        """Return the validation transform of an RGB image: (3, H, W) float32, or several by name.

        Tensors of all images have the same shapes, so that they can be stacked.
        """
        ...

    def tokenize(self, texts: Sequence[str]) -> Tensor:
        """Return token ids cut at the longest text: (N, L) int64, L <= context_length."""
        ...

    def encode_image(self, images: Pixels) -> Tensor:
        """Return image_features e_I (N, D) of N stacked images."""
        ...

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Return text_features e_T (N, D) of tokens (N, L), at their own length."""
        ...

    @property
    def logit_scale(self) -> Tensor:
        """1/tau as a scalar with gradient."""
        ...

    @property
    def logit_bias(self) -> Tensor | None:
        """What a sigmoid model adds to its logits, a scalar with gradient; None without."""
        ...

    def clamp_logit_scale(self, low: float, high: float) -> None:
        """Keep 1/tau between `low` and `high`; called after each optimizer step."""
        ...

    def tower_of(self, parameter: str) -> Tower:
        """Return the tower of a parameter of `module`; `shared` is temperature and bias."""
        ...

    def low_rank_targets(self) -> list[str]:
        """Return the names of the matrices that LoRA corrects: attention and MLP, both towers."""
        ...

    def set_gradient_checkpointing(self, enabled: bool) -> None:
        """Recompute activations in the backward pass, to save memory."""
        ...

    def clone(self) -> Self:
        """Return the same model with weights of its own."""
        ...

    def save(self, folder: Path) -> None:
        """Write everything that loads the model again into an existing folder."""
        ...

    def restore(self, folder: Path) -> None:
        """Take the weights that `save` wrote into a folder."""
        ...


@runtime_checkable
class MatchingBackbone(Protocol):
    """What a dual encoder also offers whose matching head scores an image and a text as one pair.

    P images at a time, each with a text of its own.
    """

    def encode_patches(self, images: Pixels) -> Tensor:
        """Return what the head looks at of N stacked images: (N, S, W)."""
        ...

    def image_features(self, patches: Tensor) -> Tensor:
        """Return image_features e_I (N, D) of patches (N, S, W)."""
        ...

    def match(self, patches: Tensor, tokens: Tensor) -> Tensor:
        """Return log-odds (P,) that patches (P, S, W) match tokens (P, L), pair by pair."""
        ...


# What adapters share


class WeightsHash:
    """SHA-256 over names, types, shapes and bytes of every weight, in order of name.

    Hashing all weights takes seconds, so the tensors' versions are kept beside what they gave: each
    change in place, such as an optimizer's step, counts a version up.
    """

    def __init__(self, module: nn.Module) -> None:
        self._module = module
        self._known: tuple[int, str] | None = None

    def __call__(self) -> str:
        """Return the hash of the weights as they are now."""
        version = sum(tensor._version for tensor in self._module.state_dict().values())
        if self._known is None or self._known[0] != version:
            self._known = version, self._compute()
        return self._known[1]

    def _compute(self) -> str:
        digest = hashlib.sha256()
        for name, tensor in sorted(self._module.state_dict().items()):
            digest.update(f"{name} {tensor.dtype} {tuple(tensor.shape)}\n".encode())
            digest.update(tensor.detach().cpu().contiguous().reshape(-1).view(torch.uint8).numpy())
        return digest.hexdigest()


def encoder_sha256(configuration: dict[str, Any], tokenizer: Any) -> str:
    """Return a hash over a model's configuration and over what decides the ids of its tokenizer.

    Args:
        configuration: of the model, as its library writes it.
        tokenizer: open_clip's, or one of transformers, perhaps wrapped by open_clip's.
    """
    wrapped = getattr(tokenizer, "tokenizer", tokenizer)
    backend = getattr(wrapped, "backend_tokenizer", None)
    vocabulary = getattr(wrapped, "encoder", None)
    if backend is not None:
        vocabulary = json.loads(backend.to_str())
        # How the last call padded and cut, which is no part of the tokenizer.
        vocabulary.pop("padding", None)
        vocabulary.pop("truncation", None)
    elif hasattr(wrapped, "get_vocab"):
        vocabulary = wrapped.get_vocab()
    options = {
        "kind": type(tokenizer).__name__,
        "length": getattr(tokenizer, "context_length", None),
        "clean": getattr(getattr(tokenizer, "clean_fn", None), "__name__", None),
        "reduction": getattr(getattr(tokenizer, "reduction_fn", None), "__name__", None),
        "strip": getattr(tokenizer, "strip_sep_token", None),
        "mode": getattr(tokenizer, "tokenizer_mode", None),
        "vocabulary": vocabulary,
    }
    text = json.dumps([configuration, options], sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()


# Texts of different lengths, to compare features at own and at full length.
PROBES = ("a cat", "a red cube left of a blue ball on a table, and two dogs asleep behind it")
# Exact in exact arithmetic; kernels add in other orders at other lengths.
TOLERANCE = 1e-4


def is_exact_at_own_length(name: str, context_length: int, gap: float | None) -> bool:
    """Return whether own length gives the features of full length; warn once if it does not.

    Args:
        name: of the model, for the warning.
        context_length: what texts are padded to otherwise.
        gap: how far the features of `PROBES` differ; None if the tower sees its padding anyway.
    """
    if gap is None:
        logger.warning(
            "The text tower of %s is not causal: texts are padded to %d tokens, which is slow.",
            name,
            context_length,
        )
        return False
    if gap <= TOLERANCE:
        return True
    logger.warning(
        "Texts of %s are padded to %d tokens, which is slow: at their own length features "
        "differ by %.1g.",
        name,
        context_length,
        gap,
    )
    return False


@contextmanager
def atomic_folder(folder: Path) -> Iterator[Path]:
    """Give an empty folder beside `folder` that takes its place when the block ends well."""
    recover(folder)
    temporary = folder.with_name(f".{folder.name}.{os.getpid()}.tmp")
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir(parents=True)
    try:
        yield temporary
        shutil.rmtree(old_folder(folder), ignore_errors=True)
        if folder.exists():
            folder.rename(old_folder(folder))
        temporary.rename(folder)
        shutil.rmtree(old_folder(folder), ignore_errors=True)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _describe(backbone: Backbone) -> dict[str, Any]:
    info = backbone.info
    library, version = backbone.library
    versions = {"ahnpl": __version__, library: version, "torch": str(torch.__version__)}
    return {
        "schema": SCHEMA,
        "architecture": info.architecture,
        "activation": info.activation,
        "weights_sha256": info.weights_sha256,
        "source": info.source,
        "versions": versions,
    }


def write_model(folder: Path, backbone: Backbone, *, extra: dict[str, Any]) -> None:
    """Write the files of `save_checkpoint` into an existing folder."""
    backbone.save(folder)
    content = {**_describe(backbone), **extra}
    write_json(folder / INFO_FILE, content, indent=2, sort_keys=True)


def save_checkpoint(folder: Path, backbone: Backbone, *, extra: dict[str, Any]) -> None:
    """Write a model as a folder of its library, whole or not at all.

    Args:
        folder: where; a checkpoint that is there is replaced.
        backbone: the model.
        extra: what else `ahnpl.json` says: recipe, data hash, parent.
    """
    with atomic_folder(folder) as temporary:
        write_model(temporary, backbone, extra=extra)
