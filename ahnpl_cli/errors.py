"""Everything a user can get wrong, one class and one exit code per kind.

    AhnplError            1   base: catch this to catch all of ours
    |-- ConfigError       2   an option, or options that do not go together
    |-- DataError         3   a file of captions, images, embeddings or scores
    |-- ModelError        4   weights, an architecture or a tokenizer that is unavailable
    |-- BenchmarkError    5   benchmark files absent or not laid out as published
    |-- TrainingError     6   a run that cannot continue (NaN, exploding loss, state of another run)
    `-- BusyError         7   another process is writing the same output

A message says what is wrong, where, and what to do next. Anything else that reaches the user is a
bug of ours and keeps its traceback.
"""

from __future__ import annotations

from typing import Literal

# What to do at a broken record or image: `--on-error`.
OnError = Literal["stop", "skip"]


class AhnplError(Exception):
    """An error the user can fix.

    Args:
        what: what is wrong, without a full stop.
        where: file, line and field, such as `captions.jsonl:12: caption`.
        hint: what to do next, as a sentence.
    """

    exit_code = 1

    def __init__(self, what: str, *, where: str | None = None, hint: str | None = None) -> None:
        self.what, self.where, self.hint = what, where, hint
        super().__init__(str(self))

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}. {self.hint}" if self.hint else text


class ConfigError(AhnplError):
    """An option has an invalid value, or options contradict each other."""

    exit_code = 2


class DataError(AhnplError):
    """A file that we read is missing, malformed, or cannot be written."""

    exit_code = 3


class ModelError(AhnplError):
    """A model, its weights or its tokenizer is unavailable or unusable."""

    exit_code = 4


class BenchmarkError(AhnplError):
    """Benchmark files are absent, or not laid out as their authors publish them."""

    exit_code = 5


class TrainingError(AhnplError):
    """A training run cannot continue; the last good checkpoint is named."""

    exit_code = 6


class BusyError(AhnplError):
    """Another process is writing the output."""

    exit_code = 7
