"""What becomes of an output that exists."""

from pathlib import Path

import pytest

from ahnpl_cli.errors import ConfigError
from ahnpl_cli.outputs import changes, check_new, foreign, settle

HERE = Path("runs/a")


def test_changes_name_each_option_with_both_values() -> None:
    kept = {"lr": 1e-5, "steps": None, "kinds": ["a"], "gone": 1}
    wanted = {"lr": 2e-5, "steps": 4, "kinds": ["a"]}
    assert changes(kept, wanted) == [
        "lr 1e-05, now 2e-05",
        "steps none, now 4",
        "gone 1, now none",
    ]


def test_a_long_value_is_cut() -> None:
    assert changes({"a": "x" * 99}, {"a": 1}) == [f"a {'x' * 57}..., now 1"]


@pytest.mark.parametrize(
    ("kept", "flags", "state"),
    [
        (None, {}, "fresh"),
        ({"lr": 1}, {}, "resume"),
        ({"lr": 1}, {"complete": True}, "done"),
        ({"lr": 1}, {"complete": True, "resume": False}, "fresh"),
        ({"lr": 1}, {"complete": True, "force": True}, "fresh"),
        ({"lr": 2}, {"force": True}, "fresh"),
    ],
)
def test_state(kept: dict[str, int] | None, flags: dict[str, bool], state: str) -> None:
    assert settle(HERE, {"lr": 1}, kept, **flags) == state


@pytest.mark.parametrize("resume", [True, False])
def test_other_options_are_refused_in_one_line(resume: bool) -> None:
    with pytest.raises(ConfigError) as refused:
        settle(HERE, {"lr": 2, "seed": 0}, {"lr": 1, "seed": 0}, resume=resume)
    assert str(refused.value) == (
        "runs/a: made with other options: lr 1, now 2. "
        "Choose another --output, or overwrite it with --force."
    )


def test_what_exists_is_new_only_by_force(tmp_path: Path) -> None:
    path = tmp_path / "page.html"
    check_new(path, force=False)
    path.touch()
    check_new(path, force=True)
    with pytest.raises(ConfigError, match=r"page.html: exists. Choose another --output"):
        check_new(path, force=False)


def test_a_foreign_output_names_who_did_not_write_it() -> None:
    assert "runs/a: exists, and was not written by `ahnpl train`" in str(
        foreign(HERE, "ahnpl train")
    )
