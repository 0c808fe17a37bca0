"""Reading a folder as transformers does, but with no network, no foreign code and no unpickling."""

from __future__ import annotations

import contextlib
import logging
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from safetensors import SafetensorError
from transformers import AutoConfig, AutoImageProcessor, AutoTokenizer
from transformers.utils import logging as _library_logging

from ahnpl_cli.errors import ModelError
from ahnpl_cli.files import read_object

logger = logging.getLogger(__name__)
library_logging: Any = _library_logging

CONFIG_FILE = "config.json"
# What a folder may do: neither fetch anything, nor run code of its own, nor be unpickled.
SAFE = {"local_files_only": True, "trust_remote_code": False}
_UNREADABLE = (OSError, ValueError, KeyError, TypeError, AttributeError, RuntimeError, ImportError)


@contextlib.contextmanager
def quiet() -> Iterator[None]:
    """Silence transformers' bars, tables and warnings; what matters is said by us."""
    before = library_logging.get_verbosity()
    bars = library_logging.is_progress_bar_enabled()
    library_logging.set_verbosity_error()
    library_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        library_logging.set_verbosity(before)
        if bars:
            library_logging.enable_progress_bar()


def read_config(folder: Path) -> dict[str, Any]:
    """Return what `config.json` says.

    Raises:
        ModelError: it is missing, or no model's.
    """
    path = folder / CONFIG_FILE
    hint = "Is it a folder that transformers wrote?"
    content = read_object(path, error=ModelError, hint=hint)
    if not isinstance(content.get("model_type"), str):
        raise ModelError("no model_type of transformers", where=str(path), hint=hint)
    return content


def require_safetensors(folder: Path) -> None:
    """Return if the folder holds weights that are read without unpickling.

    Raises:
        ModelError: it holds none, or others.
    """
    if any(folder.glob("*.safetensors")):
        return
    if any(folder.glob("*.bin")):
        hint = "Where you trust it, load it with transformers and call save_pretrained."
        what = "its weights would have to be unpickled"
        raise ModelError(what, where=str(folder), hint=hint)
    raise ModelError("a model without weights", where=str(folder), hint="Get it again.")


def read_part(what: str, folder: Path, read: Callable[[], Any]) -> Any:
    """Return a part of a folder, such as its tokenizer.

    Raises:
        ModelError: transformers cannot read it.
    """
    try:
        with quiet():
            return read()
    except _UNREADABLE as error:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        hint = "Get it again."
        if "sentencepiece" in reason.lower() or "protobuf" in reason.lower():
            hint = "Install what it needs with: pip install sentencepiece protobuf."
        raise ModelError(
            f"{what} cannot be read ({reason})", where=str(folder), hint=hint
        ) from error


def config_and_class(
    folder: Path, auto: Any, lacks: str, *, where: str, hint: str | None = None
) -> tuple[Any, Any]:
    """Return a folder's configuration, and the class that loads it for a use.

    Args:
        folder: what transformers wrote.
        auto: the AutoModel of the use, such as `AutoModelForCausalLM`.
        lacks: what a model without such a class does not do, after its name, for the message.
        where: what the user named.
        hint: what to do then.

    Raises:
        ModelError: the configuration cannot be read, or the model is not for this.
    """
    config = read_part(CONFIG_FILE, folder, lambda: AutoConfig.from_pretrained(folder, **SAFE))
    if type(config) not in auto._model_mapping:
        raise ModelError(f"a {config.model_type} {lacks}", where=where, hint=hint)
    return config, auto._model_mapping[type(config)]


def read_module(folder: Path, kind: Any, config: Any) -> Any:
    """Return a model of a class with every weight from the folder, in float32.

    Raises:
        ModelError: weights are damaged, missing or of other shapes; transformers would fill in
            random ones.
    """
    require_safetensors(folder)

    def read() -> Any:
        return kind.from_pretrained(
            folder,
            config=config,
            use_safetensors=True,
            output_loading_info=True,
            **SAFE,
        )

    try:
        module, loading = read_part("its weights", folder, read)
    except SafetensorError as error:
        raise ModelError("damaged weights", where=str(folder), hint="Get it again.") from error
    missing = sorted([*loading["missing_keys"], *map(str, loading["mismatched_keys"])])
    if missing:
        what = f"{len(missing)} weights of {kind.__name__} are not in it, such as {missing[0]}"
        raise ModelError(what, where=str(folder), hint="Is it the model that config.json names?")
    unused = sorted(loading["unexpected_keys"])
    if unused:
        name = kind.__name__
        logger.info("%s: %d weights that %s has no use for.", folder, len(unused), name)
    return module.float().eval()


def read_pretrained_config(folder: Path, kind: Any) -> Any:
    """Return the configuration in a folder, for a model of a class.

    Raises:
        ModelError: transformers cannot read it.
    """
    configuration = kind.config_class
    return read_part(
        CONFIG_FILE,
        folder,
        lambda: configuration.from_pretrained(folder, local_files_only=True),
    )


def read_processors(folder: Path) -> tuple[Any, Any]:
    """Return the tokenizer and the image processor in a folder.

    Raises:
        ModelError: transformers cannot read one.
    """
    processors: Any = AutoImageProcessor
    tokenizer = read_part(
        "its tokenizer", folder, lambda: AutoTokenizer.from_pretrained(folder, **SAFE)
    )
    processor = read_part(
        "its image processor", folder, lambda: processors.from_pretrained(folder, **SAFE)
    )
    return tokenizer, processor
