"""The starting model: the small CLIP that ships with the package, as an open_clip folder.

It was trained by `examples/train_scenes_start.py` with plain contrast; `scenes_tiny/recipe.json`
says how, and what it scored. Of the token table only the rows of words that it saw are shipped. The
others are noise, as they were when training began, and are filled in here.
"""

from __future__ import annotations

import hashlib
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.errors import ConfigError, ModelError
from ahnpl_cli.files import parse_json, write_atomic

NAME = "scenes-tiny"
CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
RECIPE = "recipe.json"
SHIPPED = "weights.safetensors"
TABLE = "token_embedding.weight"
IDS = "token_ids"
INITIAL_SCALE = 0.02  # standard deviation of open_clip's fresh token embeddings
REINSTALL = "Install ahnpl again."

Arrays = dict[str, npt.NDArray[Any]]


def recipe() -> dict[str, Any]:
    """Return how the shipped weights were made, their checksum and what they score."""
    return _read_shipped_json(RECIPE)


def write_start_model(folder: Path) -> Path:
    """Write `scenes-tiny` as a folder that open_clip loads as `local-dir:FOLDER`.

    Args:
        folder: made if it does not exist; files of ours in it are replaced.

    Returns:
        The folder.

    Raises:
        ModelError: the weights in the package are not those that their recipe names.
    """
    from safetensors.numpy import save

    arrays = _read_weights()
    write_atomic(folder / CONFIG, _read_shipped(CONFIG))
    write_atomic(folder / WEIGHTS, save(arrays, metadata={"format": "pt"}))
    return folder


def _read_weights() -> Arrays:
    """Return the shipped weights by name, the token table whole.

    Raises:
        ModelError: they are not those that their recipe names.
    """
    from safetensors.numpy import load

    packed = _read_shipped(SHIPPED)
    if hashlib.sha256(packed).hexdigest() != recipe()["sha256"]:
        raise ModelError(
            "the weights of scenes-tiny are damaged",
            where=SHIPPED,
            hint=REINSTALL,
        )
    text_config = _read_shipped_json(CONFIG)["model_cfg"]["text_cfg"]
    return unpack(load(packed), rows=text_config["vocab_size"])


def load_start_model(
    model: str | None,
    pretrained: str | None,
    *,
    device: str = "cpu",
    force_quick_gelu: bool | None = None,
) -> Backbone:
    """Return the starting model, which knows synthetic scenes and nothing else; no download.

    Raises:
        ConfigError: weights were named beside it.
    """
    if pretrained is not None:
        raise ConfigError("--model scenes-tiny brings its weights", hint="Leave --pretrained out.")
    import torch

    from ahnpl_cli.backbones.openclip.build import make_backbone, set_activation

    content = _read_shipped_json(CONFIG)
    config = content["model_cfg"]
    set_activation(config, force_quick_gelu, NAME)
    return make_backbone(
        config,
        content["preprocess_cfg"],
        {name: torch.from_numpy(array) for name, array in _read_weights().items()},
        where=SHIPPED,
        fits=CONFIG,
        tokenizer_folder=None,
        download=False,
        device=device,
        name=NAME,
        source=NAME,
    )


def pack(arrays: Arrays, used: npt.NDArray[np.int32]) -> Arrays:
    """Return the weights as shipped.

    Args:
        arrays: the model's weights by name.
        used: rows (K,) of the token table to keep.

    Returns:
        The weights in half precision, the token table (K, D), and `used` itself.
    """
    halves = _cast_floats(arrays, np.float16)
    return {**halves, TABLE: halves[TABLE][used], IDS: used}


def unpack(packed: Arrays, rows: int) -> Arrays:
    """Return what `pack` kept, in single precision, the token table filled up to `rows`."""
    arrays = _cast_floats(packed, np.float32)
    used = arrays.pop(IDS)
    width = arrays[TABLE].shape[1]
    # RandomState, since numpy promises that its numbers stay the same in every version.
    noise = np.random.RandomState(0).standard_normal((rows, width))
    table = (INITIAL_SCALE * noise).astype(np.float32)
    table[used] = arrays[TABLE]
    return {**arrays, TABLE: table}


def _cast_floats(arrays: Arrays, kind: type[np.floating[Any]]) -> Arrays:
    cast = dict(arrays)
    for name, array in arrays.items():
        # Batch norm counts batches in integers, which half precision would round.
        if np.issubdtype(array.dtype, np.floating):
            cast[name] = array.astype(kind)
    return cast


def _read_shipped(name: str) -> bytes:
    return (resources.files("ahnpl_cli.scenes") / "scenes_tiny" / name).read_bytes()


def _read_shipped_json(name: str) -> dict[str, Any]:
    content: dict[str, Any] = parse_json(
        _read_shipped(name), name, error=ModelError, hint=REINSTALL
    )
    return content
