"""ImageNet's class names and prompts, as CLIP's authors wrote them and open_clip carries them."""

from __future__ import annotations

CLASSES = 1000


def imagenet_prompts() -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the 1,000 class names, in the order of their WordNet ids, and the 80 templates.

    Two names stand twice (`missile`, `sunglasses`), so that no model can tell those classes apart.
    """
    from open_clip import IMAGENET_CLASSNAMES, OPENAI_IMAGENET_TEMPLATES

    templates = [template("{}") for template in OPENAI_IMAGENET_TEMPLATES]
    return tuple(IMAGENET_CLASSNAMES), tuple(templates)
