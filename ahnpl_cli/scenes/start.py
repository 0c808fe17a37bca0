"""The starting models: the small CLIPs that ship with the package, as open_clip folders.

Both were trained by `examples/train_scenes_start.py` with plain contrast; `recipe.json` beside the
weights says how, what they scored, and how their cosines lie. `scenes-tiny` is the plain one.
`scenes-clip` went on from it at CLIP's temperature, 1/tau 100, and knows sketches too. Of the token
table only the rows of words that they saw are shipped. The others are noise, as they were when
training began, and are filled in here.
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

NAMES = ("scenes-tiny", "scenes-clip")
CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
RECIPE = "recipe.json"
SHIPPED = "weights.safetensors"
TABLE = "token_embedding.weight"
IDS = "token_ids"
INITIAL_SCALE = 0.02  # standard deviation of open_clip's fresh token embeddings
REINSTALL = "Install ahnpl again."

Arrays = dict[str, npt.NDArray[Any]]


def recipe(name: str) -> dict[str, Any]:
    """Return how a model's weights were made, their checksum and what they score."""
    return _read_shipped_json(name, RECIPE)


def write_start_model(folder: Path, name: str = "scenes-tiny") -> Path:
    """Write a starting model as a folder that open_clip loads as `local-dir:FOLDER`.

    Args:
        folder: made if it does not exist; files of ours in it are replaced.
        name: one of `NAMES`.

    Returns:
        The folder.

    Raises:
        ModelError: the weights in the package are not those that their recipe names.
    """
    from safetensors.numpy import save

    arrays, _ = read_weights(name)
    write_atomic(folder / CONFIG, _read_shipped(name, CONFIG))
    write_atomic(folder / WEIGHTS, save(arrays, metadata={"format": "pt"}))
    return folder


def read_weights(name: str) -> tuple[Arrays, npt.NDArray[np.int32]]:
    """Return the shipped weights by name, the token table whole, and which rows of it were trained.

    Raises:
        ModelError: they are not those that their recipe names.
    """
    from safetensors.numpy import load

    shipped = _read_shipped(name, SHIPPED)
    if hashlib.sha256(shipped).hexdigest() != recipe(name)["sha256"]:
        raise ModelError(
            f"the weights of {name} are damaged",
            where=SHIPPED,
            hint=REINSTALL,
        )
    packed = load(shipped)
    text_config = _read_shipped_json(name, CONFIG)["model_cfg"]["text_cfg"]
    return unpack(packed, rows=text_config["vocab_size"]), packed[IDS]


def load_start_model(
    model: str,
    pretrained: str | None,
    *,
    device: str = "cpu",
    force_quick_gelu: bool | None = None,
) -> Backbone:
    """Return a starting model, which knows synthetic scenes and nothing else; no download.

    Raises:
        ConfigError: weights were named beside it.
    """
    if pretrained is not None:
        raise ConfigError(f"--model {model} brings its weights", hint="Leave --pretrained out.")
    import torch

    from ahnpl_cli.backbones.openclip.build import make_backbone, set_activation

    content = _read_shipped_json(model, CONFIG)
    config = content["model_cfg"]
    set_activation(config, force_quick_gelu, model)
    arrays, _ = read_weights(model)
    return make_backbone(
        config,
        content["preprocess_cfg"],
        {name: torch.from_numpy(array) for name, array in arrays.items()},
        where=SHIPPED,
        fits=CONFIG,
        tokenizer_folder=None,
        download=False,
        device=device,
        name=model,
        source=model,
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


def _read_shipped(name: str, file: str) -> bytes:
    folder = resources.files("ahnpl_cli.scenes") / name.replace("-", "_")
    return (folder / file).read_bytes()


def _read_shipped_json(name: str, file: str) -> dict[str, Any]:
    content: dict[str, Any] = parse_json(
        _read_shipped(name, file), file, error=ModelError, hint=REINSTALL
    )
    return content
