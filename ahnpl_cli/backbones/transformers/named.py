"""Models of the Hugging Face Hub that transformers knows, by name."""

from __future__ import annotations

from pathlib import Path

from huggingface_hub import constants, snapshot_download
from huggingface_hub.errors import HFValidationError

from ahnpl_cli.backbones.network import TOKENIZER_FILES, WAYS, cached_file, require_permission
from ahnpl_cli.backbones.transformers.adapter import TransformersBackbone
from ahnpl_cli.backbones.transformers.folders import load_folder
from ahnpl_cli.backbones.transformers.pretrained import CONFIG_FILE
from ahnpl_cli.errors import ConfigError, ModelError

_WEIGHTS = ("model.safetensors", "model.safetensors.index.json")
# Weights in safetensors, whole or in numbered parts, and what reads texts and images; never code.
_FILES = [
    CONFIG_FILE,
    *_WEIGHTS,
    "model-?????-of-?????.safetensors",
    "generation_config.json",
    "preprocessor_config.json",
    "processor_config.json",
    "chat_template.json",
    *TOKENIZER_FILES,
]
PREFIX = "transformers:"


def repo_folder(repo: str, *, download: bool) -> Path:
    """Return a local folder with a model of the Hub: cached, or downloaded now.

    Raises:
        ModelError: it is unavailable, within seconds.
    """
    config = cached_file(repo, (CONFIG_FILE,))
    if config is not None and cached_file(repo, _WEIGHTS) is not None:
        return config.parent
    what = f"{PREFIX}{repo}"
    require_permission(what, constants.ENDPOINT, download=download)
    try:
        return Path(snapshot_download(repo, allow_patterns=_FILES))
    except (OSError, RuntimeError, ValueError) as error:
        raise ModelError(f"{what}: the download failed ({error})", hint=WAYS) from error


def find_folder(name: str, *, download: bool = True) -> Path:
    """Return the folder of a name that may be one, or a repository of the Hub.

    Args:
        name: path or repository.
        download: whether what is not on this machine may be fetched.

    Raises:
        ModelError: the model is unavailable, within seconds.
    """
    folder = Path(name)
    if folder.is_dir():
        return folder
    try:
        return repo_folder(name, download=download)
    except HFValidationError as error:  # a path, mistyped
        raise ModelError("no such folder", where=name, hint="Check the path.") from error


def load_named(
    model: str | None,
    pretrained: str | None,
    *,
    device: str = "cpu",
    force_quick_gelu: bool | None = None,
    download: bool = True,
) -> TransformersBackbone:
    """Return a dual encoder by its name on the Hub, or from a folder.

    Args:
        model: such as `openai/clip-vit-base-patch32`, or a folder.
        pretrained: must be None: a name means its weights.
        device: where to put it.
        force_quick_gelu: the activation, over the configuration's.
        download: whether what is not on this machine may be fetched.

    Raises:
        ConfigError: no name, or weights beside it.
        ModelError: the model is unavailable.
    """
    if not model:
        raise ConfigError(f"{PREFIX} without a name", hint=f"Write {PREFIX}NAME or a folder.")
    if pretrained is not None:
        what = f"--model {PREFIX}{model} brings its weights"
        raise ConfigError(what, hint="Leave --pretrained out.")
    if Path(model).is_dir():
        return load_folder(Path(model), device=device, force_quick_gelu=force_quick_gelu)
    return load_folder(
        repo_folder(model, download=download),
        device=device,
        force_quick_gelu=force_quick_gelu,
        name=model.rpartition("/")[2],
        source=f"{PREFIX}{model}",
    )
