"""The tokenizer of an open_clip model, made without running anything that a folder brings."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import open_clip
from open_clip.tokenizer import HFTokenizer
from torch import Tensor

from ahnpl_cli.backbones.openclip.config import TOKENIZER_OPTIONS
from ahnpl_cli.errors import ModelError

Tokenizer = Callable[..., Tensor]


def make_tokenizer(text: dict[str, Any], folder: Path | None) -> Tokenizer:
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
            simple: Tokenizer = open_clip.SimpleTokenizer(context_length=length, **options)
            return simple
        # Whatever the files say, no Python of theirs is run and nothing is fetched.
        wrapped: Tokenizer = HFTokenizer(
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
