"""One process's share of the work: a block of records in, pictures and records with them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from PIL.Image import Image

from ahnpl_cli.catalog import resolve
from ahnpl_cli.data.jsonl import dump
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import write_atomic
from ahnpl_cli.imaging.base import Box, Canvas, Job, Mask, Refusal, Settings, box_of
from ahnpl_cli.imaging.blocks import Block, Group, is_wanted
from ahnpl_cli.imaging.choose import Parts
from ahnpl_cli.imaging.extras import has
from ahnpl_cli.imaging.journal import Counts
from ahnpl_cli.imaging.judges import JUDGES, Judge, Painted
from ahnpl_cli.imaging.locators import LOCATORS, Locator
from ahnpl_cli.imaging.painters import PAINTERS, Painter
from ahnpl_cli.imaging.pictures import Original, encode, read_original
from ahnpl_cli.imaging.targets import find_targets
from ahnpl_cli.records import CaptionRecord, Negative, Painting, PartInfo
from ahnpl_cli.stable_hash import RandomStream, stable_hash

PICTURES = "pictures"  # folder below the output's
PER_FOLDER = 250  # records whose pictures share a folder
WHOLE = 0.85  # share of the picture from which an outline says nothing
FEW_POINTS = 0.004  # of a contour's length: how far an outline may be off


@dataclass(frozen=True, slots=True)
class Plan:
    """What a process needs to know; sent once.

    Attributes:
        parts: what finds, paints and judges.
        settings: what those are built with.
        output: folder of the pictures and records.
        kinds: of negatives to show; empty for all.
        per_image: pictures of an image at most.
        repaint: whether the true thing is painted as well.
        seed: of all draws.
        skip_broken: whether a broken image is left out.
    """

    parts: Parts
    settings: Settings
    output: Path
    kinds: tuple[str, ...]
    per_image: int | None
    repaint: bool
    seed: int
    skip_broken: bool


@dataclass(frozen=True, slots=True)
class Finished:
    """The records of a block with their pictures, and what was counted on the way."""

    lines: list[str]
    counts: Counts


@dataclass(frozen=True, slots=True)
class _Accepted:
    """A picture that is kept."""

    painted: Painted
    painter: Painter
    scores: dict[str, float]


@dataclass(slots=True)
class _Queue:
    """The negatives of an image that wait for a picture."""

    original: Original
    jobs: list[Job]
    room: int

    def take(self) -> list[Job]:
        """Remove and return as many as there is room for."""
        taken, self.jobs = self.jobs[: self.room], self.jobs[self.room :]
        return taken


class Studio:
    """Loads the models once, then paints."""

    def __init__(self, plan: Plan) -> None:
        parts, settings = plan.parts, plan.settings
        self.plan = plan
        self.locator: Locator = resolve(parts.locator, LOCATORS, "locator")(settings)
        self.painters: list[Painter] = [
            resolve(name, PAINTERS, "painter")(settings) for name in parts.painters
        ]
        self.judges: list[Judge] = [
            resolve(name, JUDGES, "judge")(settings) for name in parts.judges
        ]

    def infos(self) -> tuple[PartInfo, tuple[PartInfo, ...], tuple[PartInfo, ...]]:
        """Return what locator, painters and judges are."""
        painters = tuple(painter.info for painter in self.painters)
        return self.locator.info, painters, tuple(judge.info for judge in self.judges)

    def work(self, block: Block) -> Finished:
        """Paint what a block of records asks for."""
        counts = Counts()
        shown: dict[tuple[int, int], Negative] = {}
        queues = [queue for group in block.groups if (queue := self._queue(group, counts))]
        # Each round fills what is still free of --per-image with the next negatives.
        while any(queue.jobs and queue.room for queue in queues):
            round_ = [(job, queue) for queue in queues for job in queue.take()]
            outcomes = self._paint([(job, queue.original) for job, queue in round_])
            restored = self._restore([o for o in outcomes if isinstance(o, _Accepted)])
            for (job, queue), outcome in zip(round_, outcomes, strict=True):
                if isinstance(outcome, str):
                    counts.rejected[job.negative.kind, outcome] += 1
                    continue
                queue.room -= 1
                counts.painted[outcome.painter.info.name] += 1
                key = job.number, job.slot
                shown[key] = self._save(outcome, queue.original, restored.get(key))
        for queue in queues:
            for job in queue.jobs:
                counts.rejected[job.negative.kind, "enough pictures"] += 1
        lines = [
            dump(_with_pictures(record, number, shown))
            for group in block.groups
            for number, record in enumerate(group.records, group.start)
        ]
        counts.records = len(lines)
        return Finished(lines, counts)

    def _queue(self, group: Group, counts: Counts) -> _Queue | None:
        """Open the image of a group, and line up its negatives by lot."""
        jobs: list[Job] = []
        for number, record in enumerate(group.records, group.start):
            for slot, negative in enumerate(record.negatives):
                if is_wanted(negative, self.plan.kinds):
                    jobs.append(self._job(number, slot, record, negative))
        counts.negatives += len(jobs)
        if not jobs:
            return None
        image = group.records[0].image
        try:
            original = read_original(self.plan.settings.image_root / image)
        except DataError as error:
            if not self.plan.skip_broken:
                raise
            counts.skipped.append(str(error))
            for job in jobs:
                counts.rejected[job.negative.kind, "unreadable image"] += 1
            return None
        limit = self.plan.per_image
        if limit is not None:
            jobs = list(RandomStream(self.plan.seed, image, "order").order(jobs))
        return _Queue(original, jobs, len(jobs) if limit is None else limit)

    def _job(self, number: int, slot: int, record: CaptionRecord, negative: Negative) -> Job:
        targets = find_targets(record.caption, negative)
        seed = stable_hash(self.plan.seed, record.id, negative.kind, negative.caption) >> 32
        return Job(number, slot, record, negative, targets, seed)

    def _paint(self, jobs: Sequence[tuple[Job, Original]]) -> list[_Accepted | str]:
        """Return a picture or a reason per job; each painter is given what those before left."""
        outcomes: list[_Accepted | str] = ["no painter"] * len(jobs)
        waiting = list(range(len(jobs)))
        for index, (job, _) in enumerate(jobs):
            if not job.negative.edits:
                outcomes[index] = "no edits"
                waiting.remove(index)
        for painter in self.painters:
            tried = self._try(painter, [jobs[index] for index in waiting])
            for index, outcome in zip(waiting, tried, strict=True):
                # Not to be able to is the least telling of reasons.
                if outcome != "no painter":
                    outcomes[index] = outcome
            waiting = [index for index in waiting if isinstance(outcomes[index], str)]
        return outcomes

    def _try(self, painter: Painter, jobs: Sequence[tuple[Job, Original]]) -> list[_Accepted | str]:
        """Let one painter do what it can."""
        outcomes: list[_Accepted | str] = []
        for job, _ in jobs:
            outcomes.append(painter.refuses(job, self.locator.names(job.record.image)) or "")
        willing = [index for index, outcome in enumerate(outcomes) if outcome == ""]
        canvases: list[Canvas] = []
        accepted: list[int] = []
        for index, canvas in zip(
            willing, self._canvases(painter, [jobs[i] for i in willing]), strict=True
        ):
            if isinstance(canvas, Refusal):
                outcomes[index] = canvas.reason
            else:
                canvases.append(canvas)
                accepted.append(index)
        pictures = self._in_batches(painter, canvases)
        kept: list[Painted] = []
        judged: list[int] = []
        for index, canvas, picture in zip(accepted, canvases, pictures, strict=True):
            if isinstance(picture, Refusal):
                outcomes[index] = picture.reason
            else:
                kept.append(Painted(canvas, picture, _region(canvas, picture)))
                judged.append(index)
        for index, verdict in zip(judged, self._judge(kept, painter), strict=True):
            outcomes[index] = verdict
        return outcomes

    def _canvases(
        self, painter: Painter, jobs: Sequence[tuple[Job, Original]]
    ) -> list[Canvas | Refusal]:
        if not painter.needs_masks:
            return [Canvas(job, original.image) for job, original in jobs]
        ready: list[Canvas | Refusal] = []
        found = self.locator.locate([(job, original.image) for job, original in jobs])
        for (job, original), masks in zip(jobs, found, strict=True):
            if isinstance(masks, Refusal):
                ready.append(masks)
            else:
                ready.append(Canvas(job, original.image, masks) if masks else Refusal("no noun"))
        return ready

    def _in_batches(self, painter: Painter, canvases: Sequence[Canvas]) -> list[Image | Refusal]:
        size = self.plan.settings.batch_size
        pictures: list[Image | Refusal] = []
        for start in range(0, len(canvases), size):
            pictures += painter.paint(canvases[start : start + size])
        return pictures

    def _judge(self, painted: Sequence[Painted], painter: Painter) -> list[_Accepted | str]:
        """Return what all judges accept; the first to refuse gives the reason."""
        scores: list[dict[str, float]] = [{} for _ in painted]
        reasons: list[str | None] = [None] * len(painted)
        for judge in self.judges:
            open_ = [index for index, reason in enumerate(reasons) if reason is None]
            for index, judgment in zip(
                open_, judge.judge([painted[i] for i in open_]), strict=True
            ):
                scores[index].update(judgment.scores)
                reasons[index] = judgment.reason
        return [
            reason or _Accepted(each, painter, measured)
            for each, reason, measured in zip(painted, reasons, scores, strict=True)
        ]

    def _restore(self, accepted: Sequence[_Accepted]) -> dict[tuple[int, int], Image]:
        """Paint the true things into the same places, for `--repaint-original`."""
        restored: dict[tuple[int, int], Image] = {}
        for painter in self.painters if self.plan.repaint else ():
            if painter.exact:
                continue
            canvases = [each.painted.canvas for each in accepted if each.painter is painter]
            originals = [replace(canvas, restore=True) for canvas in canvases]
            pictures = self._in_batches(painter, originals)
            for canvas, picture in zip(canvases, pictures, strict=True):
                if not isinstance(picture, Refusal):
                    restored[canvas.job.number, canvas.job.slot] = picture
        return restored

    def _save(self, accepted: _Accepted, original: Original, restored: Image | None) -> Negative:
        """Write a picture and, if there is one, the original repainted."""
        painter, canvas = accepted.painter, accepted.painted.canvas
        job, info = canvas.job, painter.info
        folder = f"{PICTURES}/{job.number // PER_FOLDER:05d}"
        name = f"{folder}/{job.number:08d}-{job.slot}"
        prompt = painter.prompt(canvas)
        box, outline = _outline(accepted.painted.region, bool(canvas.masks))
        painting = Painting(
            engine=info.name,
            locator=self.locator.info.name if painter.needs_masks else "none",
            model=info.model,
            revision=info.revision,
            seed=job.seed if info.model else None,
            prompt=prompt,
            box=box,
            outline=outline,
            scores=accepted.scores,
        )
        provenance: dict[str, object] = {
            "painter": info.name,
            "model": info.model,
            "revision": info.revision,
            "seed": painting.seed,
            "original": job.record.image,
            "caption": job.negative.caption,
        }
        path = f"{name}{original.suffix}"
        self._write(path, accepted.painted.picture, original, provenance)
        if restored is not None:
            path_restored = f"{name}-original{original.suffix}"
            true = {**provenance, "caption": job.record.caption}
            self._write(path_restored, restored, original, true)
            painting = replace(painting, repainted=path_restored)
        return replace(job.negative, image=path, painter=painting)

    def _write(
        self, path: str, picture: Image, original: Original, provenance: dict[str, object]
    ) -> None:
        write_atomic(self.plan.output / path, encode(picture, original, provenance))


def _with_pictures(
    record: CaptionRecord, number: int, shown: dict[tuple[int, int], Negative]
) -> CaptionRecord:
    negatives = tuple(
        shown.get((number, slot), negative) for slot, negative in enumerate(record.negatives)
    )
    return replace(record, negatives=negatives)


def _region(canvas: Canvas, picture: Image) -> Mask:
    """The pixels that were to be painted: under the masks, or all that changed."""
    if canvas.masks:
        covered: Mask = np.logical_or.reduce(canvas.masks)
        return covered
    changed: Mask = (np.asarray(canvas.image) != np.asarray(picture)).any(2)
    return changed if changed.any() else ~changed


def _outline(region: Mask, masked: bool) -> tuple[Box | None, tuple[tuple[int, ...], ...]]:
    """The box around what was painted and, of a mask, its outline in few points."""
    if region.mean() > WHOLE:
        return None, ()
    if not masked or not has("cv2"):
        return box_of(region), ()
    import cv2

    contours, _ = cv2.findContours(
        region.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE
    )
    polygons: list[tuple[int, ...]] = []
    for contour in contours:
        tolerance = max(1.0, FEW_POINTS * cv2.arcLength(contour, True))
        points = cv2.approxPolyDP(contour, tolerance, True).reshape(-1)
        if len(points) >= 6:
            polygons.append(tuple(map(int, points)))
    return box_of(region), tuple(polygons)


_here: Studio | None = None


def start(plan: Plan) -> None:
    """Make this process a studio; called once in each."""
    global _here
    _here = Studio(plan)


def work(block: Block) -> Finished:
    """`Studio.work` in this process."""
    assert _here is not None
    return _here.work(block)
