"""The start: the small CLIP that ships with the package, written out as an open_clip folder.

It was trained by `examples/train_scenes_start.py` with plain contrast; `scenes_tiny/recipe.json`
says how, and what it scored. Of the token table only the rows of words that it saw are shipped. The
others are noise, as they were when training began, drawn again here.
"""

from __future__ import annotations

import hashlib
import json
import tempfile
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.errors import ConfigError, ModelError
from ahnpl_cli.files import write_atomic

NAME = "scenes-tiny"
CONFIG = "open_clip_config.json"
WEIGHTS = "open_clip_model.safetensors"
RECIPE = "recipe.json"
SHIPPED = "weights.safetensors"
TABLE = "token_embedding.weight"
IDS = "token_ids"
INITIAL_SCALE = 0.02  # standard deviation of open_clip's fresh token embeddings

Arrays = dict[str, npt.NDArray[Any]]


def recipe() -> dict[str, Any]:
    """How the shipped weights were made, their checksum and what they score."""
    loaded: dict[str, Any] = json.loads(_shipped(RECIPE))
    return loaded


def write_start_model(folder: Path) -> Path:
    """Write `scenes-tiny` as a folder that open_clip loads as `local-dir:FOLDER`.

    Args:
        folder: made if it is not there; files of ours in it are replaced.

    Returns:
        The folder.

    Raises:
        ModelError: the weights in the package are not those that their recipe names.
    """
    from safetensors.numpy import load, save

    packed = _shipped(SHIPPED)
    if hashlib.sha256(packed).hexdigest() != recipe()["sha256"]:
        raise ModelError(
            "the weights of scenes-tiny are damaged",
            where=SHIPPED,
            hint="Install ahnpl again.",
        )
    config = _shipped(CONFIG)
    text = json.loads(config)["model_cfg"]["text_cfg"]
    arrays = unpack(load(packed), rows=text["vocab_size"])
    write_atomic(folder / CONFIG, config)
    write_atomic(folder / WEIGHTS, save(arrays, metadata={"format": "pt"}))
    return folder


def load_start_model(
    model: str | None,
    pretrained: str | None,
    *,
    device: str = "cpu",
    force_quick_gelu: bool | None = None,
) -> Backbone:
    """Return the embedded model, which knows rendered scenes and nothing else; no download.

    Raises:
        ConfigError: weights were named beside it.
    """
    if pretrained is not None:
        raise ConfigError("--model scenes-tiny brings its weights", hint="Leave --pretrained out.")
    from ahnpl_cli.backbones.openclip.folders import load_folder

    with tempfile.TemporaryDirectory() as temporary:
        folder = write_start_model(Path(temporary) / NAME)
        return load_folder(
            folder, device=device, force_quick_gelu=force_quick_gelu, name=NAME, source=NAME
        )


def pack(arrays: Arrays, used: npt.NDArray[np.int32]) -> Arrays:
    """Half precision, and of the token table the `used` rows alone."""
    halves = {name: _as(array, np.float16) for name, array in arrays.items()}
    return {**halves, TABLE: halves[TABLE][used], IDS: used}


def unpack(packed: Arrays, rows: int) -> Arrays:
    """What `pack` kept, in single precision, the token table filled up to `rows`."""
    arrays = {name: _as(array, np.float32) for name, array in packed.items()}
    used = arrays.pop(IDS)
    # RandomState, for numpy promises that its numbers stay the same in every version.
    noise = np.random.RandomState(0).standard_normal((rows, arrays[TABLE].shape[1]))
    table = (INITIAL_SCALE * noise).astype(np.float32)
    table[used] = arrays[TABLE]
    return {**arrays, TABLE: table}


def _as(array: npt.NDArray[Any], kind: type[np.floating[Any]]) -> npt.NDArray[Any]:
    return array.astype(kind) if np.issubdtype(array.dtype, np.floating) else array


def _shipped(name: str) -> bytes:
    return (resources.files("ahnpl_cli.scenes") / "scenes_tiny" / name).read_bytes()
