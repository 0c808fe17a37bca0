"""open_clip models by name or folder, with an activation that is known and never guessed.

The same weights exist for QuickGELU and GELU, load into either, and score differently
(open_clip issue 771, sugar-crepe issue 7): OpenAI's, and all that was fine-tuned from them, need
QuickGELU.
"""

from __future__ import annotations

import contextlib
import logging
import tempfile
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import asdict
from pathlib import Path
from typing import Any

import open_clip
from open_clip.pretrained import get_pretrained_cfg, list_pretrained_tags_by_model
from open_clip.transform import PreprocessCfg, merge_preprocess_dict

from ahnpl_cli.backbones import hub
from ahnpl_cli.backbones.checkpoint import read_checkpoint_info, read_model_config
from ahnpl_cli.backbones.openclip import OpenClipBackbone
from ahnpl_cli.backbones.weights import is_torchscript, put_weights, read_weights
from ahnpl_cli.catalog import choose
from ahnpl_cli.errors import ConfigError, ModelError
from ahnpl_cli.runs import is_run

logger = logging.getLogger(__name__)

PAPERS_MODEL, PAPERS_TAG = "ViT-B-32-quickgelu", "openai"
QUICK = "-quickgelu"
HUB = "hf-hub:"
_WEIGHT_FILES = ("*.safetensors", "*.bin", "*.pth")


@contextlib.contextmanager
def _quiet_root() -> Iterator[None]:
    """Keep open_clip's notes from installing a handler on the root logger, and from printing."""
    root, silent = logging.getLogger(), logging.NullHandler()
    root.addHandler(silent)
    try:
        yield
    finally:
        root.removeHandler(silent)


def _has_twin(name: str) -> bool:
    """Whether open_clip knows an architecture with either activation."""
    base = name.removesuffix(QUICK)
    return {base, base + QUICK} <= set(open_clip.list_models())


def _set_activation(config: dict[str, Any], forced: bool | None, source: str) -> None:
    known = bool(config["quick_gelu"])
    if forced is not None and forced != known:
        asked, says = ("quick_gelu", "gelu") if forced else ("gelu", "quick_gelu")
        logger.warning("Activation %s as asked, although %s says %s.", asked, source, says)
        config["quick_gelu"] = forced


def _build(config: dict[str, Any], device: str) -> Any:
    """Make an open_clip model of a configuration, its weights random."""
    text = config["text_cfg"]
    if text.get("hf_model_name"):
        hub.require_repo(text["hf_model_name"])
    settings = deepcopy(config)
    custom = settings.pop("custom_text", False) or bool(text.get("hf_model_name"))
    if settings["vision_cfg"].get("timm_model_name"):
        settings["vision_cfg"]["timm_model_pretrained"] = False
    if text.get("hf_model_name"):
        settings["text_cfg"]["hf_model_pretrained"] = False
    kind: Any = open_clip.CustomTextCLIP if custom else open_clip.CLIP
    if "multimodal_cfg" in settings:
        kind = open_clip.CoCa
    try:
        return kind(**settings).to(device).eval()
    except (TypeError, KeyError, ValueError, OSError, AssertionError) as error:
        raise ModelError(f"open_clip cannot build this architecture ({error})") from error


def _preprocess(module: Any, overlay: dict[str, Any]) -> dict[str, Any]:
    merged: dict[str, Any] = merge_preprocess_dict(asdict(PreprocessCfg()), overlay)
    size = module.visual.image_size
    merged["size"] = size[0] if isinstance(size, tuple) and size[0] == size[1] else size
    return {key: list(v) if isinstance(v, tuple) else v for key, v in merged.items()}


def _same_towers(left: dict[str, Any], right: dict[str, Any]) -> bool:
    def bare(config: dict[str, Any]) -> dict[str, Any]:
        return {key: value for key, value in config.items() if key != "quick_gelu"}

    return bare(left) == bare(right)


def architecture_of(config: dict[str, Any]) -> str:
    """Return open_clip's name of a `model_cfg`, or `custom`."""
    for name in open_clip.list_models():
        known = open_clip.get_model_config(name)
        same_activation = known.get("quick_gelu", False) == config.get("quick_gelu", False)
        if same_activation and _same_towers(known, config):
            return str(name)
    return "custom"


def _check_agreement(folder: Path, config: dict[str, Any], model: str | None) -> None:
    """A folder's configuration holds; a name given beside it must not be of other towers."""
    known = open_clip.get_model_config(model) if model in open_clip.list_models() else None
    if known is None:
        return
    if not _same_towers(known, config):
        hint = "Leave --model out: the folder says what it is."
        raise ModelError(f"this folder does not hold {model}", where=str(folder), hint=hint)
    if known.get("quick_gelu", False) != config["quick_gelu"]:
        says = "quick_gelu" if config["quick_gelu"] else "gelu"
        logger.info("%s says %s, which holds over the name %s.", folder, says, model)


def folder_name(folder: Path) -> str:
    """Return a folder's short name for tables: `ahnpl/last` within a run."""
    folder = folder.resolve()
    return f"{folder.parent.name}/{folder.name}" if is_run(folder.parent) else folder.name


def _folder_weights(folder: Path) -> Path:
    files = [file for pattern in _WEIGHT_FILES for file in sorted(folder.glob(pattern))]
    if not files:
        raise ModelError("a model without weights", where=str(folder), hint="Get it again.")
    return next((file for file in files if file.name.startswith("open_clip")), files[0])


def load_folder(
    folder: Path,
    model: str | None = None,
    *,
    device: str = "cpu",
    force_quick_gelu: bool | None = None,
    name: str | None = None,
    source: str | None = None,
) -> OpenClipBackbone:
    """Return the model in an open_clip folder, whose own configuration says what it is.

    Args:
        folder: with `open_clip_config.json` and weights.
        model: an architecture that the folder must hold, if one was named.
        device: where to put it.
        force_quick_gelu: the activation, over the folder's.
        name: short name for tables; default: see `folder_name`.
        source: where it came from; default: the folder.

    Raises:
        ModelError: it is no open_clip model, holds other towers than `model`, or is damaged.
    """
    content = read_model_config(folder)
    config = content["model_cfg"]
    _check_agreement(folder, config, model)
    _set_activation(config, force_quick_gelu, str(folder))
    with _quiet_root():
        module = _build(config, device)
        tokenizer = open_clip.get_tokenizer(f"local-dir:{folder}")
    file = _folder_weights(folder)
    put_weights(module, read_weights(file), file, "open_clip_config.json beside them")
    said = read_checkpoint_info(folder).get("architecture")
    return OpenClipBackbone(
        module,
        config={
            "model_cfg": config,
            "preprocess_cfg": _preprocess(module, content["preprocess_cfg"]),
        },
        tokenizer=tokenizer,
        name=name or folder_name(folder),
        architecture=said if isinstance(said, str) else architecture_of(config),
        source=source or str(folder),
    )


def _file_activation(name: str, config: dict[str, Any], path: Path, forced: bool | None) -> bool:
    """Return whether a bare weight file needs QuickGELU.

    Raises:
        ModelError: nothing says so.
    """
    if forced is not None:
        return forced
    if is_torchscript(path) or config.get("quick_gelu") or not _has_twin(name):
        return is_torchscript(path) or bool(config.get("quick_gelu"))
    raise ModelError(
        f"the file does not say whether {name} has quick_gelu or gelu",
        where=str(path),
        hint=f"Name --model {name}{QUICK} if it was trained from OpenAI's weights; else pass "
        "--no-force-quick-gelu.",
    )


def _file_preprocess(name: str) -> dict[str, Any]:
    """Return the image transform of an architecture's published weights, if all have the same."""
    tags = list_pretrained_tags_by_model(name)
    known = [merge_preprocess_dict({}, get_pretrained_cfg(name, tag)) for tag in tags]
    if known and any(other != known[0] for other in known):
        logger.warning("Weights of %s differ in their image transform; taking CLIP's.", name)
        return {}
    return known[0] if known else {}


def _tag_config(name: str, tag: str) -> dict[str, Any]:
    cfg: dict[str, Any] = get_pretrained_cfg(name, tag)
    if not cfg and name.endswith(QUICK):
        cfg = get_pretrained_cfg(name.removesuffix(QUICK), tag)
    if not cfg:
        known = ", ".join(list_pretrained_tags_by_model(name)) or "none"
        what = f"--pretrained {tag} is neither a file, a folder nor a tag of {name}"
        raise ModelError(what, hint=f"Tags: {known}.")
    return cfg


def _resolve_weights(
    name: str, pretrained: str, config: dict[str, Any], forced: bool | None
) -> tuple[Path, dict[str, Any]]:
    """Return the weight file and image transform; sets the activation in `config`."""
    path = Path(pretrained)
    if path.is_file():
        config["quick_gelu"] = _file_activation(name, config, path, forced)
        return path, _file_preprocess(name)
    if path.suffix in (".pt", ".pth", ".bin", ".safetensors") or "/" in pretrained:
        raise ModelError("no such file", where=pretrained, hint="Check --pretrained.")
    cfg = _tag_config(name, pretrained)
    known = cfg.get("quick_gelu", False) if _has_twin(name) else config.get("quick_gelu", False)
    config["quick_gelu"] = bool(known)
    _set_activation(config, forced, f"{name} {pretrained}")
    return hub.tag_weights(f"weights '{pretrained}' of {name}", cfg), cfg


def load_named(
    model: str | None,
    pretrained: str | None,
    *,
    device: str = "cpu",
    force_quick_gelu: bool | None = None,
) -> OpenClipBackbone:
    """Return an open_clip model by name, from a tag or a weight file.

    Args:
        model: open_clip's name or `hf-hub:NAME`; default: the papers' ViT-B-32-quickgelu.
        pretrained: a tag or a file; default: `openai` for the papers' model.
        device: where to put it.
        force_quick_gelu: the activation, over what the name and the weights say.

    Raises:
        ConfigError: unknown name, or no weights named.
        ModelError: the weights cannot be had, or do not say their activation.
    """
    if model is not None and model.startswith(HUB):
        folder = hub.repo_folder(model.removeprefix(HUB))
        named = {"name": model.removeprefix(HUB).rpartition("/")[2], "source": model}
        return load_folder(folder, device=device, force_quick_gelu=force_quick_gelu, **named)
    name, weights = _defaults(model, pretrained)
    config: dict[str, Any] = open_clip.get_model_config(name)
    file, preprocess = _resolve_weights(name, weights, config, force_quick_gelu)
    with _quiet_root():
        module = _build(config, device)
        tokenizer = open_clip.get_tokenizer(name)
    put_weights(module, read_weights(file), file, name)
    return OpenClipBackbone(
        module,
        config={"model_cfg": config, "preprocess_cfg": _preprocess(module, preprocess)},
        tokenizer=tokenizer,
        name=f"{name}/{Path(weights).stem}",
        architecture=architecture_of(config),
        source=weights,
    )


def _defaults(model: str | None, pretrained: str | None) -> tuple[str, str]:
    """Return architecture and weights; only the papers' model has default weights."""
    if model is None and pretrained not in (None, PAPERS_TAG):
        hint = f"The papers' is --model {PAPERS_MODEL}."
        raise ConfigError(f"--pretrained {pretrained} needs an architecture", hint=hint)
    name = choose((model or PAPERS_MODEL).replace("/", "-"), open_clip.list_models(), "model")
    if pretrained is None and name != PAPERS_MODEL:
        known = ", ".join(list_pretrained_tags_by_model(name)) or "none"
        raise ConfigError(f"--model {name} needs --pretrained", hint=f"Its tags: {known}.")
    return name, pretrained or PAPERS_TAG


def load_scenes_tiny(
    model: str | None,
    pretrained: str | None,
    *,
    device: str = "cpu",
    force_quick_gelu: bool | None = None,
) -> OpenClipBackbone:
    """Return the embedded model, which knows rendered scenes and nothing else; no download.

    Raises:
        ConfigError: weights were named beside it.
    """
    if pretrained is not None:
        raise ConfigError("--model scenes-tiny brings its weights", hint="Leave --pretrained out.")
    from ahnpl_cli.scenes.start import write_start_model

    with tempfile.TemporaryDirectory() as temporary:
        folder = write_start_model(Path(temporary) / "scenes-tiny")
        return load_folder(
            folder,
            device=device,
            force_quick_gelu=force_quick_gelu,
            name="scenes-tiny",
            source="scenes-tiny",
        )
