"""Where real edits land: is e_I + (e_Tn - e_T) of AHNPL's Eq. 2 near the painted picture's e_In?

AHNPL takes Eq. 2's feature for that of a picture which shows the negative caption. Where such a
picture was painted, its own feature says how good a guess that is.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from markupsafe import Markup
from torch import Tensor

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.encode import encode_images, encode_texts
from ahnpl_cli.backbones.source import ModelSource
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.records import CaptionRecord
from ahnpl_cli.reporting.charts import Bar, BarGroup, bar_chart
from ahnpl_cli.reporting.page import Section, table
from ahnpl_cli.reporting.tables import Cell, Table
from ahnpl_cli.similarity import image_negatives, normalize, semantic_shift, similarity

SAMPLED = 100  # captions with pictures that are measured
ALL = "all"
TITLE = "Eq. 2 and the painted pictures"


@dataclass(frozen=True, slots=True)
class Landing:
    """How near Eq. 2 comes to the painted pictures of one kind of negatives, under one model.

    Attributes:
        kind: of the negatives; `all` for the pictures of every kind together.
        model: its label.
        n: pictures.
        moved: mean cosine of Eq. 2's e_In and the picture's.
        unmoved: mean cosine of e_I and the picture's, without Eq. 2.
        shifts: mean cosine of e_Tn - e_T and the picture's own e_In - e_I.
        nearer: percent of pictures that Eq. 2's e_In is nearer to than e_I is.
    """

    kind: str
    model: str
    n: int
    moved: float
    unmoved: float
    shifts: float
    nearer: float


@dataclass(frozen=True, slots=True)
class PaintedNegative:
    """A negative with its picture, and what both were made of."""

    kind: str
    image: Path
    painted: Path
    caption: str
    negative: str


def painted_negatives(
    records: Sequence[CaptionRecord], root: Path, folder: Path
) -> Iterator[PaintedNegative]:
    """Yield the negatives of records whose picture, and whose image, is there.

    Args:
        records: of one file.
        root: folder that their images are relative to.
        folder: of the file, which pictures are relative to.
    """
    for record in records:
        image = root / record.image
        for negative in record.negatives:
            if negative.image is None or not image.is_file():
                continue
            painted = folder / negative.image
            if painted.is_file():
                texts = (record.caption, negative.caption)
                yield PaintedNegative(negative.kind, image, painted, *texts)


def landing_cosines(image: Tensor, text: Tensor, negative: Tensor, painted: Tensor) -> Tensor:
    """Return the cosines of `Landing`: moved, unmoved and shifts (3, N).

    Args:
        image: e_I (N, D), unit length.
        text: e_T (N, D).
        negative: e_Tn (N, D).
        painted: e_In of the painted pictures (N, D).
    """
    moved = image_negatives(image, text, negative.unsqueeze(1))[:, 0]
    shift = normalize(semantic_shift(text, negative.unsqueeze(1))[:, 0])
    own_shift = normalize(painted - image)
    return torch.stack(
        [similarity(moved, painted), similarity(image, painted), similarity(shift, own_shift)]
    )


def landings(
    negatives: Sequence[PaintedNegative],
    models: Sequence[ModelSource],
    *,
    device: str = "auto",
    force_quick_gelu: bool | None = None,
) -> tuple[Landing, ...]:
    """Measure painted negatives under the first and the last of some models.

    Raises:
        DataError: a picture cannot be read.
        ModelError: a model cannot be loaded.
    """
    by_model: list[list[Landing]] = []
    for model in dict.fromkeys((0, len(models) - 1)) if negatives else ():
        source = models[model]
        backbone = source.load(device, force_quick_gelu=force_quick_gelu)
        by_model.append(list(_landings(negatives, backbone, source.label)))
    # Start and end of a kind stand below each other.
    return tuple(landing for rows in zip(*by_model, strict=True) for landing in rows)


def _landings(
    negatives: Sequence[PaintedNegative], backbone: Backbone, label: str
) -> Iterator[Landing]:
    count = len(negatives)
    refs = [ImageRef(negative.image) for negative in negatives]
    refs += [ImageRef(negative.painted) for negative in negatives]
    images = encode_images(backbone, refs)
    captions = [negative.caption for negative in negatives]
    captions += [negative.negative for negative in negatives]
    texts = encode_texts(backbone, captions)
    cosines = landing_cosines(images[:count], texts[:count], texts[count:], images[count:])
    rows_of = defaultdict(list)
    for row, negative in enumerate(negatives):
        rows_of[negative.kind].append(row)
        rows_of[ALL].append(row)
    # In the order of the file, and everything at the end.
    for kind in [*(kind for kind in rows_of if kind != ALL), ALL]:
        moved, unmoved, shifts = cosines[:, rows_of[kind]].double()
        yield Landing(
            kind=kind,
            model=label,
            n=len(moved),
            moved=moved.mean().item(),
            unmoved=unmoved.mean().item(),
            shifts=shifts.mean().item(),
            nearer=100 * (moved > unmoved).double().mean().item(),
        )


def landing_table(rows: Sequence[Landing]) -> Table:
    """Return what was measured, a line per kind and model."""
    cells: list[tuple[Cell, ...]] = []
    for row in rows:
        numbers = (row.moved, row.unmoved, row.shifts, f"{row.nearer:.1f}")
        cells.append((row.kind, row.model, row.n, *numbers))
    columns = ("kind", "model", "n", "cos Eq. 2", "cos e_I", "cos of shifts", "% nearer")
    note = (
        "Mean cosine of Eq. 2's e_In, and of e_I itself, with e_In of the painted picture; cosine "
        "of e_Tn - e_T with the picture's e_In - e_I; share that Eq. 2 brings nearer."
    )
    return Table(TITLE, columns, tuple(cells), note, digits=3)


def landing_chart(rows: Sequence[Landing]) -> Markup:
    """Return the cosines of Eq. 2's e_In as bars, those of e_I as marks, in hundredths."""
    models = list(dict.fromkeys(row.model for row in rows))
    of = {(row.kind, row.model): row for row in rows}
    groups = []
    for kind in dict.fromkeys(row.kind for row in rows):
        measured = [of[kind, model] for model in models]
        groups.append(
            BarGroup(
                label=kind,
                bars=tuple(Bar(100 * row.moved) for row in measured),
                marks=tuple(100 * row.unmoved for row in measured),
                note=f"n = {measured[0].n:,}",
            )
        )
    marked = [f"e_I itself, {model}" for model in models]
    return bar_chart(TITLE, models, groups, marked)


def landing_section(rows: Sequence[Landing]) -> Section:
    """Return the chart and the numbers behind it, for a page."""
    lead = "Bars: cosine of Eq. 2's feature with the painted picture's, in hundredths."
    return Section(TITLE, (landing_chart(rows), table(landing_table(rows))), lead)
