"""How much of a caption a model reads: words beyond its context are never changed."""

from __future__ import annotations

import functools
import gzip
import importlib.util
import re
from collections.abc import Callable
from pathlib import Path

from ahnpl_cli.errors import ModelError
from ahnpl_cli.negatives.text.words import Word

CLIP = "clip"
ENDS = 2  # tokens that begin and end every text
# Tokens left free behind the last word that may change, for words that are longer than those they
# replace, or that are added.
SPARE = 8
_MERGES = 49_152 - 256 - 2  # of open_clip's table, which is longer than its vocabulary
_PIECE = re.compile(r"'s|'t|'re|'ve|'m|'ll|'d|[^\W\d_]+|\d|[^\s\w]+|_+", re.IGNORECASE)

TokenCount = Callable[[str], int]


class Window:
    """The words of a caption that a model reads.

    Args:
        context: tokens that the model reads, those that begin and end a text included.
        tokenizer: `clip`, or the folder or name of a tokenizer of transformers.
    """

    def __init__(self, context: int, tokenizer: str = CLIP) -> None:
        self.room = context - ENDS
        self._name = tokenizer

    @functools.cached_property
    def _count(self) -> TokenCount:
        """Loaded with the first caption that may be too long."""
        return clip_tokens() if self._name == CLIP else transformers_tokens(self._name)

    def visible(self, caption: str, words: tuple[Word, ...]) -> tuple[Word, ...]:
        """Return the words before the end of the context, with room to spare if it is near."""
        # No text has more tokens than bytes, and few captions have as many bytes as that.
        if len(caption.encode("utf-8", "surrogatepass")) <= self.room - SPARE:
            return words
        if self._count(caption) <= self.room - SPARE:
            return words
        first, beyond = 0, len(words)
        while first < beyond:
            middle = (first + beyond) // 2
            read = caption[: words[middle].end]
            if self._count(read) <= self.room - SPARE:
                first = middle + 1
            else:
                beyond = middle
        return words[:first]


def transformers_tokens(name: str) -> TokenCount:
    """Return what counts the tokens of a text with a tokenizer of transformers.

    Raises:
        ModelError: there is no such tokenizer on this disk.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(name, local_files_only=True)
    except (OSError, ValueError, KeyError) as error:
        hint = "Name a folder that holds tokenizer.json, or leave --tokenizer out."
        raise ModelError(f"no tokenizer '{name}' on this disk", hint=hint) from error
    return lambda text: len(tokenizer(text, add_special_tokens=False)["input_ids"])


@functools.cache
def clip_tokens() -> TokenCount:
    """Return what counts CLIP's tokens of a text, from open_clip's table of merges.

    The table is read as a file: importing open_clip takes seconds and memory in each worker.

    Raises:
        ModelError: open_clip is not installed.
    """
    spec = importlib.util.find_spec("open_clip")
    if spec is None or spec.origin is None:
        raise ModelError("open_clip is not installed", hint="pip install open_clip_torch")
    table = Path(spec.origin).parent / "bpe_simple_vocab_16e6.txt.gz"
    content = gzip.decompress(table.read_bytes()).decode("utf-8")
    # The first line is a head.
    lines = content.split("\n")[1 : _MERGES + 1]
    ranks = {tuple(line.split()): rank for rank, line in enumerate(lines)}
    letters = _letters()

    @functools.lru_cache(maxsize=1 << 15)
    def of_piece(piece: str) -> int:
        parts = [letters[byte] for byte in piece.encode("utf-8", "surrogatepass")]
        parts[-1] += "</w>"
        while len(parts) > 1:
            pairs = zip(parts, parts[1:], strict=False)
            ranked = [ranks.get(pair, _MERGES) for pair in pairs]
            best = min(range(len(ranked)), key=ranked.__getitem__)
            if ranked[best] == _MERGES:
                break
            parts = _merged(parts, parts[best], parts[best + 1])
        return len(parts)

    def of_text(text: str) -> int:
        pieces = _PIECE.findall(text.lower())
        return sum(map(of_piece, pieces))

    return of_text


def _merged(parts: list[str], first: str, second: str) -> list[str]:
    """Join each occurrence of two parts in a row."""
    joined: list[str] = []
    index = 0
    while index < len(parts):
        if parts[index : index + 2] == [first, second]:
            joined.append(first + second)
            index += 2
        else:
            joined.append(parts[index])
            index += 1
    return joined


def _letters() -> dict[int, str]:
    """What stands for each byte in the table: itself where it can be printed (GPT-2's coding)."""
    printed = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1)]
    printed += range(ord("®"), ord("ÿ") + 1)
    letters = {byte: chr(byte) for byte in printed}
    rest = (byte for byte in range(256) if byte not in letters)
    letters.update({byte: chr(256 + number) for number, byte in enumerate(rest)})
    return letters
