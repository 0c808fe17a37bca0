"""Judge `clip`: the new picture must prefer the new caption to the old one, for any CLIP.

Name another model than the one that is trained, or it chooses its own lessons.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import torch

from ahnpl_cli.backbones.load import load_backbone
from ahnpl_cli.data.inputs import move, stack
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.imaging.base import Settings
from ahnpl_cli.imaging.judges import Judgment, Painted
from ahnpl_cli.records import PartInfo


class ClipMargin:
    """Compares S(I_new, T_new) with S(I_new, T_old)."""

    def __init__(self, settings: Settings) -> None:
        if settings.judge_model is None:
            hint = "Name one with --judge-model, such as scenes-tiny or the folder of a CLIP."
            raise ConfigError("the judge clip needs a model", hint=hint)
        name = settings.judge_model
        # A folder is a checkpoint; everything else is a name of a model.
        checkpoint, model = (name, None) if Path(name).is_dir() else (None, name)
        self.backbone = load_backbone(model=model, checkpoint=checkpoint, device=settings.device)
        self.margin, self.batch_size = settings.margin, settings.batch_size
        info = self.backbone.info
        self.info = PartInfo("clip", info.name, info.weights_sha256[:12])

    def judge(self, painted: Sequence[Painted]) -> list[Judgment]:
        """Return the margin of the new caption over the old one, and the picture's similarity."""
        judgments: list[Judgment] = []
        for start in range(0, len(painted), self.batch_size):
            judgments += self._judge(painted[start : start + self.batch_size])
        return judgments

    def _judge(self, painted: Sequence[Painted]) -> list[Judgment]:
        backbone = self.backbone
        images = stack([backbone.preprocess(each.picture) for each in painted])
        jobs = [each.canvas.job for each in painted]
        captions = [job.negative.caption for job in jobs] + [job.record.caption for job in jobs]
        with torch.inference_mode():
            image_features = backbone.encode_image(move(images, backbone.device))
            text_features = backbone.encode_text(backbone.tokenize(captions).to(backbone.device))
            new, old = text_features.chunk(2)
            fits = (image_features * new).sum(1).tolist()
            margins = (image_features * (new - old)).sum(1).tolist()
        return [
            Judgment(
                {"clip": round(fit, 4), "clip margin": round(margin, 4)},
                None if margin > self.margin else "old caption fits",
            )
            for fit, margin in zip(fits, margins, strict=True)
        ]
