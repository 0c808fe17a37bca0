"""Which items a page shows: those the models differ on, a few of each fate."""

from pathlib import Path

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.evaluation.comparison import PER_CHANGE, select_examples
from ahnpl_cli.evaluation.scoring.items import Item, Suite, SuiteVerdicts, Verdict
from ahnpl_cli.evaluation.scoring.judging import CHOICE, ItemTask


def item(name: str, texts: int = 2) -> Item:
    captions = tuple(f"caption {i}" for i in range(texts))
    return Item(name, (ImageRef(Path(f"{name}.png")),), captions, ("swap_obj",))


def suite(items: list[Item]) -> Suite:
    task = ItemTask(items=items, judge=CHOICE)
    return Suite(name="sugarcrepe", task=task, averages={}, headline="", main_subsets=())


def outcome(right: dict[str, bool]) -> SuiteVerdicts:
    return SuiteVerdicts(
        [
            Verdict(name, f"{name}.png", {"swap_obj": ok}, (), (0.1, 0.2))
            for name, ok in right.items()
        ]
    )


def test_fates_compare_the_first_model_with_the_last() -> None:
    names = ["both", "gained", "lost", "missed"]
    outcomes = {
        "start": {"sugarcrepe": outcome(dict(zip(names, [True, False, True, False], strict=True)))},
        "middle": {"sugarcrepe": outcome(dict.fromkeys(names, True))},
        "last": {"sugarcrepe": outcome(dict(zip(names, [True, True, False, False], strict=True)))},
    }
    cases = select_examples([suite([item(name) for name in names])], outcomes)
    assert [(case.id, case.change) for case in cases] == [
        ("gained", "gained"),
        ("lost", "lost"),
        ("missed", "missed"),
    ]
    assert cases[0].scores == {name: (0.1, 0.2) for name in ("start", "middle", "last")}


def test_a_few_of_each_are_chosen_whatever_their_order() -> None:
    names = [str(i) for i in range(40)]
    outcomes = {
        "start": {"sugarcrepe": outcome(dict.fromkeys(names, False))},
        "last": {"sugarcrepe": outcome(dict.fromkeys(names, True))},
    }
    chosen = [c.id for c in select_examples([suite([item(n) for n in names])], outcomes)]
    turned = [c.id for c in select_examples([suite([item(n) for n in names[::-1]])], outcomes)]
    assert len(chosen) == PER_CHANGE
    assert chosen == turned


def test_items_that_a_card_cannot_show_are_left_out() -> None:
    outcomes = {"only": {"sugarcrepe": outcome({"many": False, "pair": False})}}
    cases = select_examples([suite([item("many", 5), item("pair")])], outcomes)
    assert [case.id for case in cases] == ["pair"]
