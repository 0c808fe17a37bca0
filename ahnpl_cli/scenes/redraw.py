"""Redraws a scene so that a negative of its caption becomes true, and changes nothing else.

A negative is read by trial: every small change of the caption's meaning is said in the caption's
own style until one says the negative. The scene is found in the same way: the first small change
under which the negative strictly holds and the caption does not hold even loosely.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from ahnpl_cli.scenes import captions
from ahnpl_cli.scenes.captions import Caption
from ahnpl_cli.scenes.grammar import say
from ahnpl_cli.scenes.meanings import PHRASES, PLACES, Description, Existence, Meaning
from ahnpl_cli.scenes.world import (
    CELLS,
    COLORS,
    GROUP_CELLS,
    SHAPES,
    SIDE,
    SIZES,
    Appearance,
    Scene,
)
from ahnpl_cli.stable_hash import RandomStream, stable_rng

_VALUES = {"shape": SHAPES, "color": COLORS, "size": SIZES}
_EXCHANGES = (("shape",), ("color",), ("size",), ("shape", "color", "size"))
MOST = 9  # things of a group


def training_scene(seed: int, index: int, count: int) -> tuple[Scene, list[Caption]]:
    """Return a training scene of a world and its captions, as `generate` drew them.

    Args:
        seed: of the world.
        index: of the image.
        count: captions per image.
    """
    rng = stable_rng(seed, "train", "scene", index, digest="sha256")
    scene = captions.sample_scene(rng)
    return scene, captions.sample_captions(rng, scene, count)


def redraw(scene: Scene, caption: Caption, negative: str) -> Scene | None:
    """Return a scene that the negative is true of and the caption is not; None if there is none."""
    meaning = _read(caption, negative)
    if meaning is None:
        return None
    candidates = _changed_scenes(scene)
    if isinstance(meaning, Existence):
        # What comes in must not take the place of what is there.
        candidates = itertools.chain(_extended(scene), candidates)
    for changed in candidates:
        if meaning.holds(changed) and not caption.meaning.holds(changed, loosely=True):
            return changed
    return None


def _read(caption: Caption, text: str) -> Meaning | None:
    """The meaning that a changed caption says."""
    # Where "no" became "a", the "but" before it has stayed.
    text = text.replace(" but a ", " and a ")
    for meaning in _changed_meanings(caption.meaning):
        try:
            said = say(meaning, caption.style)
        except (IndexError, KeyError):  # a number or place that the grammar has no word for
            continue
        if said == text:
            return meaning
    return None


def _changed_meanings(meaning: Meaning) -> Iterator[Meaning]:
    yield from _variants(meaning)
    descriptions = list(_descriptions(meaning))
    for i, j in itertools.combinations(range(len(descriptions)), 2):
        for parts in _EXCHANGES:
            first, second = descriptions[i], descriptions[j]
            exchanged = list(descriptions)
            exchanged[i] = replace(first, **{part: getattr(second, part) for part in parts})
            exchanged[j] = replace(second, **{part: getattr(first, part) for part in parts})
            yield _with_descriptions(meaning, iter(exchanged))


def _variants(value: Any) -> Iterator[Any]:
    """A meaning, or a part of one, with one word changed."""
    if isinstance(value, Description):
        for part, words in _VALUES.items():
            said = getattr(value, part)
            if said is not None:
                yield from (replace(value, **{part: word}) for word in words if word != said)
    elif isinstance(value, bool):
        yield not value
    elif isinstance(value, int):
        yield from (number for number in range(1, MOST + 1) if number != value)
    elif isinstance(value, str):
        alike = PHRASES if value in PHRASES else PLACES
        yield from (phrase for phrase in alike if phrase != value)
    elif isinstance(value, tuple):
        for index, part in enumerate(value):
            for changed in _variants(part):
                yield (*value[:index], changed, *value[index + 1 :])
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            for changed in _variants(getattr(value, field.name)):
                yield replace(value, **{field.name: changed})


def _descriptions(value: Any) -> Iterator[Description]:
    if isinstance(value, Description):
        yield value
    elif isinstance(value, tuple):
        for part in value:
            yield from _descriptions(part)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _descriptions(getattr(value, field.name))


def _with_descriptions(value: Any, descriptions: Iterator[Description]) -> Any:
    """The same meaning of other things, taken in the order of `_descriptions`."""
    if isinstance(value, Description):
        return next(descriptions)
    if isinstance(value, tuple):
        return tuple(_with_descriptions(part, descriptions) for part in value)
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {
            field.name: _with_descriptions(getattr(value, field.name), descriptions)
            for field in dataclasses.fields(value)
        }
        return replace(value, **fields)
    return value


def _changed_scenes(scene: Scene) -> Iterator[Scene]:
    """Scenes one change away, small changes first."""
    yield from _recast(scene)
    for first, second in itertools.combinations(dict.fromkeys(scene.appearances), 2):
        for parts in _EXCHANGES:
            yield _exchanged(scene, first, second, parts)
    yield from _moved(scene)
    if scene.layout == "group":
        yield from _recounted(scene)


def _recast(scene: Scene) -> Iterator[Scene]:
    """All things of one appearance get another shape, color or size."""
    for appearance in dict.fromkeys(scene.appearances):
        for part, words in _VALUES.items():
            for word in words:
                new = replace(appearance, **{part: word})
                if new != appearance:
                    yield replace(scene, appearances=_replaced(scene.appearances, appearance, new))


def _replaced(
    appearances: tuple[Appearance, ...], old: Appearance, new: Appearance
) -> tuple[Appearance, ...]:
    return tuple(new if appearance == old else appearance for appearance in appearances)


def _exchanged(scene: Scene, first: Appearance, second: Appearance, parts: Sequence[str]) -> Scene:
    """All things of two appearances exchange their `parts`."""
    new_first = replace(first, **{part: getattr(second, part) for part in parts})
    new_second = replace(second, **{part: getattr(first, part) for part in parts})
    becomes = {first: new_first, second: new_second}
    return replace(
        scene,
        appearances=tuple(becomes.get(appearance, appearance) for appearance in scene.appearances),
    )


def _moved(scene: Scene) -> Iterator[Scene]:
    """One thing moves to the other side, where nothing stands in its way."""
    for index, (x, y) in enumerate(scene.positions):
        for position in ((SIDE - x, y), (x, SIDE - y), (SIDE - x, SIDE - y)):
            moved = replace(
                scene, positions=(*scene.positions[:index], position, *scene.positions[index + 1 :])
            )
            if _apart(moved, index):
                yield moved


def _apart(scene: Scene, index: int) -> bool:
    moved = scene.things[index]
    return all(
        max(abs(moved.x - other.x), abs(moved.y - other.y)) > moved.radius + other.radius
        for number, other in enumerate(scene.things)
        if number != index
    )


def _extended(scene: Scene) -> Iterator[Scene]:
    """There is one more thing, with a random look, so that additions do not all look alike."""
    appearances = [Appearance(*parts) for parts in itertools.product(SHAPES, COLORS, SIZES)]
    for appearance in RandomStream(scene.texture, "one more thing").order(appearances):
        for cell in CELLS:
            added = replace(
                scene,
                appearances=(*scene.appearances, appearance),
                positions=(*scene.positions, cell),
            )
            if _apart(added, len(added.appearances) - 1):
                yield added


def _recounted(scene: Scene) -> Iterator[Scene]:
    """There are more or fewer things of one appearance."""
    for appearance in dict.fromkeys(scene.appearances):
        fewer = scene
        while fewer.appearances.count(appearance) > 1:
            last = len(fewer.appearances) - 1 - fewer.appearances[::-1].index(appearance)
            fewer = replace(
                fewer,
                appearances=fewer.appearances[:last] + fewer.appearances[last + 1 :],
                positions=fewer.positions[:last] + fewer.positions[last + 1 :],
            )
            yield fewer
        more = scene
        for cell in GROUP_CELLS:
            added = replace(
                more, appearances=(*more.appearances, appearance), positions=(*more.positions, cell)
            )
            if _apart(added, len(added.appearances) - 1):
                more = added
                yield more
