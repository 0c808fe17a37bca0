"""Pages of examples under models and of any file: pictures, captions, distances, similarities."""

from __future__ import annotations

from pathlib import Path

from markupsafe import Markup

from ahnpl_cli.config import InspectConfig
from ahnpl_cli.inspection.report import EMBEDDINGS, ComparisonReport, ExampleReport, FileReport
from ahnpl_cli.inspection.tables import (
    detail_tables,
    fact_table,
    finding_table,
    similarity_table,
)
from ahnpl_cli.progress import Track
from ahnpl_cli.reporting.edits import changed
from ahnpl_cli.reporting.page import (
    LEFT_OUT,
    Card,
    Section,
    gallery,
    heat_map,
    heat_maps,
    inline,
    long_table,
    picture,
    render_page,
    table,
)
from ahnpl_cli.runs import checkpoint_label

HOW = (
    "Cosine distances 1 - cos between the image e_I, its caption e_T, the negative caption e_Tneg "
    "and the image negative e_Ineg = e_I + (e_Tneg - e_T). Read rows, not single numbers: a model "
    "that reads the caption has e_I nearer to e_T than to e_Tneg, and the difference of the two is "
    "what training should widen. Both may grow or shrink with all other distances."
)


def _card(item: ExampleReport) -> Card:
    example = item.example
    lines = [Markup("<p>{}</p>").format(example.caption)]
    line = Markup('<p><span class="dim">{}:</span> {}</p>')
    for other in example.others:
        edited = inline(changed(example.caption, other.edits))
        lines.append(line.format(other.kind, edited))
    name = Path(example.image).name
    # A record may name any file of this machine, and pages are shown to others.
    if example.outside:
        return Card("", name, tuple(lines), LEFT_OUT)
    return Card(picture(Path(example.image)), name, tuple(lines))


def _matrices(item: ExampleReport) -> list[Markup]:
    """A line of matrices per negative, one matrix per model."""
    example = item.example
    blocks = []
    for index, other in enumerate(example.others):
        text = inline(changed(example.caption, other.edits))
        blocks.append(Markup("<h3>{}: {}</h3>").format(Path(example.image).name, text))
        matrices = []
        for view in item.views:
            label = checkpoint_label(view.model)
            matrices.append(heat_map(label, EMBEDDINGS, view.distances[index]))
        blocks.append(heat_maps(matrices))
    return blocks


def example_sections(report: ComparisonReport) -> list[Section]:
    """Return the sections on examples under models: what they are, then how models see them."""
    cards = gallery([_card(item) for item in report.examples])
    maps = tuple(block for item in report.examples for block in _matrices(item))
    return [
        Section("Examples", (cards,), f"From {report.source}."),
        Section("Distances", maps, HOW),
        Section("Similarities", (table(similarity_table(report)),)),
    ]


def examples_page(report: ComparisonReport) -> str:
    """Return the page of examples under models."""
    subtitle = f"Distances and similarities under {', '.join(report.models)}"
    return render_page("Examples", subtitle, example_sections(report))


def file_page(report: FileReport, config: InspectConfig, track: Track) -> str:
    """Return the page of an output that needs no page of its own."""
    verdict = "valid" if report.valid else "not valid"
    details = tuple(table(shown) for shown in detail_tables(report))
    sections = [provenance_section(report), Section("Details", details)]
    return render_page(Path(report.path).name, f"{report.what}, {verdict}", sections)


def provenance_section(report: FileReport) -> Section:
    """Return what a file is, where it came from and whether it is valid."""
    return Section("Provenance", (table(finding_table(report)), long_table(fact_table(report))))
