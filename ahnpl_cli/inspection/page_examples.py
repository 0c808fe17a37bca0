"""The page's part on examples: pictures, captions, distances (Table 5), similarities (Table 4)."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from ahnpl_cli.inspection.example_tables import similarity_table
from ahnpl_cli.inspection.report import EMBEDDINGS, ComparisonReport, ExampleReport
from ahnpl_cli.reporting.edits import changed
from ahnpl_cli.reporting.page import (
    LEFT_OUT,
    Card,
    Section,
    gallery,
    heat_map,
    heat_maps,
    inline,
    picture,
    table,
)
from ahnpl_cli.runs import checkpoint_label

HOW = (
    "Cosine distances 1 - cos between the image e_I, its caption e_T, the negative caption e_Tneg "
    "and the image negative e_Ineg = e_I + (e_Tneg - e_T). Training should pull e_I and e_T "
    "together and push e_Tneg and e_Ineg away."
)


def _card(item: ExampleReport) -> Card:
    example = item.example
    lines = [Markup("<p>{}</p>").format(example.caption)]
    lines += [
        Markup('<p><span class="dim">{}:</span> {}</p>').format(
            other.kind, inline(changed(example.caption, other.edits))
        )
        for other in example.others
    ]
    name = Path(example.image).name
    if example.outside:
        return Card("", name, tuple(lines), LEFT_OUT)
    return Card(picture(Path(example.image)), name, tuple(lines))


def _matrices(item: ExampleReport) -> list[Markup]:
    """A line of matrices per negative, one matrix per model."""
    example, blocks = item.example, []
    for index, other in enumerate(example.others):
        text = inline(changed(example.caption, other.edits))
        blocks.append(Markup("<h3>{}: {}</h3>").format(Path(example.image).name, text))
        matrices = (
            heat_map(checkpoint_label(v.model), EMBEDDINGS, v.distances[index]) for v in item.views
        )
        blocks.append(heat_maps(list(matrices)))
    return blocks


def example_sections(report: ComparisonReport) -> list[Section]:
    """Return the sections on examples under models."""
    cards = gallery([_card(item) for item in report.examples])
    maps = tuple(block for item in report.examples for block in _matrices(item))
    return [
        Section("Examples", (cards,), f"From {report.source}."),
        Section("Distances", maps, HOW),
        Section("Similarities", (table(similarity_table(report)),)),
    ]
