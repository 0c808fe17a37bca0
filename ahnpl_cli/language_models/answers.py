"""Keeps answers in a file: a prompt is asked once, and work that continues has the same answers."""

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from pathlib import Path

from ahnpl_cli.errors import DataError
from ahnpl_cli.files import disk_errors
from ahnpl_cli.language_models import LanguageModel
from ahnpl_cli.stable_hash import stable_hash

_SCHEMA = "create table if not exists answers (key text primary key, prompt text, answer text)"


class Remembering:
    """A language model with a memory.

    Args:
        model: asked for what is not in the file.
        path: SQLite file; made if it is not there.

    Raises:
        DataError: the file is something else.
    """

    def __init__(self, model: LanguageModel, path: Path) -> None:
        self._model, self._path = model, path
        self.info = model.info
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            self._database = sqlite3.connect(path)
            self._database.execute(_SCHEMA)
        except sqlite3.DatabaseError as error:
            hint = "Remove it, or name another output."
            raise DataError("no file of answers", where=str(path), hint=hint) from error

    def complete(self, prompts: Sequence[str]) -> list[str]:
        """Return one answer per prompt, from the file where it is there."""
        known = [self._recall(prompt) for prompt in prompts]
        unknown = list(dict.fromkeys(p for p, a in zip(prompts, known, strict=True) if a is None))
        fresh = dict(zip(unknown, self._model.complete(unknown), strict=True)) if unknown else {}
        with disk_errors(self._path), self._database:
            rows = [(self._key(prompt), prompt, answer) for prompt, answer in fresh.items()]
            self._database.executemany("insert or replace into answers values (?, ?, ?)", rows)
        return [
            fresh[prompt] if answer is None else answer
            for prompt, answer in zip(prompts, known, strict=True)
        ]

    def _key(self, prompt: str) -> str:
        return f"{stable_hash(self.info.model, prompt):016x}"

    def _recall(self, prompt: str) -> str | None:
        row = self._database.execute(
            "select answer from answers where key = ? and prompt = ?", (self._key(prompt), prompt)
        ).fetchone()
        return None if row is None else str(row[0])
