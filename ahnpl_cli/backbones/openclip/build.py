"""An open_clip model from its configuration, checked before it is built, and its weights.

A configuration may come from anywhere, so it can neither name code to run, nor reach the network,
nor ask for more memory than its weights fill.
"""

from __future__ import annotations

import contextlib
import logging
import re
from collections.abc import Callable, Iterator
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import open_clip
import torch
from open_clip.convert import convert_state_dict
from open_clip.hf_configs import arch_dict
from open_clip.model import (
    convert_to_custom_text_state_dict,
    resize_pos_embed,
    resize_text_pos_embed,
)
from open_clip.tokenizer import HFTokenizer
from open_clip.transform import PreprocessCfg, merge_preprocess_dict
from torch import Tensor

from ahnpl_cli.backbones.openclip import hub
from ahnpl_cli.backbones.openclip.adapter import OpenClipBackbone
from ahnpl_cli.errors import ModelError
from ahnpl_cli.files import read_object

_POSITIONS = {
    "visual.positional_embedding": "image",
    "positional_embedding": "text",
    "text.positional_embedding": "text",
}

# Far above every published model, and far below what a machine cannot hold.
_MOST = {
    "layers": 256,
    "image_size": 4096,
    "size": 4096,
    "patch_size": 1024,
    "width": 1 << 16,
    "head_width": 1 << 16,
    "heads": 1 << 12,
    "embed_dim": 1 << 16,
    "context_length": 1 << 14,
    "vocab_size": 1 << 22,
}
# What open_clip's tokenizers take; `trust_remote_code` or a path would pass through them too.
TOKENIZER_OPTIONS = ("clean", "strip_sep_token", "reduction_mask")
_HUB_NAME = re.compile(r"[\w-][\w.-]*(/[\w-][\w.-]*)?")

_Tokenizer = Callable[..., Tensor]
logger = logging.getLogger(__name__)

# A model may hold what its file does not: positions of a larger image, buffers.
_MORE_THAN_FILE = 1 << 24


@contextlib.contextmanager
def quiet_root() -> Iterator[None]:
    """Keep open_clip's notes from installing a handler on the root logger, and from printing."""
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)
    try:
        yield
    finally:
        root.removeHandler(silent)


def set_activation(config: dict[str, Any], forced: bool | None, source: str) -> None:
    """Put the activation that the user decided on into a `model_cfg`, with a note if it differs."""
    known = bool(config["quick_gelu"])
    if forced is not None and forced != known:
        names = {True: "quick_gelu", False: "gelu"}
        logger.warning(
            "Activation %s as requested, although %s says %s.", names[forced], source, names[known]
        )
        config["quick_gelu"] = forced


def make_backbone(
    config: dict[str, Any],
    preprocess: dict[str, Any],
    weights: dict[str, Tensor],
    *,
    where: str,
    fits: str,
    tokenizer_folder: Path | None,
    download: bool,
    device: str,
    name: str,
    source: str,
    architecture: str | None = None,
) -> OpenClipBackbone:
    """Build a model and load its weights.

    Args:
        config: `model_cfg`, with its activation decided.
        preprocess: the image transform where it is not open_clip's default.
        weights: by name.
        where: their file, for messages.
        fits: what the weights have to fit, for messages.
        tokenizer_folder: where the files of a Hugging Face tokenizer are, if it has one.
        download: whether a text tower's configuration may be fetched.
        device: where to put it.
        name: short name for tables.
        source: where the weights came from.
        architecture: open_clip's name, where it is known.

    Raises:
        ModelError: open_clip cannot build it, or the weights do not fit.
    """
    check_model(config, fits)
    settings = _settings(config, download)
    with quiet_root():
        _check_size(settings, weights, where, fits)
        module = _build(settings).to(device).eval()
        tokenizer = _make_tokenizer(config["text_cfg"], tokenizer_folder)
        put_weights(module, weights, where, fits)
    return OpenClipBackbone(
        module,
        config={"model_cfg": config, "preprocess_cfg": _image_transform(module, preprocess)},
        tokenizer=tokenizer,
        name=name,
        architecture=architecture or architecture_of(config),
        source=source,
    )


def _settings(config: dict[str, Any], download: bool) -> dict[str, Any]:
    """Return the arguments of open_clip's class, so that building reaches no network.

    Raises:
        ModelError: a text tower's configuration is not here, or of a kind that is not built in.
    """
    settings = deepcopy(config)
    text = settings["text_cfg"]
    if settings["vision_cfg"].get("timm_model_name"):
        settings["vision_cfg"]["timm_model_pretrained"] = False
    if text.get("hf_model_name"):
        name = text["hf_model_name"]
        file = hub.repo_file(name, "config.json", download=download)
        kind = read_object(file, error=ModelError).get("model_type")
        if kind not in arch_dict:
            raise ModelError(f"text tower {name} is of an unknown kind, {kind}")
        # A path, so that transformers asks nobody whether there is something newer.
        text["hf_model_name"] = str(file.parent)
        text["hf_model_pretrained"] = False
    return settings


def _build(settings: dict[str, Any]) -> Any:
    """Make an open_clip model, its weights random.

    Raises:
        ModelError: open_clip cannot.
    """
    arguments = deepcopy(settings)
    custom = arguments.pop("custom_text", False) or bool(settings["text_cfg"].get("hf_model_name"))
    kind: Any = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    if "multimodal_cfg" in arguments:
        kind = open_clip.CoCa
    try:
        return kind(**arguments)
    except Exception as error:
        # Sizes that do not go together fail anywhere in open_clip, timm or torch.
        what = f"open_clip cannot build this architecture ({str(error).splitlines()[0][:200]})"
        raise ModelError(what) from error


def _check_size(
    settings: dict[str, Any], weights: dict[str, Tensor], where: str, fits: str
) -> None:
    """Compare what a configuration asks for with the weights, before memory is allocated.

    Raises:
        ModelError: it asks for far more than the file holds.
    """
    with torch.device("meta"):
        try:
            module = _build(settings)
        except ModelError:
            if settings["vision_cfg"].get("timm_model_name"):
                return  # Some of timm's models cannot be built without memory.
            raise
    needed = sum(tensor.numel() for tensor in module.state_dict().values())
    held = sum(tensor.numel() for tensor in weights.values())
    if needed > 2 * held + _MORE_THAN_FILE:
        what = (
            f"these weights do not fit {fits}: it has {needed / 1e6:,.1f} million numbers, and "
            f"they are {held / 1e6:,.1f} million"
        )
        raise ModelError(what, where=where, hint="Name its architecture with --model.")


def _make_tokenizer(text: dict[str, Any], folder: Path | None) -> _Tokenizer:
    """Return a model's tokenizer.

    Args:
        text: `text_cfg` of the model, checked.
        folder: with the files of a Hugging Face tokenizer; None for open_clip's own.

    Raises:
        ModelError: the files are missing or damaged, or need code of their own.
    """
    length = int(text.get("context_length", 77))
    options = text.get("tokenizer_kwargs", {})
    options = {name: options[name] for name in TOKENIZER_OPTIONS if name in options}
    try:
        if folder is None:
            simple: _Tokenizer = open_clip.SimpleTokenizer(context_length=length, **options)
            return simple
        # Whatever the files say, no Python of theirs is run and nothing is fetched.
        wrapped: _Tokenizer = HFTokenizer(
            str(folder),
            context_length=length,
            tokenizer_mode=text.get("tokenizer_mode"),
            trust_remote_code=False,
            local_files_only=True,
            **options,
        )
        return wrapped
    except Exception as error:
        # transformers raises nearly anything on damaged files.
        where = str(folder) if folder else None
        what = f"the tokenizer cannot be made ({str(error).splitlines()[0][:200]})"
        raise ModelError(what, where=where) from error


def _image_transform(module: Any, overlay: dict[str, Any]) -> dict[str, Any]:
    """Return a whole `preprocess_cfg`: open_clip's defaults, `overlay`, and the model's size."""
    merged: dict[str, Any] = merge_preprocess_dict(asdict(PreprocessCfg()), overlay)
    size = module.visual.image_size
    merged["size"] = size[0] if isinstance(size, tuple) and size[0] == size[1] else size
    return {key: list(v) if isinstance(v, tuple) else v for key, v in merged.items()}


def same_towers(left: dict[str, Any], right: dict[str, Any]) -> bool:
    """Whether two `model_cfg` differ in nothing but the activation."""

    def bare(config: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in config.items() if key != "quick_gelu"}

    return bare(left) == bare(right)


def architecture_of(config: dict[str, Any]) -> str:
    """Return open_clip's name of a `model_cfg`, or `custom`."""
    for name in open_clip.list_models():
        known = open_clip.get_model_config(name)
        same_activation = known.get("quick_gelu", False) == config.get("quick_gelu", False)
        if same_activation and same_towers(known, config):
            return str(name)
    return "custom"


def check_model(model: dict[str, Any], where: str) -> None:
    """Check a `model_cfg` before it is built.

    Args:
        model: the configuration.
        where: its file, for messages.

    Raises:
        ModelError: a value has the wrong type, is out of bounds, or names what is not built in.
    """
    for name in ("vision_cfg", "text_cfg", "multimodal_cfg"):
        part = model.get(name, {})
        if not isinstance(part, dict):
            raise ModelError("not a JSON object", where=f"{where}: {name}")
        for key, value in part.items():
            check_value(key, value, f"{where}: {name}.{key}")
    check_value("embed_dim", model["embed_dim"], f"{where}: embed_dim")

    text, vision = model["text_cfg"], model["vision_cfg"]
    timm = vision.get("timm_model_name")
    # timm would download `hf-hub:NAME`.
    if timm and not (isinstance(timm, str) and re.fullmatch(r"[\w.]+", timm)):
        raise ModelError(f"{timm!r} is not a model of timm", where=f"{where}: timm_model_name")
    for name in ("hf_model_name", "hf_tokenizer_name"):
        value = text.get(name)
        if value and not (isinstance(value, str) and _HUB_NAME.fullmatch(value)):
            raise ModelError(f"{value!r} is not a name of the Hub", where=f"{where}: {name}")
    options = text.get("tokenizer_kwargs", {})
    if not isinstance(options, dict):
        raise ModelError("not a JSON object", where=f"{where}: tokenizer_kwargs")
    unknown = [name for name in options if name not in TOKENIZER_OPTIONS]
    if unknown:
        what = f"{unknown[0]} is not taken from a folder"
        hint = f"Known: {', '.join(TOKENIZER_OPTIONS)}."
        raise ModelError(what, where=f"{where}: tokenizer_kwargs", hint=hint)


def check_value(key: str, value: Any, where: str) -> None:
    """Check a value of a configuration that has bounds.

    Raises:
        ModelError: it is no whole number, or out of them.
    """
    if key not in _MOST:
        return
    numbers = value if isinstance(value, list) else [value]
    if value is None and key == "patch_size":
        return  # As the ResNets have it.
    for number in numbers:
        whole = isinstance(number, int) and not isinstance(number, bool)
        if not whole or not 1 <= number <= _MOST[key]:
            what = f"{str(number)[:40]} is not a whole number from 1 to {_MOST[key]:,}"
            raise ModelError(what, where=where)


def put_weights(module: Any, weights: dict[str, Tensor], where: str, architecture: str) -> None:
    """Load weights into an open_clip model, converting older layouts as open_clip does.

    Args:
        module: open_clip's model.
        weights: by name.
        where: their file, for messages.
        architecture: what they have to fit, for messages.

    Raises:
        ModelError: they are of another architecture.
    """
    try:
        fitted = convert_state_dict(module, dict(weights))
        if "positional_embedding" in fitted and not hasattr(module, "positional_embedding"):
            fitted = convert_to_custom_text_state_dict(fitted)
        fitted.pop("text.transformer.embeddings.position_ids", None)
        for name in ("logit_scale", "logit_bias"):
            if name in fitted and hasattr(module, name):
                fitted[name] = fitted[name].reshape(getattr(module, name).shape)
        before = {name: fitted[name].shape for name in _POSITIONS if name in fitted}
        resize_pos_embed(fitted, module)
        resize_text_pos_embed(fitted, module)
        module.load_state_dict(fitted, strict=True)
    except Exception as error:
        # open_clip's conversions assume a layout, and fail anyhow where it is another.
        hint = "Name its architecture with --model."
        raise ModelError(
            f"these weights do not fit {architecture}", where=where, hint=hint
        ) from error
    for name, shape in before.items():
        if fitted[name].shape != shape:
            logger.warning(
                "The %s tower's table of positions was resized from %d to %d: %s holds weights "
                "for another size, and scores change with it.",
                _POSITIONS[name],
                shape[0],
                fitted[name].shape[0],
                where,
            )
