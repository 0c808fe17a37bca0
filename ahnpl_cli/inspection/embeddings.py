"""Whether a folder of embeddings is valid: counts, norms, NaN, records, nearest neighbors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from ahnpl_cli.config import InspectConfig
from ahnpl_cli.data.tensors import Array, open_tensors
from ahnpl_cli.embedding.layout import FEATURES, LISTED, StoredRows, read_index, shard_paths
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.inspection.pages import file_page
from ahnpl_cli.inspection.report import FileReport, Finding, file_report
from ahnpl_cli.progress import Track
from ahnpl_cli.reporting.tables import Cell, Table

NEIGHBORS = 5
NORM_TOLERANCE = {"float32": 1e-4, "float16": 2e-3}
COLLAPSED = 0.95  # mean cosine between distinct inputs; above it everything looks alike


@dataclass(frozen=True, slots=True)
class TensorSummary:
    """One tensor over all its shards.

    Attributes:
        name: such as `image_features`.
        shards: files.
        rows: N.
        dim: D.
        dtype: as stored.
        listed: rows that `index.json` names; None for image negatives, which it does not name.
        not_finite: rows with NaN or infinity.
        norm_low: smallest length of a row.
        norm_high: largest.
        mean_similarity: mean cosine between two different rows.
    """

    name: str
    shards: int
    rows: int
    dim: int
    dtype: str
    listed: int | None
    not_finite: int
    norm_low: float
    norm_high: float
    mean_similarity: float | None


@dataclass(frozen=True, slots=True)
class Neighbor:
    """A near neighbor of the query: its tensor, what it is, and its cosine."""

    name: str
    item: str
    similarity: float


@dataclass(frozen=True, slots=True)
class EmbeddingsDetails:
    """The numbers behind the findings.

    Attributes:
        tensors: one summary each.
        positive: mean S(I,T) of records; None without images.
        negative: mean S(I,T_neg) of records; None without.
        neighbors: of what was asked for, by tensor, nearest first.
    """

    tensors: tuple[TensorSummary, ...]
    positive: float | None
    negative: float | None
    neighbors: tuple[Neighbor, ...]


def summarize(folder: Path, stem: str, listed: int | None) -> TensorSummary:
    """Return the numbers of one tensor; shards are read one at a time."""
    table = StoredRows(folder, stem)
    low = np.inf
    high = 0.0
    bad = 0
    dim = 0
    dtype = ""
    total: Array = np.zeros(1)
    for stored in table.shards():
        dtype = str(stored.dtype)
        # In double precision: the sum below runs over all rows, which may be millions.
        features = stored.astype(np.float64)
        finite = np.isfinite(features).all(axis=1)
        good = features[finite]
        bad += int((~finite).sum())
        dim = features.shape[1]
        norms = np.linalg.norm(good, axis=1)
        if len(norms):
            low = min(low, float(norms.min()))
            high = max(high, float(norms.max()))
            # A row of zeros has no direction, and must not turn the sum into NaN.
            unit = good / np.maximum(norms, 1e-12)[:, None]
            total = total + unit.sum(axis=0)
    n = len(table) - bad
    # The squared length of the sum holds every cosine twice, and each row's with itself once.
    mean = (float(total @ total) - n) / (n * (n - 1)) if n > 1 else None
    return TensorSummary(
        name=FEATURES[stem],
        shards=len(table.paths),
        rows=len(table),
        dim=dim,
        dtype=dtype,
        listed=listed,
        not_finite=bad,
        norm_low=low if n else 0.0,
        norm_high=high,
        mean_similarity=mean,
    )


def _tensor_findings(tensor: TensorSummary) -> Iterator[Finding]:
    name = tensor.name
    if tensor.listed is not None and tensor.listed != tensor.rows:
        text = f"{name}: {tensor.rows:,} rows, and index.json names {tensor.listed:,}"
        yield Finding("problem", text)
    if tensor.not_finite:
        yield Finding("problem", f"{name}: {tensor.not_finite:,} rows hold NaN or infinity")
    if not tensor.rows:
        return
    off = max(abs(tensor.norm_low - 1), abs(tensor.norm_high - 1))
    if off > NORM_TOLERANCE.get(tensor.dtype, 1e-4):
        ends = f"{tensor.norm_low:.4f} to {tensor.norm_high:.4f}"
        yield Finding("problem", f"{name}: not L2-normalized, lengths {ends}")
    if tensor.mean_similarity is not None and tensor.mean_similarity > COLLAPSED:
        text = f"{name}: mean cosine {tensor.mean_similarity:.3f}, nearly all rows look alike"
        yield Finding("note", text)


@dataclass(slots=True)
class _Pairs:
    """S(I,T) and S(I,T_neg) over records, and rows that point to nothing."""

    positives: list[float]
    negatives: list[float]
    astray: int = 0


def _cosines(tables: dict[str, StoredRows], images: Array, stem: str, rows: Array) -> list[float]:
    """Return the cosines of images and texts, row by row; a row of -1 has none."""
    # `ahnpl embed` writes -1 where an image was broken or a record has no image.
    both = (images >= 0) & (rows >= 0)
    if not both.any():
        return []
    image = tables["image"].take(images[both])
    other = tables[stem].take(rows[both])
    cosines: list[float] = (image * other).sum(axis=1).tolist()
    return cosines


def _astray(rows: dict[str, Array], lengths: Array, tables: dict[str, StoredRows]) -> int:
    """Return how many rows of a records shard point to nothing."""
    astray = 0
    for stem, numbers in rows.items():
        # A tensor of another shape or type cannot be counted row by row: all of it is astray.
        if numbers.ndim != 1 or not np.issubdtype(numbers.dtype, np.integer):
            return max(1, numbers.size)
        astray += int(((numbers >= len(tables[stem])) | (numbers < -1)).sum())
    fits = lengths.shape == rows["image"].shape == rows["text"].shape
    if not fits or (lengths < 0).any():
        return max(1, len(rows["negative"]))
    return astray + abs(int(lengths.sum()) - len(rows["negative"]))


def _pairs(folder: Path, tables: dict[str, StoredRows]) -> _Pairs:
    pairs = _Pairs([], [])
    for path in shard_paths(folder, "records"):
        with open_tensors(path) as reader:
            image = reader.get_tensor("image_row")
            text = reader.get_tensor("text_row")
            lengths = np.diff(reader.get_tensor("negative_offsets"))
            rows = reader.get_tensor("negative_row")
        astray = _astray({"image": image, "text": text, "negative": rows}, lengths, tables)
        pairs.astray += astray
        # Cosines of a shard that points astray would be those of other records.
        if not astray:
            pairs.positives += _cosines(tables, image, "text", text)
            pairs.negatives += _cosines(tables, np.repeat(image, lengths), "negative", rows)
    return pairs


def _findings(
    folder: Path, index: dict[str, Any], tensors: list[TensorSummary], pairs: _Pairs
) -> list[Finding]:
    missing = [name for name in index.get("files", []) if not (folder / name).is_file()]
    findings = [Finding("problem", f"{name} is missing") for name in missing]
    for tensor in tensors:
        findings += _tensor_findings(tensor)
    if pairs.astray:
        findings.append(Finding("problem", f"{pairs.astray:,} rows of records point to nothing"))
    if all(finding.level != "problem" for finding in findings):
        text = "every row is finite, of unit length and named in index.json"
        findings.append(Finding("fine", text))
    skipped = index.get("skipped", [])
    if skipped:
        text = f"{len(skipped):,} images or records were left out as broken"
        findings.append(Finding("note", text))
    return findings


def _row_of(index: dict[str, Any], folder: Path, query: str) -> tuple[str, int]:
    """Return tensor and row of a path, a text or a record's id.

    Raises:
        ConfigError: nothing has that name.
    """
    for stem, listing in LISTED.items():
        for row, (content, _) in enumerate(index.get(listing, [])):
            if content == query:
                return stem, row
    if query in index.get("records", []):
        return _row_of_record(folder, index["records"].index(query))
    hint = "Name a record's id, an image's path, or a text, as index.json has it."
    raise ConfigError(f"--neighbors {query!r} is not in {folder}", hint=hint)


def _row_of_record(folder: Path, number: int) -> tuple[str, int]:
    for path in shard_paths(folder, "records"):
        with open_tensors(path) as reader:
            images = reader.get_tensor("image_row")
            texts = reader.get_tensor("text_row")
        if number < len(images):
            image = int(images[number])
            # A record is looked up by its image; without one, by its caption.
            return ("image", image) if image >= 0 else ("text", int(texts[number]))
        # Shards follow one another in the order of the records.
        number -= len(images)
    raise DataError("fewer records than index.json names", where=str(folder))


def neighbors(folder: Path, index: dict[str, Any], query: str) -> list[Neighbor]:
    """Return what lies nearest to a record's id, an image's path or a text, in every tensor.

    Raises:
        ConfigError: nothing has that name.
    """
    stem, row = _row_of(index, folder, query)
    vector = StoredRows(folder, stem).take(np.array([row]))[0]
    nearest: list[Neighbor] = []
    for other, listing in LISTED.items():
        shards = StoredRows(folder, other).shards()
        cosines = [shard.astype(np.float32) @ vector for shard in shards]
        if not cosines:
            continue
        similarity = np.concatenate(cosines)
        count = len(similarity)
        if other == stem:
            similarity[row] = -np.inf  # The query itself.
            count -= 1
        # Stable, so that equal neighbors come in the order of the folder every time.
        best = np.argsort(-similarity, kind="stable")[: min(NEIGHBORS, count)]
        names = index[listing]
        for i in best:
            nearest.append(Neighbor(FEATURES[other], names[i][0], float(similarity[i])))
    return nearest


def inspect_embeddings(folder: Path, *, query: str | None = None) -> FileReport:
    """Say what a folder of embeddings holds and whether it is valid.

    Args:
        folder: that `ahnpl embed` wrote.
        query: record id, image path or text whose nearest neighbors are listed.

    Raises:
        DataError: its index or a shard cannot be read.
        ConfigError: `query` is not in it.
    """
    index = read_index(folder)
    listed = {stem: len(index.get(name, [])) for stem, name in LISTED.items()}
    # What the index names but no shard holds is looked at too: its rows are missing.
    present = [stem for stem in FEATURES if shard_paths(folder, stem) or listed.get(stem)]
    tensors = [summarize(folder, stem, listed.get(stem)) for stem in present]
    tables = {stem: StoredRows(folder, stem) for stem in LISTED}
    pairs = _pairs(folder, tables)
    details = EmbeddingsDetails(
        tensors=tuple(tensors),
        positive=float(np.mean(pairs.positives)) if pairs.positives else None,
        negative=float(np.mean(pairs.negatives)) if pairs.negatives else None,
        neighbors=tuple(neighbors(folder, index, query) if query else ()),
    )
    return file_report(
        str(folder),
        "embeddings",
        _facts(index, details),
        _findings(folder, index, tensors, pairs),
        details,
    )


def _facts(
    index: dict[str, Any], details: EmbeddingsDetails
) -> dict[str, str | int | float | None]:
    model = index.get("model", {})
    job = index.get("job", {})
    return {
        "source": job.get("source"),
        "model": model.get("name"),
        "activation": model.get("activation"),
        "weights sha256": model.get("weights_sha256"),
        "records": len(index.get("records", [])),
        "dimension": index.get("dim"),
        "mean S(I,T)": details.positive,
        "mean S(I,T_neg)": details.negative,
    }


def inspect(path: Path, config: InspectConfig, track: Track) -> FileReport:
    """Say what a folder of embeddings holds; see `inspect_embeddings`."""
    return inspect_embeddings(path, query=config.neighbors)


page = file_page


def tables(details: EmbeddingsDetails) -> list[Table]:
    """Return the tables of the tensors, and of the neighbors asked for."""
    rows: list[tuple[Cell, ...]] = []
    for tensor in details.tensors:
        stored = (tensor.name, tensor.shards, tensor.rows, tensor.dim, tensor.dtype)
        lengths = _ends(tensor.norm_low, tensor.norm_high)
        rows.append((*stored, tensor.not_finite, lengths, tensor.mean_similarity))
    columns = ("tensor", "files", "rows", "D", "dtype", "NaN", "length", "cosine")
    note = "NaN: rows. Length: of the shortest and longest row. Cosine: mean of two different rows."
    shown = [Table("Tensors", columns, tuple(rows), note, digits=3)]
    if details.neighbors:
        near = tuple((n.name, n.item, n.similarity) for n in details.neighbors)
        shown.append(Table("Nearest", ("tensor", "item", "cosine"), near, digits=3))
    return shown


def _ends(low: float, high: float) -> str:
    """Two ends of a range, or one number where they look alike."""
    ends = dict.fromkeys((f"{low:.4f}", f"{high:.4f}"))
    return " to ".join(ends)
