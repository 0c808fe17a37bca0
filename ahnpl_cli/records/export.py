"""What `ahnpl export` reports."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ExportReport:
    """An export, and how far it is from its checkpoint.

    Attributes:
        checkpoint: as named by the user.
        to: the form.
        folder: where it is.
        files: names of what was written.
        parity: largest difference of features by what was compared; empty if nothing could be.
    """

    checkpoint: str
    to: str
    folder: str
    files: Sequence[str]
    parity: Mapping[str, float]
