"""One process's share of the work: a block of records in, pictures and records with them out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from PIL.Image import Image

from ahnpl_cli.catalog import resolve
from ahnpl_cli.data.jsonl import dump
from ahnpl_cli.engines.journal import Part, part_path, read_part, write_part
from ahnpl_cli.imaging.base import Canvas, Job, Mask, Refusal
from ahnpl_cli.imaging.blocks import Block, Counts, is_wanted
from ahnpl_cli.imaging.judges import JUDGES, Judge, Painted
from ahnpl_cli.imaging.keep import Accepted, save
from ahnpl_cli.imaging.locators import LOCATORS, Locator
from ahnpl_cli.imaging.lots import Item, Lots, Photos, with_pictures
from ahnpl_cli.imaging.painters import PAINTERS, Painter
from ahnpl_cli.imaging.pictures import Original
from ahnpl_cli.imaging.plan import Plan
from ahnpl_cli.imaging.targets import find_targets
from ahnpl_cli.records import Negative, PartInfo
from ahnpl_cli.stable_hash import RandomStream, stable_hash


@dataclass(frozen=True, slots=True)
class Models:
    """What paints, as the report tells it."""

    locator: PartInfo
    painters: tuple[PartInfo, ...]
    judges: tuple[PartInfo, ...]
    language_models: tuple[PartInfo, ...]


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
        self.lots = Lots(plan)

    @property
    def models(self) -> Models:
        """What paints."""
        return Models(
            locator=self.locator.info,
            painters=tuple(painter.info for painter in self.painters),
            judges=tuple(judge.info for judge in self.judges),
            language_models=self.lots.infos,
        )

    def work(self, block: Block) -> Part:
        """Write the part of a block of records and its pictures, unless an earlier run did."""
        start = block.groups[0].start
        end = block.groups[-1].start + len(block.groups[-1].records)
        path = part_path(self.plan.folder, start, end)
        written = read_part(path)
        if written is not None:
            return written[0]
        counts = Counts()
        # The pictures first: a part that is there names pictures that are there.
        lines = self._paint_block(block, counts)
        return write_part(path, [lines], counts.entry())

    def _paint_block(self, block: Block, counts: Counts) -> list[str]:
        """Paint what a block of records asks for; return their lines, and add up what was done."""
        photos = Photos(self.plan, counts)
        lots = self.lots.items(block, photos, counts)
        queues = [queue for items in lots if (queue := self._queue(items, photos, counts))]
        shown: dict[tuple[str, int], Negative] = {}
        # Each round fills what is still free of --per-image with the next negatives.
        while any(queue.jobs and queue.room for queue in queues):
            round_ = [(job, queue) for queue in queues for job in queue.take()]
            outcomes = self._paint([(job, queue.original) for job, queue in round_])
            restored = self._restore([o for o in outcomes if isinstance(o, Accepted)])
            for (job, queue), outcome in zip(round_, outcomes, strict=True):
                if isinstance(outcome, str):
                    counts.rejected[job.negative.kind, outcome] += 1
                    continue
                queue.room -= 1
                counts.painted[outcome.painter.info.name] += 1
                key = job.key, job.slot
                shown[key] = save(
                    outcome,
                    queue.original,
                    restored.get(key),
                    folder=self.plan.output,
                    locator=self.locator.info.name,
                )
        for queue in queues:
            for job in queue.jobs:
                counts.rejected[job.negative.kind, "enough pictures"] += 1
        counts.records = sum(len(group.records) for group in block.groups)
        return [dump(with_pictures(item, shown)) for items in lots for item in items]

    def _queue(self, items: Sequence[Item], photos: Photos, counts: Counts) -> _Queue | None:
        """Open the image of some records, and line up their negatives in random order."""
        jobs: list[Job] = []
        for item in items:
            for slot, negative in enumerate(item.record.negatives):
                if is_wanted(negative, self.plan.kinds):
                    jobs.append(self._job(item, slot, negative))
        counts.negatives += len(jobs)
        if not jobs:
            return None
        image = items[0].record.image
        original = photos.read(image)
        if original is None:
            for job in jobs:
                counts.rejected[job.negative.kind, "unreadable image"] += 1
            return None
        limit = self.plan.per_image
        if limit is not None:
            jobs = list(RandomStream(self.plan.seed, image, "order").order(jobs))
        return _Queue(original, jobs, len(jobs) if limit is None else limit)

    def _job(self, item: Item, slot: int, negative: Negative) -> Job:
        record = item.record
        targets = find_targets(record.caption, negative)
        seed = stable_hash(self.plan.seed, record.id, negative.kind, negative.caption) >> 32
        description = item.descriptions.get(slot, "")
        return Job(item.key, item.number, slot, record, negative, targets, seed, description)

    def _paint(self, jobs: Sequence[tuple[Job, Original]]) -> list[Accepted | str]:
        """Return a picture or a reason per job; each painter is given what those before left."""
        outcomes: list[Accepted | str] = ["no painter"] * len(jobs)
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

    def _try(self, painter: Painter, jobs: Sequence[tuple[Job, Original]]) -> list[Accepted | str]:
        """Let one painter do what it can."""
        outcomes: list[Accepted | str] = []
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
        located = self.locator.locate([(job, original.image) for job, original in jobs])
        for (job, original), masks in zip(jobs, located, strict=True):
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

    def _judge(self, painted: Sequence[Painted], painter: Painter) -> list[Accepted | str]:
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
            reason or Accepted(each, painter, measured)
            for each, reason, measured in zip(painted, reasons, scores, strict=True)
        ]

    def _restore(self, accepted: Sequence[Accepted]) -> dict[tuple[str, int], Image]:
        """Paint the true things into the same places, for `--repaint-original`."""
        restored: dict[tuple[str, int], Image] = {}
        for painter in self.painters if self.plan.repaint else ():
            if painter.exact:
                continue
            canvases = [each.painted.canvas for each in accepted if each.painter is painter]
            originals = [replace(canvas, restore=True) for canvas in canvases]
            pictures = self._in_batches(painter, originals)
            for canvas, picture in zip(canvases, pictures, strict=True):
                if not isinstance(picture, Refusal):
                    restored[canvas.job.key, canvas.job.slot] = picture
        return restored


def _region(canvas: Canvas, picture: Image) -> Mask:
    """The pixels that were to be painted: under the masks, or all that changed."""
    if canvas.masks:
        covered: Mask = np.logical_or.reduce(canvas.masks)
        return covered
    changed: Mask = (np.asarray(canvas.image) != np.asarray(picture)).any(2)
    return changed if changed.any() else ~changed


_here: Studio | None = None


def start(plan: Plan) -> None:
    """Make this process a studio; called again with the same plan, it stays the one it is."""
    global _here
    if _here is None or _here.plan != plan:
        _here = Studio(plan)


def _current() -> Studio:
    assert _here is not None
    return _here


def stop() -> None:
    """Let go of the models of this process."""
    global _here
    _here = None


def work(block: Block) -> Part:
    """`Studio.work` in this process."""
    return _current().work(block)


def models(_: None) -> Models:
    """`Studio.models` of this process."""
    return _current().models
