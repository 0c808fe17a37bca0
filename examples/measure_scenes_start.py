"""What the small CLIPs that ship with ahnpl are measured by; see `train_scenes_start.py`.

Accuracies on a tuning split of held-out scenes, of sketches, and the geometry of the features.
"""

from __future__ import annotations

import numpy as np
import open_clip
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional

from ahnpl_cli.scenes import render, sketches
from ahnpl_cli.scenes.suites import PAIR_MAKERS, make_item
from ahnpl_cli.stable_hash import stable_rng

TUNING = {"seed": 77, "split": "tune"}


@torch.inference_mode()
def accuracies(model: open_clip.CLIP, config: dict, items: int) -> dict[str, float]:
    """Percent of held-out tuning items whose caption is nearer than the foil, by suite."""
    by_suite = {}
    for name in PAIR_MAKERS:
        image, caption, foil = features(model, config, name, items, TUNING)
        right = (image * caption).sum(1) > (image * foil).sum(1)
        by_suite[name] = round(100 * right.float().mean().item(), 1)
    return by_suite


@torch.inference_mode()
def sketch_accuracies(model: open_clip.CLIP, config: dict, items: int) -> dict[str, float]:
    """Percent of sketches whose shape, or whose ink, is the nearest prompt's."""
    rng = stable_rng(TUNING["seed"], TUNING["split"], "sketches")
    pages = [sketches.sample_page(rng) for _ in range(items)]
    image = encode_images(model, config, [page.paint() for page in pages])
    shapes = [page.sketches[0].shape for page in pages]
    inks = [page.sketches[0].ink for page in pages]
    by_class = {}
    for name, classes, prompts, labels in (
        ("shapes", sketches.SKETCHED_SHAPES, sketches.SHAPE_PROMPTS, shapes),
        ("inks", tuple(sketches.INKS), sketches.INK_PROMPTS, inks),
    ):
        weights = []
        for prompt in prompts:
            texts = [prompt.format(word) for word in classes]
            weights.append(encode_words(model, config, texts))
        nearest = (image @ torch.stack(weights).mean(0).T).argmax(1)
        target = torch.tensor([classes.index(label) for label in labels])
        by_class[name] = round(100 * (nearest == target).float().mean().item(), 1)
    return by_class


@torch.inference_mode()
def geometry(model: open_clip.CLIP, config: dict, items: int) -> dict[str, float]:
    """Cosines on pairs seen in training: positives, others, and caption against foil."""
    where = {"seed": TUNING["seed"], "split": "train", "held_out": False}
    image, caption, foil = features(model, config, "swap_obj", items, where)
    cosines = image @ caption.T
    positive = cosines.diagonal()
    others = cosines[~torch.eye(items, dtype=torch.bool)]
    return {
        "scale": round(model.logit_scale.exp().item(), 1),
        "positive_mean": round(positive.mean().item(), 3),
        "positive_std": round(positive.std().item(), 3),
        "positive_quartile": round(positive.quantile(0.25).item(), 3),
        "others_mean": round(others.mean().item(), 3),
        "others_std": round(others.std().item(), 3),
        "caption_to_foil": round((caption * foil).sum(1).mean().item(), 3),
    }


def features(
    model: open_clip.CLIP, config: dict, name: str, items: int, where: dict
) -> tuple[Tensor, Tensor, Tensor]:
    """Features (N, D) of images, captions and foils of a suite."""
    sampled = [make_item(name, index=i, total=items, **where) for i in range(items)]
    image = encode_images(model, config, [render.paint(item.scene) for item in sampled])
    caption = encode_words(model, config, [item.caption.text for item in sampled])
    foil = encode_words(model, config, [item.foil.text for item in sampled])
    return image, caption, foil


def encode_images(model: open_clip.CLIP, config: dict, images: list[Image.Image]) -> Tensor:
    """Normalized features (N, D) of images of 64 x 64 pixels."""
    model.eval()
    pixels = torch.from_numpy(np.stack([np.asarray(image) for image in images]))
    return model.encode_image(prepare(pixels, config["preprocess_cfg"]), True)


def encode_words(model: open_clip.CLIP, config: dict, texts: list[str]) -> Tensor:
    """Normalized features (N, D) of texts."""
    length = config["model_cfg"]["text_cfg"]["context_length"]
    return encode_text(model, open_clip.SimpleTokenizer(context_length=length)(texts))


def prepare(images: Tensor, preprocess: dict[str, list[float]]) -> Tensor:
    """Bytes (N, 64, 64, 3) -> what open_clip's transform gives for images of this size."""
    mean, std = (torch.tensor(preprocess[key]).view(1, 3, 1, 1) for key in ("mean", "std"))
    return (images.permute(0, 3, 1, 2).float() / 255 - mean) / std


def encode_text(model: open_clip.CLIP, tokens: Tensor) -> Tensor:
    """Text features at the batch's own length: exact under CLIP's causal mask, and faster."""
    length = tokens.shape[1]
    x = model.token_embedding(tokens) + model.positional_embedding[:length]
    x = model.transformer(x, attn_mask=model.attn_mask[:length, :length])
    last = model.ln_final(x)[torch.arange(len(tokens)), tokens.argmax(dim=1)]
    return functional.normalize(last @ model.text_projection, dim=-1)
