"""The test suites by name, and how an item of one is made.

Both scenes of a pair are of combinations kept for testing. The two `add` suites are one-sided as
SugarCrepe's are: the foil says more than the caption, and what the caption says holds of both.
"""

from __future__ import annotations

from dataclasses import dataclass

from ahnpl_cli.scenes import suites_aro, suites_sugarcrepe, suites_valse, world
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.pairs import ItemSampler, Notes, PairMaker, is_valid_pair
from ahnpl_cli.scenes.world import Scene

MAKERS: dict[str, PairMaker] = {
    **suites_sugarcrepe.MAKERS,
    **suites_valse.MAKERS,
    **suites_aro.MAKERS,
}
ONE_SIDED = frozenset({"add_obj", "add_att"})
ALTERNATING = "vg_attribution"


@dataclass(frozen=True, slots=True)
class SceneItem:
    """One scene of a pair with its caption; the other scene's caption is the foil.

    Attributes:
        scene: the one shown.
        other: the one that the foil is true of.
        caption: what holds of `scene`.
        foil: what does not.
        note: what the official record also says of the caption.
        foil_note: the same, had the other scene been shown.
    """

    scene: Scene
    other: Scene
    caption: Caption
    foil: Caption
    note: Notes
    foil_note: Notes


def make_item(
    name: str, seed: int, index: int, total: int, *, split: str = "test", held_out: bool = True
) -> SceneItem:
    """SceneItem `index` of `total` of a suite; the same arguments always give the same item.

    Args:
        name: a key of `MAKERS`.
        seed: of the world.
        index: from 0.
        total: items of the suite.
        split: items of different splits share nothing.
        held_out: of combinations kept for testing, or of the others.
    """
    sampler = ItemSampler(world.stream(seed, split, name, index), held_out, index, total)
    pair = None
    while pair is None or not is_valid_pair(pair, held_out=held_out, one_sided=name in ONE_SIDED):
        pair = MAKERS[name](sampler)
    second = _coin(name, sampler)
    scenes, captions, notes = (
        both[::-1] if second else both for both in (pair.scenes, pair.captions, pair.notes)
    )
    return SceneItem(*scenes, *captions, *notes)


def _coin(name: str, sampler: ItemSampler) -> int:
    """Which scene of the pair is shown."""
    if name in ONE_SIDED:
        return 0
    # ARO averages over ordered pairs of colors with 25 items or more, so these come in turn.
    return sampler.index % 2 if name == ALTERNATING else sampler.rng.randrange(2)
