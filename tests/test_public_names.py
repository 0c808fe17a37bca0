"""Names that users type or import are pinned: a change here is a change for them."""

import re
import subprocess
import sys

import pytest

import ahnpl_cli
from ahnpl_cli import errors
from ahnpl_cli.backbones import EMBEDDED, LIBRARIES
from ahnpl_cli.evaluation.benchmarks import ALIASES, BENCHMARKS
from ahnpl_cli.losses.recipes import OBJECTIVES, PAPER, RELEASED
from ahnpl_cli.losses.registry import TERMS

SURFACE = [
    *("EvalConfig", "Features", "Objective", "TeacherFeatures", "__version__"),
    *("evaluate", "fit", "hard_negatives", "read_results", "recipe"),
]


def test_the_python_surface_is_pinned() -> None:
    assert ahnpl_cli.__all__ == SURFACE
    assert dir(ahnpl_cli) == SURFACE
    assert ahnpl_cli.__version__.count(".") == 2


@pytest.mark.parametrize("name", SURFACE)
def test_every_name_of_the_surface_can_be_imported(name: str) -> None:
    assert getattr(ahnpl_cli, name) is not None


def test_the_surface_imports_nothing_before_it_is_used() -> None:
    code = "import sys, ahnpl_cli; print([n for n in sys.modules if n.startswith('ahnpl_cli.')])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_a_name_that_is_not_there_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="'ahnpl_cli' has no attribute 'Objectif'"):
        _ = ahnpl_cli.Objectif


def test_objectives() -> None:
    papers = ["clip", "negclip", "ce-clip", "ce-itm", "slipform", "ahnpl"]
    ours = ["ahnpl-plus"]
    later = ["fsc", "read", "degla", "cs-clip", "clic", "gnm", "trohn", "triplet"]
    assert list(OBJECTIVES) == [*papers, *ours, *later]
    assert tuple(PAPER) == OBJECTIVES
    assert list(RELEASED) == ["clip", "negclip", "ce-clip", "ahnpl", "degla", "gnm"]


def test_names_that_users_type_are_plain_words() -> None:
    # Which there are, each registry says; the documents are held to them in test_docs.
    for name in (*TERMS, *BENCHMARKS, *ALIASES, *LIBRARIES, *EMBEDDED, *OBJECTIVES):
        assert re.fullmatch(r"[a-z0-9_+-]+", name)


def test_an_alias_names_a_benchmark() -> None:
    assert ALIASES["vals"] == "valse"
    assert set(ALIASES.values()) <= set(BENCHMARKS)


def test_errors_and_their_exit_codes() -> None:
    codes = {
        name: item.exit_code
        for name, item in vars(errors).items()
        if isinstance(item, type) and issubclass(item, errors.AhnplError)
    }
    assert codes == {
        "AhnplError": 1,
        "ConfigError": 2,
        "DataError": 3,
        "ModelError": 4,
        "BenchmarkError": 5,
        "TrainingError": 6,
        "BusyError": 7,
    }
