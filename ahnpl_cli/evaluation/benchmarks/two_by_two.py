"""What suites of two images and two captions share; each is judged as Winoground is."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from ahnpl_cli.evaluation.benchmarks.base import LocalCopy
from ahnpl_cli.evaluation.scoring.items import Item, Suite
from ahnpl_cli.evaluation.scoring.judging import GROUP_MEASURES, TWO_BY_TWO, Judge
from ahnpl_cli.evaluation.scoring.statistics import Average, mean, pool

TEXT, IMAGE, GROUP = GROUP_MEASURES


def ordered_tags(items: Sequence[Item], first: Sequence[str] = ()) -> list[str]:
    """Return the tags of all items: those named first, then the others by name."""
    # An order that does not hang on the order of the file: by the paper's list, then by name.
    tags: dict[str, None] = {}
    for item in items:
        tags |= dict.fromkeys(item.subsets)
    named = [tag for tag in first if tag in tags]
    return [*named, *sorted(tag for tag in tags if tag not in named)]


def tag_means(tags: Sequence[str], what: str) -> dict[str, Average]:
    """Return the unweighted mean over tags of every measure, such as `macro_4_categories_text`."""
    return {
        f"macro_{len(tags)}_{what}_{measure}": mean(*(f"{measure} / {tag}" for tag in tags))
        for measure in GROUP_MEASURES
    }


def two_by_two_suite(
    copy: LocalCopy,
    items: Sequence[Item],
    *,
    headline: str = GROUP,
    tags: Sequence[str] = (),
    averages: Mapping[str, Average] | None = None,
    judge: Judge = TWO_BY_TWO,
    more_subsets: Sequence[str] = (),
    official_ties_win: bool = False,
    absent: frozenset[Path] = frozenset(),
) -> Suite:
    """Return the suite of items with two images and two captions each.

    Args:
        copy: what the items were read from.
        items: their tags in `subsets`.
        headline: the measure that the benchmark's paper names first.
        tags: in the order of the table; see `ordered_tags`.
        averages: beside those of the three measures.
        judge: if another than Winoground's.
        more_subsets: what that judge counts in beside the three measures.
        official_ties_win: whether the official script counts a tie as right.
        absent: images that are not here, beside those that a finder missed.
    """
    main_subsets = [*GROUP_MEASURES, *more_subsets]
    for tag in tags or ordered_tags(items):
        main_subsets += [f"{measure} / {tag}" for measure in GROUP_MEASURES]
    # The three measures are subsets and averages both: as averages they have a bootstrap interval.
    pools = {measure: pool(measure) for measure in GROUP_MEASURES}
    return copy.item_suite(
        items,
        {**pools, **(averages or {})},
        main_subsets=main_subsets,
        judge=judge,
        headline=headline,
        official_ties_win=official_ties_win,
        absent=absent,
    )
