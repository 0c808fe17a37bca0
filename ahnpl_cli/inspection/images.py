"""Are painted pictures valid, and what do they look like: before, after, what the judges say."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from ahnpl_cli.backbones.base import Backbone
from ahnpl_cli.backbones.source import ModelSource
from ahnpl_cli.config import InspectConfig
from ahnpl_cli.data.images import ImageRef, is_below
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import read_object
from ahnpl_cli.inspection.compare import named_model, named_models
from ahnpl_cli.inspection.examples import RecordSample
from ahnpl_cli.inspection.image_probe import ProbeResult, probe
from ahnpl_cli.inspection.landing import (
    SAMPLED,
    Landing,
    landing_section,
    landing_table,
    landings,
    painted_negatives,
)
from ahnpl_cli.inspection.pages import provenance_section
from ahnpl_cli.inspection.report import FileReport, Finding, file_report
from ahnpl_cli.outputs import meta_path
from ahnpl_cli.progress import Track, silent
from ahnpl_cli.records import PICTURE_REASONS, CaptionRecord, Negative, Painting
from ahnpl_cli.reporting.edits import changed
from ahnpl_cli.reporting.page import Pair, Section, data_uri, pairs, render_page, table
from ahnpl_cli.reporting.tables import Cell, Table

EXAMPLES = 20
PROBED = 600  # records whose pictures the probe sees
PROBE_LIMIT = 60.0  # percent from which the probe's finding is a warning (ours)
OUTLINE, HALO = (255, 64, 129), (255, 255, 255)
SIDE = 480  # pixels of a picture's longer side on the page


@dataclass(frozen=True, slots=True)
class PicturePair:
    """A photo and what was painted over it.

    Attributes:
        id: of the record.
        original: the photo.
        painted: the new picture.
        caption: true of the photo.
        negative: what the new picture shows.
        outside: whether a file lies outside its root; such a picture is not put into a page.
    """

    id: str
    original: Path
    painted: Path
    caption: str
    negative: Negative
    outside: bool


@dataclass(frozen=True, slots=True)
class ImagesDetails:
    """The numbers behind the findings.

    Attributes:
        kept: (kind, painter, pictures), the most first.
        rejections: (reason, negatives, meaning), the most first.
        scores: (score, mean, least, most) of the judges.
        probes: how well painted pictures are told from others.
        pairs: some, drawn by seed.
        landings: how near Eq. 2 comes to the pictures, under the models named.
    """

    kept: tuple[tuple[str, str, int], ...]
    rejections: tuple[tuple[str, int, str], ...]
    scores: tuple[tuple[str, float, float, float], ...]
    probes: tuple[ProbeResult, ...]
    pairs: tuple[PicturePair, ...]
    landings: tuple[Landing, ...] = ()


@dataclass(slots=True)
class _Tally:
    """What one pass over the file counts."""

    records: int = 0
    negatives: int = 0
    kept: Counter[tuple[str, str]] = field(default_factory=Counter)
    missing: int = 0
    first_missing: str = ""
    repainted: int = 0
    scores: dict[str, list[float]] = field(default_factory=dict)

    def add(self, record: CaptionRecord, folder: Path) -> None:
        self.records += 1
        self.negatives += len(record.negatives)
        for negative in record.negatives:
            if negative.image is None:
                continue
            painter = negative.painter or Painting("unknown", "unknown")
            self.kept[negative.kind, painter.engine] += 1
            self.repainted += painter.repainted is not None
            if not (folder / negative.image).is_file():
                self.missing += 1
                self.first_missing = self.first_missing or negative.image
            for name, score in painter.scores.items():
                self._add_score(name, score)

    def _add_score(self, name: str, score: float) -> None:
        # Sum, number, least and most: the file may be long.
        total = self.scores.setdefault(name, [0.0, 0.0, math.inf, -math.inf])
        total[0] += score
        total[1] += 1
        total[2], total[3] = min(total[2], score), max(total[3], score)


def inspect_images(
    path: Path,
    *,
    image_root: Path | None = None,
    backbone: Backbone | None = None,
    models: Sequence[ModelSource] = (),
    device: str = "auto",
    count: int = EXAMPLES,
    seed: int = 0,
    track: Track = silent,
) -> FileReport:
    """Say what `ahnpl images` wrote, and whether it is whole.

    Args:
        path: `images.jsonl`, read once.
        image_root: folder of the photos; default: as the pictures were painted, else the file's.
        backbone: a model whose features the probe takes, if any.
        models: those under which Eq. 2 is compared with the pictures, the start first.
        device: where these compute.
        count: how many pairs to draw.
        seed: of the pairs, and of what the probe sees.
        track: shows progress.

    Raises:
        DataError: a line is malformed, or what was written beside the file is.
    """
    folder = path.parent
    tally, sample = _Tally(), RecordSample(max(count, PROBED), seed)
    for record in track(read_records(path), description="Reading", unit="captions"):
        tally.add(record, folder)
        if any(negative.image for negative in record.negatives):
            sample.add(record)
    meta = _read_meta(path)
    root = image_root or folder
    drawn = sample.records()
    probes = _probe(drawn, root, folder, backbone, track) if backbone else ()
    scores = (
        (name, total / number, least, most)
        for name, (total, number, least, most) in tally.scores.items()
    )
    details = ImagesDetails(
        kept=tuple((*key, number) for key, number in tally.kept.most_common()),
        rejections=_rejections(meta),
        scores=tuple(scores),
        probes=probes,
        pairs=tuple(_pairs(drawn, root, folder, count)),
        landings=_landings(drawn, root, folder, models, device),
    )
    findings = [*_file_findings(tally), *_probe_findings(probes, backbone is not None)]
    return file_report(str(path), "images", _facts(tally, meta), findings, details)


def _read_meta(path: Path) -> dict[str, Any]:
    meta = meta_path(path)
    hint = "Delete it, or make the pictures again: it only says how they were made."
    return read_object(meta, hint=hint) if meta.is_file() else {}


def _rejections(meta: dict[str, Any]) -> tuple[tuple[str, int, str], ...]:
    totals: Counter[str] = Counter()
    for reasons in meta.get("rejected", {}).values():
        totals.update(reasons)
    return tuple((reason, n, PICTURE_REASONS.get(reason, "")) for reason, n in totals.most_common())


def _pairs(
    records: list[CaptionRecord], root: Path, folder: Path, count: int
) -> Iterator[PicturePair]:
    """One picture of each record, another painter's in turn."""
    shown: Counter[str] = Counter()
    for record in records[:count]:
        painted = [negative for negative in record.negatives if negative.image]
        chosen = min(painted, key=lambda negative: shown[_engine(negative)])
        shown[_engine(chosen)] += 1
        original, picture = root / record.image, folder / str(chosen.image)
        outside = not (is_below(original, root) and is_below(picture, folder))
        yield PicturePair(record.id, original, picture, record.caption, chosen, outside)


def _engine(negative: Negative) -> str:
    return negative.painter.engine if negative.painter else "unknown"


def _probe(
    records: list[CaptionRecord], root: Path, folder: Path, backbone: Backbone, track: Track
) -> tuple[ProbeResult, ...]:
    painted: list[tuple[str, Path]] = []
    originals: list[tuple[str, Path]] = []
    repainted: list[tuple[str, Path]] = []
    for record in records:
        for negative in record.negatives:
            if negative.image is None or not (folder / negative.image).is_file():
                continue
            painted.append((record.image, folder / negative.image))
            originals.append((record.image, root / record.image))
            if negative.painter and negative.painter.repainted:
                repainted.append((record.image, folder / negative.painter.repainted))
    sides = {"originals": originals, "repainted originals": repainted}
    results: list[ProbeResult] = []
    for against, others in sides.items():
        try:
            result = probe(painted, others, backbone, against=against, track=track)
        except DataError as error:
            hint = "Say where the photos are with --image-root."
            raise DataError(error.what, where=error.where, hint=hint) from error
        if result is not None:
            results.append(result)
    return tuple(results)


def _landings(
    records: list[CaptionRecord],
    root: Path,
    folder: Path,
    models: Sequence[ModelSource],
    device: str,
) -> tuple[Landing, ...]:
    if not models:
        return ()
    negatives = list(painted_negatives(records[:SAMPLED], root, folder))
    return landings(negatives, models, device=device)


def _facts(tally: _Tally, meta: dict[str, Any]) -> dict[str, str | int | float | None]:
    pictures = sum(tally.kept.values())
    facts: dict[str, str | int | float | None] = {
        "captions": tally.records,
        "negatives": tally.negatives,
        "negatives with a picture": pictures,
        "share in percent": 100 * pictures / max(tally.negatives, 1),
        "originals repainted": tally.repainted,
    }
    if "why" in meta:
        facts["parts"] = str(meta["why"])
    return facts


def _file_findings(tally: _Tally) -> list[Finding]:
    if not tally.kept:
        return [Finding("problem", "no negative has a picture")]
    if tally.missing:
        what = f"{tally.missing:,} pictures are missing, such as {tally.first_missing}"
        return [Finding("problem", what)]
    return [Finding("fine", "every picture named is there")]


def _probe_findings(probes: tuple[ProbeResult, ...], with_model: bool) -> list[Finding]:
    if not with_model:
        what = "name a --checkpoint or --model to see whether its features tell painted from not"
        return [Finding("note", what)]
    if not probes:
        return [Finding("note", "too few images for a probe that tells painted from original")]
    return [
        Finding(
            "note" if result.accuracy > PROBE_LIMIT else "fine",
            f"a linear probe tells painted pictures from {result.against} on "
            f"{result.accuracy:.1f} % (50 is chance; {result.painted:,} and {result.others:,})",
        )
        for result in probes
    ]


def inspect(path: Path, config: InspectConfig, track: Track) -> FileReport:
    """Say what painted pictures are; see `inspect_images`."""
    return inspect_images(
        path,
        image_root=Path(config.image_root) if config.image_root else None,
        backbone=named_model(config),
        models=named_models(config),
        device=config.device,
        count=config.examples or EXAMPLES,
        seed=config.seed,
        track=track,
    )


def tables(details: ImagesDetails) -> list[Table]:
    """Return counts, reasons, scores and pairs."""
    return [*count_tables(details), pair_table(details)]


def count_tables(details: ImagesDetails) -> list[Table]:
    """Return what was kept, what was not, and what the judges measured."""
    shown = [
        Table("Pictures", ("kind", "painter", "pictures"), details.kept),
        Table(
            "Negatives without a picture", ("reason", "negatives", "meaning"), details.rejections
        ),
        Table("Scores", ("score", "mean", "least", "most"), details.scores, digits=2),
    ]
    if details.landings:
        shown.append(landing_table(details.landings))
    return [content for content in shown if content.rows]


def pair_table(details: ImagesDetails) -> Table:
    """Return some captions with their change, and where their pictures are."""
    rows: list[tuple[Cell, ...]] = []
    for pair in details.pairs:
        edits = changed(pair.caption, pair.negative.edits)
        rows.append((pair.id, _engine(pair.negative), edits, pair.negative.image))
    columns = ("id", "painter", "caption with the change", "picture")
    return Table("Examples", columns, tuple(rows))


def page(report: FileReport, config: InspectConfig, track: Track) -> str:
    """Return the page: before and after side by side, then the counts."""
    details: ImagesDetails = report.details
    total = sum(number for _, _, number in details.kept)
    counts = tuple(table(content) for content in count_tables(details))
    sections = [
        Section(
            "Before and after",
            (pairs([_shown(pair) for pair in details.pairs]),),
            f"{len(details.pairs)} of {total:,}, a random sample. Outlined: what was painted.",
        ),
        Section("Counts", counts),
        *([landing_section(details.landings)] if details.landings else []),
        provenance_section(report),
    ]
    verdict = "valid" if report.valid else "not valid"
    return render_page(Path(report.path).name, f"Painted pictures, {verdict}", sections)


def _shown(pair: PicturePair) -> Pair:
    painting = pair.negative.painter or Painting("unknown", "unknown")
    scores = tuple((name, f"{score:.3g}") for name, score in painting.scores.items())
    maker = painting.engine
    if painting.model:
        maker += f" ({Path(painting.model).name}, seed {painting.seed})"
    missing = "outside its folder" if pair.outside else "picture not found"
    return Pair(
        before="" if pair.outside else _picture(pair.original, painting),
        after="" if pair.outside else _picture(pair.painted, None),
        missing=missing,
        name=f"{pair.negative.kind}, {maker}",
        text=changed(pair.caption, pair.negative.edits),
        scores=scores,
    )


def _picture(path: Path, painting: Painting | None) -> str:
    """A picture for the page, with the outline of what was painted over; empty if it is broken."""
    try:
        image = ImageRef(path).load()
    except DataError:
        return ""
    scale = min(1.0, SIDE / max(image.size))
    # Drawn scenes are tiny: larger and with sharp pixels they can be seen.
    if max(image.size) <= SIDE // 4:
        scale = SIDE // 2 / max(image.size)
    size = (max(1, round(image.width * scale)), max(1, round(image.height * scale)))
    image = image.resize(size, Image.Resampling.NEAREST if scale > 1 else None)
    if painting is not None:
        _draw_outline(image, painting, scale)
    return data_uri(image)


def _draw_outline(image: Image.Image, painting: Painting, scale: float) -> None:
    """Outline what was painted: its mask, or the box around what changed."""
    pen = ImageDraw.Draw(image)
    outlines = [list(outline) for outline in painting.outline]
    if not outlines and painting.box is not None:
        x, y, width, height = painting.box
        outlines = [[x, y, x + width, y, x + width, y + height, x, y + height]]
    for width, color in ((5, HALO), (2, OUTLINE)):
        for outline in outlines:
            points = [coordinate * scale for coordinate in outline]
            # Closed, and one more, so that the last corner is as round as the others.
            pen.line([*points, *points[:4]], fill=color, width=width, joint="curve")
