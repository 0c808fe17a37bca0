"""Names that users type or import are pinned: a change here is a change for them."""

import ahnpl_cli
from ahnpl_cli import errors
from ahnpl_cli.backbones import EMBEDDED, LIBRARIES
from ahnpl_cli.evaluation.benchmarks import ALIASES, BENCHMARKS
from ahnpl_cli.losses.recipes import OBJECTIVES, PAPER, RELEASED
from ahnpl_cli.losses.registry import TERMS


def test_the_package_exports_its_version_alone() -> None:
    public = {name for name in vars(ahnpl_cli) if not name.startswith("_")}
    modules = {name for name in public if hasattr(getattr(ahnpl_cli, name), "__path__")}
    files = {name for name in public if hasattr(getattr(ahnpl_cli, name), "__file__")}
    assert public - modules - files == set()
    assert ahnpl_cli.__version__.count(".") == 2


def test_objectives() -> None:
    assert OBJECTIVES == ("clip", "negclip", "ce-clip", "slipform", "ahnpl")
    assert tuple(PAPER) == OBJECTIVES
    assert list(RELEASED) == ["clip", "negclip", "ce-clip", "ahnpl"]


def test_terms_of_the_losses() -> None:
    assert list(TERMS) == [
        *("contrastive", "hard_negative_visual", "hard_negative_textual"),
        *("positive_margin", "negative_margin"),
        *("intra_modal", "cross_modal_rank", "cement"),
    ]


def test_suites() -> None:
    assert list(BENCHMARKS) == [
        *("sugarcrepe", "aro", "valse", "winoground", "crepe", "vl-checklist", "sugarcrepe++"),
        *("gnm", "retrieval", "zeroshot", "probe", "custom"),
    ]
    assert ALIASES["vals"] == "valse"


def test_backbones() -> None:
    assert [*LIBRARIES, *EMBEDDED] == ["open_clip", "scenes-tiny"]


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
