"""One pure function per equation; `objective.py` alone holds state.

Every loss returns one value per image-caption pair, (N,), and the objective takes their mean. The
papers print sums over the batch; the mean (ours) keeps weights and learning rate independent of
the batch size. A pair without a valid negative gives 0.

`Objective`, `Features`, `TeacherFeatures` and `recipe` are what a training loop of your own needs;
see `Objective`.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from ahnpl_cli.losses.features import Features as Features
    from ahnpl_cli.losses.features import TeacherFeatures as TeacherFeatures
    from ahnpl_cli.losses.objective import Losses as Losses
    from ahnpl_cli.losses.objective import Objective as Objective
    from ahnpl_cli.losses.recipes import Recipe as Recipe
    from ahnpl_cli.losses.recipes import recipe as recipe

__all__ = ["Features", "Losses", "Objective", "Recipe", "TeacherFeatures", "recipe"]

_MODULES = {
    "Features": "features",
    "Losses": "objective",
    "Objective": "objective",
    "Recipe": "recipes",
    "TeacherFeatures": "features",
    "recipe": "recipes",
}


def __getattr__(name: str) -> Any:
    """Import a public name at its first use: the command line reads `registry` without torch."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)
