"""The test suites by name, and how an item of one is made.

Both twins of an item are of combinations kept for testing. The two `add` suites are one-sided as
SugarCrepe's are: the foil says more than the caption, and what the caption says holds of both.
"""

from __future__ import annotations

from dataclasses import dataclass

from ahnpl_cli.scenes import suites_aro, suites_sugarcrepe, suites_valse, world
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.twins import Lots, Maker, Notes, sound
from ahnpl_cli.scenes.world import Scene

MAKERS: dict[str, Maker] = {
    **suites_sugarcrepe.MAKERS,
    **suites_valse.MAKERS,
    **suites_aro.MAKERS,
}
ONE_SIDED = frozenset({"add_obj", "add_att"})
ALTERNATING = "vg_attribution"


@dataclass(frozen=True, slots=True)
class Item:
    """One twin, shown, with its caption; the other twin's caption is the foil.

    Attributes:
        scene: the twin shown.
        other: the twin that the foil is true of.
        caption: what holds of `scene`.
        foil: what does not.
        note: what the official record also says of the caption.
        foil_note: the same, had the other twin been shown.
    """

    scene: Scene
    other: Scene
    caption: Caption
    foil: Caption
    note: Notes
    foil_note: Notes


def make_item(
    name: str, seed: int, index: int, total: int, *, split: str = "test", held_out: bool = True
) -> Item:
    """Item `index` of `total` of a suite; the same arguments always give the same item.

    Args:
        name: a key of `MAKERS`.
        seed: of the world.
        index: from 0.
        total: items of the suite.
        split: items of different splits share nothing.
        held_out: of combinations kept for testing, or of the others.
    """
    lots = Lots(world.stream(seed, split, name, index), held_out, index, total)
    twins = None
    while twins is None or not sound(twins, held_out=held_out, one_sided=name in ONE_SIDED):
        twins = MAKERS[name](lots)
    shown = _coin(name, lots)
    scenes, captions, notes = (
        pair[::-1] if shown else pair for pair in (twins.scenes, twins.captions, twins.notes)
    )
    return Item(*scenes, *captions, *notes)


def _coin(name: str, lots: Lots) -> int:
    """Which twin is shown."""
    if name in ONE_SIDED:
        return 0
    # ARO averages over ordered pairs of colors with 25 items or more, so these come in turn.
    return lots.index % 2 if name == ALTERNATING else lots.rng.randrange(2)
