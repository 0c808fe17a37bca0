"""Pictures a second of the painter `inpaint` and the judge `clip`, in batches and one by one.

    python tests/benchmarks/images_inpaint.py [--device cuda --full --side 512] [--batch-size 8]

The pipeline is a Stable Diffusion for inpainting with random weights: small, or with `--full` of
the size of stable-diffusion-2-inpainting, which needs a GPU. The pictures are compared before the
ratios are printed: they may differ by 2 levels.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent.parent / "imaging"))
from photos import RED, draw_photo, job_of, replaced
from tiny_models import clip_tokenizer, save_pipeline

from ahnpl_cli.imaging.base import Canvas, Settings
from ahnpl_cli.imaging.judges import Painted
from ahnpl_cli.imaging.judges.clip import ClipMargin
from ahnpl_cli.imaging.painters.inpaint import Inpaint
from ahnpl_cli.records import CaptionRecord

BOX = (20, 30, 90, 80)
LEVELS = 2  # by which a picture of a batch may differ from one painted alone


def save_full(folder: Path) -> None:
    """Save a pipeline of the size of stable-diffusion-2-inpainting."""
    import diffusers
    import transformers

    tokenizer = clip_tokenizer()
    size = len(tokenizer)
    text = transformers.CLIPTextConfig(
        vocab_size=size,
        hidden_size=1024,
        intermediate_size=4096,
        num_hidden_layers=23,
        num_attention_heads=16,
        hidden_act="gelu",
        bos_token_id=size - 2,
        eos_token_id=size - 1,
        pad_token_id=size - 1,
    )
    pipeline = diffusers.StableDiffusionInpaintPipeline(
        vae=diffusers.AutoencoderKL(
            block_out_channels=(128, 256, 512, 512),
            down_block_types=("DownEncoderBlock2D",) * 4,
            up_block_types=("UpDecoderBlock2D",) * 4,
            layers_per_block=2,
            latent_channels=4,
        ),
        text_encoder=transformers.CLIPTextModel(text),
        tokenizer=tokenizer,
        unet=diffusers.UNet2DConditionModel(
            sample_size=64,
            in_channels=9,
            cross_attention_dim=1024,
            attention_head_dim=(5, 10, 20, 20),
            use_linear_projection=True,
        ),
        scheduler=diffusers.DDIMScheduler(steps_offset=1, clip_sample=False),
        safety_checker=None,
        feature_extractor=None,
        requires_safety_checker=False,
    )
    pipeline.save_pretrained(folder)


def canvases(count: int) -> list[Canvas]:
    """Return photos with a thing to repaint, each with a seed of its own."""
    caption = "a red car on a street"
    record = CaptionRecord("1", "x.jpg", caption, (replaced(caption, "car", "truck", "object"),))
    image = draw_photo([(BOX, RED)])
    mask = np.zeros((image.height, image.width), bool)
    mask[BOX[1] : BOX[3], BOX[0] : BOX[2]] = True
    job = job_of(record)
    return [Canvas(replace(job, seed=seed), image, (mask,)) for seed in range(count)]


def timed(call: Any, device: str) -> tuple[float, Any]:
    """Return seconds and result."""
    start = time.perf_counter()
    result = call()
    if device.startswith("cuda"):
        torch.cuda.synchronize()
    return time.perf_counter() - start, result


def main() -> None:
    """Print pictures a second and their ratio."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--device", default="cpu")
    parser.add_argument("--full", action="store_true")
    parser.add_argument("--side", type=int, default=64)
    parser.add_argument("--steps", type=int, default=10)
    parser.add_argument("--count", type=int, default=32)
    parser.add_argument("--batch-size", type=int, default=8)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name) / "pipeline"
        if args.full:
            save_full(folder)
        else:
            save_pipeline(folder, "inpaint")
        settings = Settings(
            Path(name),
            device=args.device,
            painter_model=str(folder),
            judge_model="scenes-tiny",
            steps=args.steps,
            side=args.side,
            batch_size=args.batch_size,
        )
        painter, judge = Inpaint(settings), ClipMargin(settings)
    work = canvases(args.count)
    painter.paint(work[: args.batch_size])  # what is compiled or cached is so now
    batches = [work[i : i + args.batch_size] for i in range(0, len(work), args.batch_size)]
    together, batched = timed(lambda: [p for b in batches for p in painter.paint(b)], args.device)
    alone, single = timed(lambda: [painter.paint([c])[0] for c in work], args.device)
    pairs = zip(batched, single, strict=True)
    levels = max(np.abs(np.asarray(a, int) - np.asarray(b, int)).max() for a, b in pairs)
    painted = [Painted(c, p, c.masks[0]) for c, p in zip(work, batched, strict=True)]
    judge.judge(painted[:1])
    judged, _ = timed(lambda: judge.judge(painted), args.device)
    judged_alone, _ = timed(lambda: [judge.judge([p]) for p in painted], args.device)
    print(f"{args.count} pictures, {args.side} px, {args.steps} steps, {args.device}")
    print(f"largest difference: {levels} of 255 (allowed: {LEVELS})")
    for what, batch_seconds, single_seconds in (
        ("inpaint", together, alone),
        ("clip", judged, judged_alone),
    ):
        print(
            f"{what}: {args.count / batch_seconds:.1f} pictures a second in batches of "
            f"{args.batch_size}, {args.count / single_seconds:.1f} one by one, ratio "
            f"{single_seconds / batch_seconds:.2f}"
        )
    if levels > LEVELS:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
