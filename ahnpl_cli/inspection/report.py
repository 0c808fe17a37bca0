"""What looking returns: findings about a file, and distances of examples under models."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

from ahnpl_cli.records import Edit

Level = Literal["fine", "note", "problem"]
# The order of rows and columns of every distance matrix (AHNPL Table 5).
EMBEDDINGS = ("e_I", "e_T", "e_Tneg", "e_Ineg")


# What is said of a file: a heading and a value.
Facts = dict[str, str | int | float | None]


@dataclass(frozen=True, slots=True)
class Finding:
    """One sentence about a file.

    Attributes:
        level: `problem` makes the file invalid; `note` is worth knowing; `fine` was checked.
        text: the sentence, without a full stop.
    """

    level: Level
    text: str


@dataclass(frozen=True, slots=True)
class CompetingCaption:
    """A caption that competes with the true one.

    Attributes:
        caption: its text.
        kind: how it was made; `given` when the user wrote it.
        edits: spans of the true caption that were changed.
    """

    caption: str
    kind: str
    edits: tuple[Edit, ...]


@dataclass(frozen=True, slots=True)
class Example:
    """An image, its caption and K competing captions.

    Attributes:
        id: the record's, or the image's name.
        image: path to open.
        caption: the true text T.
        others: the negatives T_neg.
        outside: whether a record names an image that is not below the image root; such a picture
            is not put into a page, which others may be shown.
    """

    id: str
    image: str
    caption: str
    others: tuple[CompetingCaption, ...]
    outside: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """One example under one model.

    Attributes:
        model: label of the model, such as `start` or `step-000450`.
        similarities: S(I,T), then S(I,T_neg) per negative (AHNPL Table 4).
        distances: per negative, the 4x4 cosine distances 1 - cos in the order of `EMBEDDINGS`
            (AHNPL Table 5).
    """

    model: str
    similarities: tuple[float, ...]
    distances: tuple[tuple[tuple[float, ...], ...], ...]

    @property
    def winner(self) -> int | None:
        """Index of the caption with the highest similarity; None for a tie."""
        best = max(self.similarities)
        return self.similarities.index(best) if self.similarities.count(best) == 1 else None


@dataclass(frozen=True, slots=True)
class ExampleReport:
    """One example under every model, in the order of training."""

    example: Example
    views: tuple[View, ...]


@dataclass(frozen=True, slots=True)
class ComparisonReport:
    """Tables 4 and 5 of the AHNPL paper for any examples and models.

    Attributes:
        source: where the examples come from.
        models: labels, the start first.
        examples: one report each.
    """

    source: str
    models: tuple[str, ...]
    examples: tuple[ExampleReport, ...]


@dataclass(frozen=True, slots=True)
class FileReport:
    """What a file is and whether it is valid.

    Attributes:
        path: what was looked at.
        what: what it is, such as `negatives`.
        facts: names and values worth a line each.
        findings: what was checked.
        valid: whether no finding is a problem.
        details: the numbers behind; `reporting.files` makes tables of each type.
    """

    path: str
    what: str
    facts: dict[str, str | int | float | None]
    findings: tuple[Finding, ...]
    valid: bool
    details: Any = None


def file_report(
    path: str,
    what: str,
    facts: dict[str, str | int | float | None],
    findings: list[Finding],
    details: Any = None,
) -> FileReport:
    """Return a report whose validity follows from its findings."""
    valid = all(finding.level != "problem" for finding in findings)
    return FileReport(path, what, facts, tuple(findings), valid, details)


def flat(tree: dict[str, Any], prefix: str = "") -> dict[str, str | int | float | None]:
    """Return nested values under dotted names; lists as text."""
    facts: dict[str, str | int | float | None] = {}
    for key, value in tree.items():
        name = f"{prefix}{key}".replace("_", " ")
        if isinstance(value, dict):
            facts.update(flat(value, f"{prefix}{key}."))
        elif value is None or isinstance(value, str | int | float):
            facts[name] = str(value).lower() if isinstance(value, bool) else value
        elif all(isinstance(entry, str | int | float) for entry in value):
            facts[name] = ", ".join(map(str, value))
        else:
            facts[name] = json.dumps(value, ensure_ascii=False)
    return facts
