"""Whole pages: of a run, of examples, of any file."""

from __future__ import annotations

from pathlib import Path

from ahnpl_cli.config import InspectConfig
from ahnpl_cli.inspection.file_tables import detail_tables, fact_table, finding_table
from ahnpl_cli.inspection.page_examples import example_sections
from ahnpl_cli.inspection.report import ComparisonReport, FileReport
from ahnpl_cli.progress import Track
from ahnpl_cli.reporting.page import Section, render_page, table


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
    return Section("Provenance", (table(fact_table(report)), table(finding_table(report))))
