"""Third-party weight files, read without running anything of theirs.

What training programs save lies around the model's tensors: wrappers, averages, optimizers.
"""

from __future__ import annotations

import functools
import hashlib
import logging
import pickle
import warnings
import zipfile
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import torch
from open_clip.pretrained import get_pretrained_cfg, list_pretrained
from safetensors.torch import load_file
from torch import Tensor

from ahnpl_cli.errors import ModelError
from ahnpl_cli.files import check_regular

logger = logging.getLogger(__name__)

# What archives hold besides weights.
_NO_WEIGHTS = ("input_resolution", "context_length", "vocab_size", "attn_mask")
# Where the weights are: open_clip, NegCLIP and CE-CLIP; GNM; LAVIS and many others; DeepSpeed.
_PLAIN = ("state_dict", "model_state_dict", "model", "module", "net")
# Running means of the weights, as timm and others name them.
_AVERAGED = ("state_dict_ema", "model_ema", "ema_state_dict", "ema")
# What DDP, torch.compile, FSDP, Lightning modules and wrappers of a mean put in front of names.
_PREFIXES = (
    "module.",
    "_orig_mod.",
    "_fsdp_wrapped_module.",
    "model.",
    "clip_model.",
    "clip.",
)
_INSIDE = ("_orig_mod.", "_fsdp_wrapped_module.")
# A mean of weights counts its updates: torch's AveragedModel, ema-pytorch.
_COUNTERS = ("n_averaged", "initted", "step")
# Only SVLC's own attention keeps factors under this name, by which its files are known.
_PACKED_FACTOR = "attn.in_proj_weight_lora_A"
_EMA_MODEL, _ONLINE_MODEL = "ema_model.", "online_model."


def is_torchscript(path: Path) -> bool:
    """Whether a file is a TorchScript archive, the form of OpenAI's own downloads."""
    if path.suffix == ".safetensors" or not zipfile.is_zipfile(path):
        return False
    try:
        with zipfile.ZipFile(path) as archive:
            return any(name.endswith("/constants.pkl") for name in archive.namelist())
    except (zipfile.BadZipFile, OSError, ValueError):
        return False


@functools.cache
def _published_archives() -> frozenset[str]:
    """Return the SHA-256 of OpenAI's archives, which stand in their addresses."""
    sums = set()
    for model, tag in list_pretrained():
        parts = urlsplit(get_pretrained_cfg(model, tag).get("url") or "")
        if parts.netloc.startswith("openaipublic"):
            sums.add(parts.path.split("/")[-2])
    return frozenset(sums)


def _read_torchscript(path: Path) -> dict[str, Any]:
    """Read one of OpenAI's archives.

    Loading an archive runs the TorchScript in it, which can write any file of the user. So only
    those are loaded whose every byte is known.

    Raises:
        ModelError: it is another one.
    """
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    if digest not in _published_archives():
        convert = (
            'python -c "import torch; '
            f"torch.save(torch.jit.load('{path}', 'cpu').state_dict(), 'weights.pt')\""
        )
        raise ModelError(
            "a TorchScript archive that is not one of OpenAI's, and loading one runs its code",
            where=str(path),
            hint=f"Where you trust it, convert it first: {convert}",
        )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # Deprecated for making new archives, not for old ones.
        module = torch.jit.load(str(path), map_location="cpu")  # type: ignore[no-untyped-call]
    weights: dict[str, Any] = module.state_dict()
    return {name: value for name, value in weights.items() if name not in _NO_WEIGHTS}


def _read(path: Path) -> Any:
    if path.suffix == ".safetensors":
        return load_file(path)
    if is_torchscript(path):
        return _read_torchscript(path)
    return torch.load(path, map_location="cpu", weights_only=True)


def read_weights(path: Path) -> dict[str, Tensor]:
    """Return the tensors of a `.safetensors`, `.pt`, `.pth` or `.bin` file by name.

    The model is taken out of what training programs save with it; see `model_tensors`.

    Raises:
        ModelError: the file is missing, damaged, or would have to be unpickled or run.
    """
    check_regular(path, error=ModelError, hint=None)
    try:
        content = _read(path)
    except ModelError:
        raise
    except pickle.UnpicklingError as error:
        hint = "Where you trust it, load it with torch and save its state_dict as safetensors."
        what = "contains pickled objects, which are not loaded"
        raise ModelError(what, where=str(path), hint=hint) from error
    except Exception as error:
        # torch raises nearly anything on damaged bytes.
        raise ModelError(
            "not a weight file, or damaged", where=str(path), hint="Get it again."
        ) from error
    return model_tensors(content, path)


def model_tensors(content: Any, path: Path) -> dict[str, Tensor]:
    """Return a model's weights by their own names, out of whatever a file holds.

    Args:
        content: of the file.
        path: for messages.

    Raises:
        ModelError: it holds no weights, or only pieces or corrections of some.
    """
    state = _pick(content, path)
    tensors = {name: value for name, value in state.items() if isinstance(value, Tensor)}
    if not tensors or not all(isinstance(name, str) for name in tensors):
        raise ModelError("holds no weights", where=str(path))
    if len(tensors) < len(state):
        other = next(str(name) for name in state if name not in tensors)
        raise ModelError(f"{other} is not a tensor", where=str(path))
    tensors = _averaged_model(tensors)
    while any(all(name.startswith(prefix) for name in tensors) for prefix in _PREFIXES):
        tensors = {name.partition(".")[2]: value for name, value in tensors.items()}
    for wrapper in _INSIDE:
        tensors = {name.replace(f".{wrapper}", "."): value for name, value in tensors.items()}
    tensors = _merged_factors(tensors, path)
    _check_whole(tensors, path)
    return tensors


def _pick(content: Any, path: Path) -> dict[Any, Any]:
    """Return the dictionary of weights; the trained ones where a running mean lies beside.

    Raises:
        ModelError: there is none.
    """
    if not isinstance(content, dict):
        raise ModelError("holds no weights", where=str(path))
    names = [*_PLAIN, *_AVERAGED]
    held = [name for name in names if isinstance(content.get(name), dict)]
    if not held:
        return content
    taken, *others = held
    averages = [name for name in others if name in _AVERAGED]
    if averages:
        logger.info("%s: took %s; %s lies beside it.", path, taken, averages[0])
    picked: dict[Any, Any] = content[taken]
    return picked


def _averaged_model(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Return the mean of a module that keeps one, without what it counts with."""
    kept = {name: value for name, value in tensors.items() if name not in _COUNTERS}
    mean = {name: value for name, value in kept.items() if name.startswith(_EMA_MODEL)}
    if mean and all(name.startswith((_EMA_MODEL, _ONLINE_MODEL)) for name in kept):
        return {name.removeprefix(_EMA_MODEL): value for name, value in mean.items()}
    return kept


def _merged_factors(tensors: dict[str, Tensor], path: Path) -> dict[str, Tensor]:
    """Return weights with the low-rank factors of SVLC's code added in, where these are theirs.

    W + B A / r, in linear layers, convolutions and the packed weight of attention alike
    (SivanDoveh/TSVLC, `loralib/layers.py`; DAC trains with the same): the scale is alpha / r, and
    no option of that code sets alpha, which is 1. Each factor is added to what the file holds, as
    that code does when it evaluates a file.

    Raises:
        ModelError: factors and weights do not fit each other.
    """
    if not any(name.endswith(_PACKED_FACTOR) for name in tensors):
        return tensors
    merged = {name: value for name, value in tensors.items() if "lora_" not in name}
    downs = [name for name in tensors if name.endswith("lora_A")]
    for name in downs:
        stem = name.removesuffix("lora_A")
        # `attn.in_proj_weight_lora_A`, but `mlp.c_fc.lora_A` of `mlp.c_fc.weight`.
        target = stem.removesuffix("_") if stem.endswith("_") else f"{stem}weight"
        down, up, weight = tensors[name], tensors.get(f"{stem}lora_B"), merged.get(target)
        # Of a convolution, both are as many times longer as its kernel is wide.
        kernel = weight.shape[-1] if weight is not None and weight.ndim == 4 else 1
        if up is None or weight is None or up.shape[0] * down.shape[1] != weight.numel():
            what = f"the low-rank factor {name} fits no weight beside it"
            raise ModelError(what, where=str(path), hint="Get the file again.")
        change = up.float() @ down.float() * kernel / down.shape[0]
        merged[target] = weight.float() + change.view(weight.shape)
    logger.info("%s: merged %d low-rank factors, as SVLC's code scales them.", path, len(downs))
    return merged


def _check_whole(tensors: dict[str, Tensor], path: Path) -> None:
    """Return if these are all weights of a model, and ready to use.

    Raises:
        ModelError: they are pieces, corrections, or of another library.
    """
    for name in tensors:
        if "lora_" in name:
            # Neither whether they are merged already nor their scale stands in the file.
            what = f"holds low-rank factors, such as {name}, and not how they are scaled"
            hint = "Merge them with the code that trained them, and save the model's state_dict."
            raise ModelError(what, where=str(path), hint=hint)
        if "_flat_param" in name:
            hint = "Save a full state dict (FSDP's FULL_STATE_DICT) and give that."
            raise ModelError("holds one shard of an FSDP model", where=str(path), hint=hint)
        if name.startswith(("text_model.", "vision_model.")):
            hint = "Give the folder with its config.json as --model, and no --pretrained."
            raise ModelError("its names are transformers'", where=str(path), hint=hint)
