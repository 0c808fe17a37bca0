"""Tables that options of `ahnpl eval` ask for: published numbers, controls, representation."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace

from ahnpl_cli.evaluation.published import RE_EVALUATION
from ahnpl_cli.evaluation.report import (
    EvalReport,
    MeanEstimate,
    ModelReport,
    Published,
    SuiteReport,
)
from ahnpl_cli.evaluation.table_cells import LABEL, Row, marked, noted, values_of
from ahnpl_cli.reporting.tables import Cell, Span, Table

MODELS = ("CLIP", "NegCLIP", "CE-CLIP", "AHNPL", "GNM")


def published_tables(report: EvalReport) -> list[Table]:
    """Return one table a suite: our models, then what papers print, before re-evaluations."""
    made = []
    for name, first in report.models[0].suites.items():
        shown = values_of(first)
        theirs = [_of_rows(one, shown) for one in report.published if one.suite == name]
        if not theirs:
            continue
        chosen = [_merged([one for one in theirs if one.model == m]) for m in MODELS]
        chosen = [one for one in chosen if one.values]
        labels = [x for x in shown if any(x in one.values for one in chosen)]
        rows: tuple[Row, ...] = tuple(
            (
                marked(label, first),
                *(values_of(model.suites[name]).get(label) for model in report.models),
                *(one.values.get(label) for one in chosen),
            )
            for label in labels
        )
        columns = (LABEL, *(m.name for m in report.models), *(f"{one.model} †" for one in chosen))
        sources = "; ".join(f"{one.model}: {one.source}" for one in chosen)
        made.append(Table(f"{name}: beside published numbers", columns, rows, f"† {sources}."))
    return made


def blind_tables(report: EvalReport) -> list[Table]:
    """Return one table a suite: the models beside controls that never see the image."""
    made = []
    for name, controls in report.blind.items():
        first = report.models[0].suites[name]
        rows: list[Row] = []
        for label in [*(s.name for s in first.subsets), *first.averages]:
            ours = (values_of(model.suites[name]).get(label) for model in report.models)
            blind = (_with_ties(control, label) for control in controls.values())
            rows.append((marked(label, first), *ours, *blind))
        columns = (LABEL, *(model.name for model in report.models), *controls)
        made.append(Table(f"{name}: without the image", columns, tuple(rows)))
    return noted(made, BLIND)


def _of_rows(one: Published, rows: Iterable[str]) -> Published:
    """Return what was published for rows that the table has."""
    return replace(one, values={r: one.values[r] for r in rows if r in one.values})


def _with_ties(control: SuiteReport, label: str) -> Cell:
    """Return a number, and how many ties keep it low: `0.0 (60 ties)`."""
    value = values_of(control).get(label)
    ties = next((subset.ties for subset in control.subsets if subset.name == label), 0)
    if value is None or not ties:
        return value
    return (Span(f"{value:.1f}"), Span(f" ({ties:,} ties)", "dim"))


def _merged(found: Sequence[Published]) -> Published:
    """Return one column of a model's numbers; where sources overlap, the first one's."""
    kept: dict[str, float] = {}
    sources: list[str] = []
    for one in found:
        new = {name: value for name, value in one.values.items() if name not in kept}
        # A re-evaluation fills no gaps of a paper's table: its numbers are of another run.
        if new and not (kept and one.source == RE_EVALUATION):
            kept |= new
            sources.append(one.source)
    model = found[0].model if found else ""
    return Published("", model, " and ".join(sources), kept)


BLIND = (
    "shorter, longer: the caption with fewer or more words wins. unigram: the one whose words are "
    "more usual in true captions of other images. Chance is 50 with one foil; a tie is wrong."
)


def representation_table(models: Sequence[ModelReport]) -> Table | None:
    """Return similarity within and gap across modalities, or None if not measured."""
    rows: list[Row] = [
        (suite, model.name, one["intra_modal"].n, *_estimates(one))
        for suite in models[0].representation
        for model in models
        if (one := model.representation[suite])
    ]
    columns = ("suite", "model", "n", "cos(T, T_neg)", "95 %", "cos(I,T) - cos(I,T_neg)", "95 %")
    note = "Lower left and higher right are better (CE-CLIP, Fig. 8); bootstrap over images."
    return Table("Representation", columns, tuple(rows), note, digits=3) if rows else None


def _estimates(found: Mapping[str, MeanEstimate]) -> Iterator[Cell]:
    for name in ("intra_modal", "cross_modal_gap"):
        yield found[name].value
        yield f"{found[name].low:.3f} to {found[name].high:.3f}"


def extra_tables(report: EvalReport) -> list[Table]:
    """Return the tables that options ask for."""
    measured = representation_table(report.models)
    more = [measured] if measured else []
    return [*published_tables(report), *blind_tables(report), *more]
