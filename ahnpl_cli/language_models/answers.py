"""Keeps answers in a file: a prompt is asked once, and work that continues has the same answers.

A server may answer differently each time, whatever its seed. What was written first counts, for
this process and for all that share the file, so that what is made of the answers has the same bytes
in every shard and every run.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ahnpl_cli.errors import DataError
from ahnpl_cli.files import disk_errors
from ahnpl_cli.language_models import LanguageModel
from ahnpl_cli.stable_hash import stable_hash

_SCHEMA = (
    "create table if not exists answers "
    "(key text primary key, model text, seed integer, prompt text, answer text)"
)
PATIENCE = 60.0  # seconds that another process may take to write
AT_ONCE = 64  # prompts asked before their answers are kept: an interruption loses no more


class Remembering:
    """A language model with a memory.

    Args:
        model: asked for what is not in the file.
        path: SQLite file; made if it is not there.
        any_thread: whether other threads than this one may ask, one at a time.

    Raises:
        DataError: the file is something else.
    """

    def __init__(self, model: LanguageModel, path: Path, *, any_thread: bool = False) -> None:
        self._model, self._path = model, path
        self.info, self.seed = model.info, model.seed
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = sqlite3.connect(
                path, timeout=PATIENCE, check_same_thread=not any_thread
            )
            self._database.execute(_SCHEMA)
            self._database.execute("select key, model, seed, prompt, answer from answers limit 1")
        except sqlite3.DatabaseError as error:
            hint = "Remove it, or name another output."
            raise DataError("no file of answers", where=str(path), hint=hint) from error

    def complete(
        self, prompts: Sequence[str], schema: Mapping[str, Any] | None = None
    ) -> list[str]:
        """Return one answer per prompt, from the file where it is there."""
        unknown = [prompt for prompt in dict.fromkeys(prompts) if self._recall(prompt) is None]
        for start in range(0, len(unknown), AT_ONCE):
            batch = unknown[start : start + AT_ONCE]
            self._keep(batch, self._model.complete(batch, schema))
        # Read back, since another process may have been first.
        return [self._recall(prompt) or "" for prompt in prompts]

    def _keep(self, prompts: Sequence[str], answers: Sequence[str]) -> None:
        model, seed = self.info.model, self.seed
        # What no file can hold becomes what it can, at the first run as at every later one.
        rows = [
            (self._key(prompt), model, seed, prompt, answer.encode("utf-8", "replace").decode())
            for prompt, answer in zip(prompts, answers, strict=True)
        ]
        with disk_errors(self._path), self._database:
            statement = "insert or ignore into answers values (?, ?, ?, ?, ?)"
            self._database.executemany(statement, rows)

    def _key(self, prompt: str) -> str:
        return f"{stable_hash(self.info.model, self.seed, prompt):016x}"

    def _recall(self, prompt: str) -> str | None:
        row = self._database.execute(
            "select answer from answers where key = ? and prompt = ?", (self._key(prompt), prompt)
        ).fetchone()
        return None if row is None else str(row[0])
