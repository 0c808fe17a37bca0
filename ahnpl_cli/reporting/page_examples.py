"""The page's part on examples: pictures, captions, distances (Table 5), similarities (Table 4)."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from ahnpl_cli.inspection.report import EMBEDDINGS, ComparisonReport, ExampleReport
from ahnpl_cli.reporting.inspect import changed, label, similarity_table
from ahnpl_cli.reporting.page import (
    Card,
    Section,
    gallery,
    heat_map,
    heat_maps,
    inline,
    picture,
    table,
)

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
    return Card(picture(Path(example.image)), example.id, tuple(lines))


def _matrices(item: ExampleReport) -> list[Markup]:
    return [
        heat_map(f"{item.example.id}: {label(view.model)}", EMBEDDINGS, matrix)
        for index in range(len(item.example.others))
        for view in item.views
        for matrix in (view.distances[index],)
    ]


def example_sections(report: ComparisonReport) -> list[Section]:
    """Return the sections on examples under models."""
    cards = gallery([_card(item) for item in report.examples])
    maps = tuple(heat_maps(_matrices(item)) for item in report.examples)
    return [
        Section("Examples", (cards,), f"From {report.source}."),
        Section("Distances", maps, HOW),
        Section("Similarities", (table(similarity_table(report)),)),
    ]
