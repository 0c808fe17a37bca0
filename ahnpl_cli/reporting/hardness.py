"""The table of how hard negatives are for a model."""

from __future__ import annotations

from ahnpl_cli.records import ConcretenessFifth, Hardness
from ahnpl_cli.reporting.tables import Table


def hardness_table(hardness: tuple[Hardness, ...], title: str) -> Table:
    """Return how hard negatives are for a model, by kind."""
    rows = tuple(
        (kind.kind, kind.n, kind.text_similarity, kind.with_image, kind.right, kind.gap)
        for kind in hardness
    )
    columns = ("kind", "sampled", "cos(T,T_neg)", "with image", "% S(I,T) wins", "mean gap")
    note = "Gap: S(I,T) - S(I,T_neg). Hard negatives lie near to their caption and win often."
    return Table(title, columns, rows, note, digits=3)


def concreteness_table(fifths: tuple[ConcretenessFifth, ...]) -> Table:
    """Return what a model makes of negatives by the concreteness of the changed word."""
    rows = tuple(
        (f"{fifth.low:.2f} to {fifth.high:.2f}", fifth.n, fifth.positive, fifth.negative)
        + (fifth.positive - fifth.negative, fifth.right)
        for fifth in fifths
    )
    columns = ("concreteness", "n", "S(I,T)", "S(I,T_neg)", "gap", "% S(I,T) wins")
    note = "Fifths of the rated negatives whose image is there, the most abstract first."
    return Table("Similarity by concreteness", columns, rows, note, digits=3)
