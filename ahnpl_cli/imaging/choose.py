"""Which locator, painters and judges do the work when the user leaves it open."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from ahnpl_cli.catalog import choose
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.imaging.drawn_scenes import is_world
from ahnpl_cli.imaging.extras import has
from ahnpl_cli.imaging.judges import JUDGES
from ahnpl_cli.imaging.locators import LOCATORS
from ahnpl_cli.imaging.painters import PAINTERS, WITHOUT_MODEL

WITH_MODEL = frozenset(PAINTERS) - set(WITHOUT_MODEL)


@dataclass(frozen=True, slots=True)
class Parts:
    """Names of what does the work.

    Attributes:
        locator: a key of `LOCATORS`.
        painters: keys of `PAINTERS`, in the order of trying.
        judges: keys of `JUDGES`.
        why: one sentence on it.
    """

    locator: str
    painters: tuple[str, ...]
    judges: tuple[str, ...]
    why: str

    @property
    def uses_model(self) -> bool:
        """Whether anything runs on a device, so that batches matter."""
        modelled = {"grounded", "clip", "blip"} | WITH_MODEL
        return bool(modelled & {self.locator, *self.painters, *self.judges})


def choose_parts(
    *,
    locator: str,
    painters: tuple[str, ...],
    judges: tuple[str, ...],
    image_root: Path,
    annotations: bool,
    locator_model: bool,
    painter_model: bool,
    judge_model: bool,
    blip_model: bool,
) -> Parts:
    """Return what does the work; `auto` is what runs here.

    Raises:
        ConfigError: a name is unknown, or nothing could paint.
    """
    where, why_where = _locator(locator, image_root, annotations, locator_model)
    if painters == ("auto",):
        chosen, why = _painters(where, painter_model)
    else:
        chosen, why = tuple(choose(name, PAINTERS, "painter") for name in painters), "as requested"
    if judges == ("auto",):
        available = {"pixels": True, "clip": judge_model, "blip": blip_model}
        judges = tuple(name for name, use in available.items() if use)
    for name in judges:
        choose(name, JUDGES, "judge")
    seen = {"clip", "blip"} & set(judges)
    unseen = "" if seen else ", and no --judge-model to look at the pictures"
    text = (
        f"Masks: {where}, {why_where}; painters: {', '.join(chosen)}, {why}; "
        f"judges: {', '.join(judges) or 'none'}{unseen}."
    )
    return Parts(where, chosen, judges, text)


def _locator(
    name: str, image_root: Path, annotations: bool, locator_model: bool
) -> tuple[str, str]:
    if name != "auto":
        return choose(name, (*LOCATORS, "auto"), "locator"), "as requested"
    if is_world(image_root):
        return "scenes", "since the pictures are synthetic scenes"
    if annotations:
        return "coco", "since there are --annotations"
    if locator_model:
        return "grounded", "since there is a --locator-model"
    return "none", "since there are neither --annotations nor a --locator-model"


def _painters(locator: str, painter_model: bool) -> tuple[tuple[str, ...], str]:
    if locator == "scenes" and not painter_model:
        return ("redraw",), "which draws scenes exactly"
    names, reasons = ["mirror"], []
    if locator == "none":
        reasons.append("recolor and swap need masks")
    elif not has("cv2"):
        reasons.append("recolor and swap need pip install opencv-python-headless")
    else:
        names += ["recolor", "swap"]
    if not painter_model:
        reasons.append("no --painter-model for the rest")
    else:
        names.append("edit" if locator == "none" else "inpaint")
    return tuple(names), "; ".join(reasons) or "all that runs here"


def check_parts(parts: Parts, *, painter_model: bool) -> None:
    """Check that models are named for what needs them.

    Raises:
        ConfigError: one is not.
    """
    needing = sorted(WITH_MODEL & set(parts.painters))
    if needing and not painter_model:
        hint = "Name a diffusers pipeline with --painter-model."
        raise ConfigError(f"the painter {needing[0]} needs a model", hint=hint)
