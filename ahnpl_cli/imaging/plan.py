"""What one process is told of the work."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ahnpl_cli.imaging.base import Settings
from ahnpl_cli.imaging.choose import Parts


@dataclass(frozen=True, slots=True)
class Concepts:
    """How a language model is asked for other things; see `load_language_model`.

    Attributes:
        name: the model.
        url: of its endpoint.
        key_variable: environment variable that holds the key.
        answers: file that keeps its answers.
        objects: things of a caption that are changed at most (M in GNM).
        variations: of each (K in GNM).
    """

    name: str | None
    url: str | None
    key_variable: str
    answers: Path
    objects: int
    variations: int


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process needs to know; sent once.

    Attributes:
        parts: what finds, paints and judges.
        settings: what those are built with.
        output: folder of the pictures and records.
        folder: of work in progress.
        kinds: of negatives to show; empty for all.
        per_image: pictures of an image at most.
        repaint: whether the true thing is painted as well.
        seed: of all draws.
        skip_broken: whether a broken image is left out.
        concepts: how a language model adds negatives; None without.
        recaption: weights of a captioning model that adds captions; None without.
    """

    parts: Parts
    settings: Settings
    output: Path
    folder: Path
    kinds: tuple[str, ...]
    per_image: int | None
    repaint: bool
    seed: int
    skip_broken: bool
    concepts: Concepts | None = None
    recaption: str | None = None
