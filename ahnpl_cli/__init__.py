"""Hard negatives, fine-tuning and benchmarks for compositional CLIP models.

The Python surface is what `__all__` names; everything else may move. Each name is imported at its
first use, so that `import ahnpl_cli` and `ahnpl --help` wait for no torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ahnpl_cli.config import EvalConfig as EvalConfig
    from ahnpl_cli.evaluation.run import evaluate as evaluate
    from ahnpl_cli.evaluation.saved_results import read_results as read_results
    from ahnpl_cli.losses import Features as Features
    from ahnpl_cli.losses import Objective as Objective
    from ahnpl_cli.losses import TeacherFeatures as TeacherFeatures
    from ahnpl_cli.losses import recipe as recipe
    from ahnpl_cli.negatives.generate import hard_negatives as hard_negatives
    from ahnpl_cli.training.fit import fit as fit
    from ahnpl_cli.version import __version__ as __version__

__all__ = [
    "EvalConfig",
    "Features",
    "Objective",
    "TeacherFeatures",
    "__version__",
    "evaluate",
    "fit",
    "hard_negatives",
    "read_results",
    "recipe",
]

_MODULES = {
    "__version__": "ahnpl_cli.version",
    "EvalConfig": "ahnpl_cli.config",
    "Features": "ahnpl_cli.losses",
    "Objective": "ahnpl_cli.losses",
    "TeacherFeatures": "ahnpl_cli.losses",
    "evaluate": "ahnpl_cli.evaluation.run",
    "fit": "ahnpl_cli.training.fit",
    "hard_negatives": "ahnpl_cli.negatives.generate",
    "read_results": "ahnpl_cli.evaluation.saved_results",
    "recipe": "ahnpl_cli.losses",
}


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return __all__
