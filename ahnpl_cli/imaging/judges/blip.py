"""Judge `blip`: BLIP's image-text matching head finds the new caption in the new picture (GNM).

GNM 3.1.5 takes the head's confidence; its repository keeps what is above 0 in log-odds of a match.
The new caption must also fit better than the old one, by `--margin`.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ahnpl_cli.backbones.load import head_of
from ahnpl_cli.backbones.matching import load_matcher, match
from ahnpl_cli.errors import ConfigError
from ahnpl_cli.imaging.base import Settings
from ahnpl_cli.imaging.judges import Judgment, Painted
from ahnpl_cli.imaging.weights import license_of
from ahnpl_cli.records import PartInfo


class BlipMatching:
    """Compares log-odds of a match."""

    def __init__(self, settings: Settings) -> None:
        if settings.blip_model is None:
            hint = "Name one with --blip-model, such as Salesforce/blip-itm-base-coco."
            raise ConfigError("the judge blip needs a model", hint=hint)
        name = settings.blip_model
        if head_of(name) is None:
            name = f"itm:{name}"
        self.matcher = load_matcher(name, device=settings.device)
        self.margin, self.batch_size = settings.margin, settings.batch_size
        info = self.matcher.info
        license_ = license_of(Path(info["source"]))
        self.info = PartInfo("blip", info["source"], info["weights_sha256"][:12], license_)

    def judge(self, painted: Sequence[Painted]) -> list[Judgment]:
        """Return the log-odds of the new caption, and by how much they exceed the old one's."""
        jobs = [each.canvas.job for each in painted]
        captions = [job.negative.caption for job in jobs] + [job.record.caption for job in jobs]
        pictures = [each.picture for each in painted]
        scores = match(self.matcher, pictures * 2, captions, batch_size=self.batch_size)
        new, old = scores[: len(painted)].tolist(), scores[len(painted) :].tolist()
        return [self._judge(fit, fit - other) for fit, other in zip(new, old, strict=True)]

    def _judge(self, fit: float, margin: float) -> Judgment:
        scores = {"blip": round(fit, 4), "blip margin": round(margin, 4)}
        if fit <= 0:
            return Judgment(scores, "does not fit")
        return Judgment(scores, None if margin > self.margin else "old caption fits")
