"""The test suites by name, and how an item of one is made.

Both scenes of an item are of combinations kept for testing. The two `add` suites are one-sided as
SugarCrepe's are: the foil says more than the caption, and what the caption says holds of both.
"""

from __future__ import annotations

from dataclasses import dataclass

from ahnpl_cli.scenes import suites_aro, suites_sugarcrepe, suites_valse
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.pairs import ItemSampler, Notes, PairMaker, is_valid_pair
from ahnpl_cli.scenes.world import Scene
from ahnpl_cli.stable_hash import stable_rng

PAIR_MAKERS: dict[str, PairMaker] = {
    **suites_sugarcrepe.PAIR_MAKERS,
    **suites_valse.PAIR_MAKERS,
    **suites_aro.PAIR_MAKERS,
}
ONE_SIDED = frozenset({"add_obj", "add_att"})
ALTERNATING = "vg_attribution"


@dataclass(frozen=True, slots=True)
class SceneItem:
    """One scene of a pair, with its caption; the other scene's caption is the foil.

    Attributes:
        scene: the scene shown.
        other: the scene that the foil is true of.
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
    name: str,
    seed: int,
    index: int,
    total: int,
    *,
    split: str = "test",
    held_out: bool = True,
) -> SceneItem:
    """Return item `index` of `total` of a suite; the same arguments always give the same item.

    Args:
        name: a key of `PAIR_MAKERS`.
        seed: of the world.
        index: from 0.
        total: items of the suite.
        split: items of different splits share nothing.
        held_out: whether scenes are of the combinations kept for testing, or of the others.
    """
    rng = stable_rng(seed, split, name, index, digest="sha256")
    sampler = ItemSampler(rng, held_out, index, total)
    one_sided = name in ONE_SIDED
    pair = PAIR_MAKERS[name](sampler)
    while pair is None or not is_valid_pair(pair, held_out=held_out, one_sided=one_sided):
        pair = PAIR_MAKERS[name](sampler)
    shown = _choose_shown(name, sampler)
    other = 1 - shown
    return SceneItem(
        scene=pair.scenes[shown],
        other=pair.scenes[other],
        caption=pair.captions[shown],
        foil=pair.captions[other],
        note=pair.notes[shown],
        foil_note=pair.notes[other],
    )


def _choose_shown(name: str, sampler: ItemSampler) -> int:
    """Return which scene of the pair is shown, 0 or 1."""
    if name in ONE_SIDED:
        return 0
    # ARO averages over ordered pairs of colors with 25 items or more, so these alternate.
    if name == ALTERNATING:
        return sampler.index % 2
    return sampler.rng.randrange(2)
