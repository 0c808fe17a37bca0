"""From what a user names to a model: a name, a tag, a file, a folder, a run.

The command line checks names here before it works, so that nothing heavy is imported until a model
is loaded.
"""

from __future__ import annotations

import functools
import importlib
import logging
import os
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ahnpl_cli.backbones import (
    DEFAULT_LIBRARY,
    EMBEDDED,
    HEADS,
    LIBRARIES,
    TRAINED,
    Library,
)
from ahnpl_cli.errors import ConfigError, ModelError
from ahnpl_cli.files import read_object
from ahnpl_cli.runs import (
    INFO_FILE,
    LAST,
    is_run,
)

if TYPE_CHECKING:
    from ahnpl_cli.backbones.base import Backbone

PAPERS_MODEL = "ViT-B-32-quickgelu"
PAPERS_TAG = "openai"
# Where open_clip finds these weights; a test compares both with its table.
PAPERS_REPOSITORY = "timm/vit_base_patch32_clip_224.openai"
PAPERS_FILE = "ViT-B-32.pt"
DOWNLOAD_PAPERS_MODEL = (
    f"Download it once (about 600 MB) by naming it, --model {PAPERS_MODEL} --pretrained "
    f"{PAPERS_TAG}; or name a file or folder with --pretrained PATH, or use the bundled model "
    "with --model scenes-tiny."
)
# Of a repository on the Hub; an older one may have the second alone.
WEIGHT_FILES = ("open_clip_model.safetensors", "open_clip_pytorch_model.bin")
# NVIDIA's driver, in a container too; that of a Jetson, of WSL, and AMD's.
_GPU_DRIVERS = ("/dev/nvidiactl", "/dev/nvmap", "/dev/dxg", "/dev/kfd")
WEIGHT_ENDINGS = (".pt", ".pth", ".bin", ".safetensors")


@functools.cache
def _homeless_cache() -> tempfile.TemporaryDirectory[str]:
    """A folder that ends with the process, for users without a home."""
    logger.warning("No home folder is known, so features are not kept. Set AHNPL_CACHE.")
    return tempfile.TemporaryDirectory(prefix="ahnpl-")


def default_folder() -> Path:
    """Return where features are kept: $AHNPL_CACHE, or ahnpl in the user's cache folder."""
    chosen = os.environ.get("AHNPL_CACHE")
    if chosen:
        return Path(chosen) / "features"
    base = os.environ.get("XDG_CACHE_HOME")
    try:
        return (Path(base) if base else Path.home() / ".cache") / "ahnpl" / "features"
    except RuntimeError:
        return Path(_homeless_cache().name) / "features"


def library_of(folder: Path) -> Library | None:
    """Return the library whose model a folder holds, or None."""
    for library in LIBRARIES.values():
        if (folder / library.marker).is_file():
            return library
    return None


def library_named(model: str | None) -> tuple[Library, str | None]:
    """Return the library that a model's name begins with, or open_clip, and its name there."""
    prefix, colon, rest = (model or "").partition(":")
    if colon and prefix in LIBRARIES:
        return LIBRARIES[prefix], rest
    return LIBRARIES[DEFAULT_LIBRARY], model


def head_of(model: str | None) -> str | None:
    """Return the head that a name asks for, or None for a dual encoder's name."""
    head, colon, _ = (model or "").partition(":")
    return head if colon and head in HEADS else None


def old_folder(folder: Path) -> Path:
    """Return where a folder waits while another takes its place."""
    return folder.with_name(f".{folder.name}.old")


def recover(folder: Path) -> None:
    """Put a folder back whose replacement was interrupted between its two renames."""
    if not folder.exists() and old_folder(folder).exists():
        old_folder(folder).rename(folder)


def model_folder(path: Path) -> Path:
    """Return the folder of a model that a path names: itself, or `last` of a run.

    Raises:
        ModelError: it names neither.
    """
    recover(path / LAST if is_run(path) else path)
    for folder in (path, path / LAST):
        if library_of(folder) is not None:
            return folder
    if path.is_file():
        hint = "Give a weight file as --pretrained, with its architecture as --model."
        raise ModelError("a checkpoint is a folder, and this is a file", where=str(path), hint=hint)
    if any(path.glob("*.distcp")):
        convert = "python -m torch.distributed.checkpoint.format_utils dcp_to_torch FOLDER FILE"
        hint = f"Join them with: {convert}; then name the file as --pretrained."
        raise ModelError("shards of a distributed checkpoint", where=str(path), hint=hint)
    libraries = " or ".join(LIBRARIES)
    what = f"neither a model of {libraries} nor a run" if path.exists() else "no such folder"
    hint = "Name a folder such as runs/ahnpl/last."
    raise ModelError(what, where=str(path), hint=hint)


def requested_folder(
    model: str | None, pretrained: str | None, checkpoint: str | Path | None
) -> Path | None:
    """Return the folder among the arguments, if there is one.

    Raises:
        ConfigError: two of them name weights.
        ModelError: a folder named holds no model.
    """
    if checkpoint is not None:
        if pretrained is not None:
            raise ConfigError("--checkpoint and --pretrained both name weights", hint="Give one.")
        return model_folder(Path(checkpoint))
    if pretrained is not None and Path(pretrained).is_dir():
        return model_folder(Path(pretrained))
    if model is not None and pretrained is None:
        path = Path(model.removeprefix("local-dir:"))
        if model.startswith("local-dir:") or path.is_dir():
            return model_folder(path)
    return None


def check_device(device: str) -> None:
    """Refuse a device that is certainly not here; whether torch can use it is known to torch.

    Raises:
        ConfigError: `cuda` without NVIDIA's or AMD's driver, `mps` on anything but a Mac.
    """
    kind = device.partition(":")[0]
    has_driver = any(Path(place).exists() for place in _GPU_DRIVERS) or os.name == "nt"
    if (kind == "mps" and sys.platform != "darwin") or (kind == "cuda" and not has_driver):
        raise absent_device(device)


def absent_device(device: str) -> ConfigError:
    """Return what is said of a device that is not here."""
    return ConfigError(f"--device {device} is not on this machine", hint="Use --device auto.")


def read_checkpoint_info(folder: Path) -> dict[str, Any]:
    """Return what `ahnpl.json` of a checkpoint says; empty for a model of others.

    Raises:
        ModelError: the file is not JSON.
    """
    path = folder / INFO_FILE
    return read_object(path, error=ModelError) if path.is_file() else {}


def downloaded_weights(repository: str, url: str, names: tuple[str, ...]) -> Path | None:
    """Return the weight file of a tag where the Hub's, OpenAI's or an older open_clip left it.

    Args:
        repository: on the Hugging Face Hub; empty if the tag is not there.
        url: where it is otherwise.
        names: of the file in the repository, the best first.
    """
    from ahnpl_cli.backbones.network import cached_file

    cached = cached_file(repository, names) if repository else None
    if cached is not None or not url:
        return cached
    path = Path("~/.cache/clip").expanduser() / url.rpartition("/")[2]
    return path if path.is_file() else None


def check_model(
    model: str | None,
    pretrained: str | None,
    checkpoint: str | Path | None,
    *,
    matching: bool = False,
) -> None:
    """Refuse a model that is certainly not here, before anything heavy is imported.

    What only a library can tell, such as whether weights fit, is left to `load_backbone`.

    Args:
        model: as for `load_backbone`.
        pretrained: as for `load_backbone`.
        checkpoint: as for `load_backbone`.
        matching: whether a dual encoder with a matching head will do.

    Raises:
        ConfigError: options contradict each other, or the model has no features.
        ModelError: a folder, file or tag is not there, or the default weights were never
            downloaded.
    """
    head = head_of(model)
    if head is not None and not (matching and head in TRAINED):
        what = f"--model {model} scores pairs, and this needs features of a dual encoder"
        hint = "Such models are for: ahnpl eval, and itm: also for ahnpl train."
        raise ConfigError(what, hint=hint)
    if head is not None:
        if pretrained is not None or checkpoint is not None:
            raise ConfigError(f"--model {model} brings its weights", hint="Name nothing beside it.")
        return
    if requested_folder(model, pretrained, checkpoint) is not None or model in EMBEDDED:
        return
    weights = pretrained or ""
    names_file = weights.endswith(WEIGHT_ENDINGS) or "/" in weights
    if names_file and not Path(weights).is_file():
        raise ModelError("no such file", where=weights, hint="Check --pretrained.")
    library, name = library_named(model)
    if library.check:
        _import(library.check)(name, pretrained)
    if (model, pretrained) == (None, None):
        here = downloaded_weights(PAPERS_REPOSITORY, PAPERS_FILE, WEIGHT_FILES)
        if here is None:
            what = f"weights '{PAPERS_TAG}' of {PAPERS_MODEL}: not on this machine"
            raise ModelError(what, hint=DOWNLOAD_PAPERS_MODEL)


logger = logging.getLogger(__name__)


def _import(target: str) -> Any:
    module, _, attribute = target.partition(":")
    return getattr(importlib.import_module(module), attribute)


def pick_device(device: str) -> str:
    """Return the device to compute on; `auto` takes cuda, then mps, then cpu.

    Raises:
        ConfigError: the device named is not on this machine.
    """
    import torch

    available = {
        "cuda": torch.cuda.is_available(),
        "mps": torch.backends.mps.is_available(),
        "cpu": True,
    }
    if device == "auto":
        return next(name for name, usable in available.items() if usable)
    if not available.get(device.partition(":")[0], False):
        raise absent_device(device)
    return device


def load_backbone(
    *,
    model: str | None = None,
    pretrained: str | None = None,
    checkpoint: str | Path | None = None,
    device: str = "auto",
    force_quick_gelu: bool | None = None,
    download: bool = True,
    matching: bool = False,
) -> Backbone:
    """Return the model that the options name; without any, the papers' ViT-B-32 of OpenAI.

    Args:
        model: a bundled model, open_clip's name, `LIBRARY:NAME`, `hf-hub:NAME`, or a folder.
        pretrained: open_clip's tag, a weight file, or a folder, whose own configuration then holds.
        checkpoint: a model's folder, or a run, which stands for its newest checkpoint.
        device: auto, cpu, cuda or mps.
        force_quick_gelu: the activation, over what the weights' source says; needed where that
            says nothing, a bare file for an architecture that exists with both.
        download: whether weights that are named and not on this machine may be fetched; for the
            default model they never are.
        matching: whether a dual encoder with a matching head will do, `itm:NAME`.

    Raises:
        ConfigError: the options contradict each other, or the device is not here.
        ModelError: there is no such model, or its weights are unavailable; never after a long wait.
    """
    check_model(model, pretrained, checkpoint, matching=matching)
    device = pick_device(device)
    folder = requested_folder(model, pretrained, checkpoint)
    library = library_of(folder) if folder is not None else None
    # The registry holds names of functions, so that no library is imported but the one needed.
    backbone: Backbone
    if folder is not None and library is not None:
        # A bundled model's name beside a folder asks for nothing that the folder has to hold.
        architecture = None if model in EMBEDDED else model
        load = _import(library.by_folder)
        backbone = load(folder, architecture, device=device, force_quick_gelu=force_quick_gelu)
    elif (head := head_of(model)) is not None:
        place = (model or "").partition(":")[2]
        backbone = _import(TRAINED[head])(place, device=device, download=download)
    elif model in EMBEDDED:
        load = _import(EMBEDDED[model])
        backbone = load(model, pretrained, device=device, force_quick_gelu=force_quick_gelu)
    else:
        named, name = library_named(model)
        load = _import(named.by_name)
        backbone = load(
            name,
            pretrained,
            device=device,
            force_quick_gelu=force_quick_gelu,
            download=download,
        )
    _check_finite(backbone)
    info = backbone.info
    logger.info("Model: %s, %s, on %s.", info.name, info.activation, device)
    return backbone


def _check_finite(backbone: Backbone) -> None:
    """Refuse weights that would make every comparison false, silently.

    Raises:
        ModelError: a tensor holds NaN or infinity.
    """
    import torch

    broken = [
        name
        for name, tensor in backbone.module.state_dict().items()
        if tensor.is_floating_point() and not torch.isfinite(tensor).all()
    ]
    if broken:
        what = f"{len(broken)} tensors hold NaN or infinity, the first is {broken[0]}"
        raise ModelError(what, where=backbone.info.source, hint="Take an earlier checkpoint.")


def seen_from(run: Path, name: str | None) -> str | None:
    """Return a path as it is seen from a run's folder, and any other name as it is.

    Both may then be copied together to another machine; `read_start` finds it there.
    """
    # A matching model's folder stands behind its head.
    head = f"{head_of(name)}:" if head_of(name) else ""
    place = Path((name or "").removeprefix(head))
    if not name or not place.exists():
        return name
    return head + os.path.join(".", os.path.relpath(place.resolve(), run.resolve()))
