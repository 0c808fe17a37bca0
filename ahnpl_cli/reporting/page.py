"""One self-contained HTML page: styles, charts and pictures inside, no script, all text escaped."""

from __future__ import annotations

import base64
import io
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape
from PIL import Image
from rich.cells import cell_len

from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.errors import DataError
from ahnpl_cli.files import write_atomic
from ahnpl_cli.outputs import foreign
from ahnpl_cli.reporting.tables import Cell, Span, Table, is_numeric, spans
from ahnpl_cli.reporting.visible import visible
from ahnpl_cli.version import __version__

GENERATOR = b'<meta name="generator" content="ahnpl">'
# In the place of a picture that a file names and that whoever sees the page may not be meant to.
LEFT_OUT = "left out: not below the image root"
SIDE = 320  # pixels of a picture's longer edge; more would make the page heavy
SHORT = 24  # characters of a cell that is never broken: a name, a number, an interval
TINY = 12  # characters of a cell that is not even broken in the first column of a phone
PHONE = 50  # characters of a table that a phone shows whole
GAP = 2  # characters between two columns
LONG = 12  # rows of provenance that are shown unasked


@dataclass(frozen=True, slots=True)
class Section:
    """A part of the page.

    Attributes:
        title: heading; also its entry in the contents.
        blocks: what stands there, each made by a function of this module or of `charts`.
        text: how to read it.
    """

    title: str
    blocks: tuple[Markup, ...]
    text: str = ""


@dataclass(frozen=True, slots=True)
class Card:
    """An image with its captions.

    Attributes:
        picture: a `data:` URI; empty without one.
        name: of the image.
        blocks: below it.
        missing: what stands in the place of the picture.
    """

    picture: str
    name: str
    blocks: tuple[Markup, ...]
    missing: str = "picture not found"


@dataclass(frozen=True, slots=True)
class Pair:
    """A picture before and after an edit.

    Attributes:
        before: a `data:` URI; empty without a picture.
        after: the same of the edited one.
        missing: what stands in the place of a picture that is empty.
        name: what was done.
        text: the caption with the edit marked.
        scores: (name, value) of what was measured.
    """

    before: str
    after: str
    missing: str
    name: str
    text: Cell
    scores: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A large number.

    Attributes:
        value: the number, with its unit.
        spread: half of its interval; empty without one.
        name: what it is.
        remarks: lines below it: the change, n, coverage.
    """

    value: str
    spread: str
    name: str
    remarks: tuple[Cell, ...] = ()


def _symbol(name: str) -> Markup:
    """Return `e_I` as the papers print it."""
    base, _, index = name.partition("_")
    if not index:
        return escape(name)
    return Markup("{}<sub>{}</sub>").format(base, index)


def _breakable(name: str) -> Markup:
    """Return a name that a browser may break where its parts meet, but for numbers."""
    parts = re.split(r"(?<=[_/:])(?=[^\W\d_])", name)
    return Markup("<wbr/>").join(parts)


def _percent(value: float) -> str:
    """Return a place on an axis from 0 to 100, as CSS has it."""
    return f"{min(max(value, 0.0), 100.0):.1f}%"


def _digit(value: float) -> str:
    """Return a number with one digit after the point, as places in a drawing have."""
    return f"{value:.1f}"


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("ahnpl_cli.reporting"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["symbol"] = _symbol
    environment.filters["breakable"] = _breakable
    environment.filters["percent"] = _percent
    environment.filters["digit"] = _digit
    return environment


def render(name: str, **values: object) -> Markup:
    """Return a template of this package, filled in; what is not Markup is escaped."""
    template = _environment().get_template(f"{name}.html.j2")
    return Markup(template.render(**values))


def table(content: Table, *, stacked: bool = False) -> Markup:
    """Return a table; marked spans keep their meaning (struck, inserted, good, bad).

    Args:
        content: the table.
        stacked: whether dim text, such as an interval, stands below its number in every row.
    """
    rows = []
    for row in content.rows:
        rows.append([spans(cell, content.digits) for cell in row])
    classes, widths = [], []
    for column, name in enumerate(content.columns):
        longest = max((_length(row[column], stacked) for row in rows), default=0)
        numeric = "n" if is_numeric(content, column) else ""
        whole = "short" if longest <= SHORT else ""
        # A phone breaks a first column of names; what is no longer than an id stays whole there.
        if longest <= TINY:
            whole = "short tiny"
        classes.append(f"{numeric} {whole}".strip())
        widths.append(max(min(longest, SHORT), cell_len(name) // 2))
    kinds = [_kind(content)]
    if sum(widths) + GAP * len(widths) > PHONE:
        kinds.append("beyond")
    if stacked:
        kinds.append("stacked")
    return render("table", table=content, kind=" ".join(kinds), classes=classes, rows=rows)


def _length(cell: tuple[Span, ...], stacked: bool) -> int:
    """Return how many characters wide a cell is."""
    lengths = [cell_len(span.text) for span in cell]
    return max(lengths, default=0) if stacked else sum(lengths)


def _kind(content: Table) -> str:
    if len(content.columns) == 2:
        return "pairs"
    return "many" if len(content.columns) > 10 else ""


def inline(cell: Cell) -> Markup:
    """Return one cell's marked text, to stand in a paragraph."""
    return render("inline", spans=spans(cell, 3))


def headline(figures: Mapping[str, Sequence[Figure]]) -> Markup:
    """Return large numbers, those of one name, such as a model's, on one card."""
    cards = []
    for name, numbers in figures.items():
        remarks = [[spans(remark, 1) for remark in number.remarks] for number in numbers]
        cards.append((name, list(zip(numbers, remarks, strict=True))))
    return render("headline", cards=cards)


def paragraph(text: str) -> Markup:
    """Return text to be read."""
    return Markup('<p class="text">{}</p>').format(text)


def bullets(items: Sequence[tuple[str, str]]) -> Markup:
    """Return a list of (what, what is said of it)."""
    lines = [Markup("<li><b>{}</b> {}</li>").format(what, said) for what, said in items]
    return Markup('<ul class="text">{}</ul>').format(Markup("").join(lines))


def grid(blocks: Sequence[Markup]) -> Markup:
    """Return blocks beside each other, as many as the screen takes."""
    return Markup('<div class="grid">{}</div>').format(Markup("").join(blocks))


def columns(blocks: Sequence[Markup]) -> Markup:
    """Return blocks below each other, in two columns where the screen takes them.

    Blocks of unlike height leave no gaps, and paper may break between the parts of one.
    """
    return Markup('<div class="columns">{}</div>').format(Markup("").join(blocks))


def fold(title: str, blocks: Sequence[Markup]) -> Markup:
    """Return blocks that are shown when their title is clicked."""
    inside = Markup("").join(blocks)
    return Markup("<details><summary>{}</summary>{}</details>").format(title, inside)


def long_table(content: Table) -> Markup:
    """Return a table that few read, such as hashes and versions; folded where it is long."""
    count = len(content.rows)
    if count <= LONG:
        return table(content)
    return fold(f"{content.title}: {count} lines", [table(content)])


def heat_maps(blocks: Sequence[Markup]) -> Markup:
    """Return matrices beside each other."""
    return Markup('<div class="heats">{}</div>').format(Markup("").join(blocks))


def heat_map(title: str, names: Sequence[str], values: Sequence[Sequence[float]]) -> Markup:
    """Return a square matrix of cosine distances with its values coloured.

    Args:
        title: what it shows.
        names: of rows and columns.
        values: one row per name; darker is farther, full colour at 1 and above.
    """
    rows = [
        (name, [(f"{value:.2f}", f"{min(value, 1.0):.2f}") for value in row])
        for name, row in zip(names, values, strict=True)
    ]
    return render("heat_map", title=title, names=names, rows=rows)


def gallery(cards: Sequence[Card]) -> Markup:
    """Return images with their captions."""
    return render("gallery", cards=cards)


def pairs(content: Sequence[Pair]) -> Markup:
    """Return pictures before and after an edit, side by side."""
    return render("pairs", pairs=content, spans=[spans(pair.text, 3) for pair in content])


def picture(path: Path, crop: tuple[int, int, int, int] | None = None) -> str:
    """Return an image as a small `data:` URI; empty when it cannot be read.

    Args:
        path: the image.
        crop: (x, y, width, height) to show; None for all of it.
    """
    try:
        image = ImageRef(path, crop).load()
    except DataError:
        return ""
    image.thumbnail((SIDE, SIDE))
    return data_uri(image)


def data_uri(image: Image.Image) -> str:
    """Return pixels as a `data:` URI."""
    buffer = io.BytesIO()
    # Scenes are tiny and flat, photos are not: each in the format that is smaller and clean.
    kind = "png" if max(image.size) <= 96 else "jpeg"
    if kind == "png":
        image.save(buffer, format="png", optimize=True)
    else:
        image.save(buffer, format="jpeg", quality=82)
    return f"data:image/{kind};base64,{base64.b64encode(buffer.getvalue()).decode()}"


def render_page(title: str, subtitle: str, sections: Sequence[Section]) -> str:
    """Return the page as HTML.

    Args:
        title: what the page is about.
        subtitle: one line below it.
        sections: in order; those without blocks are left out.
    """
    kept = [section for section in sections if section.blocks]
    html = render("page", title=title, subtitle=subtitle, sections=kept, version=__version__)
    # All text of a page passes here; an override in a caption would turn the line around.
    return visible(html)


def write_page(path: Path, html: str, *, force: bool = False) -> None:
    """Write a page atomically.

    Args:
        path: where to.
        html: made by `render_page`.
        force: whether a page of somebody else may be replaced.

    Raises:
        ConfigError: a file is there that this package did not write.
        DataError: the place cannot be written.
    """
    if not force and path.exists() and not _is_ours(path):
        raise foreign(path, "ahnpl")
    try:
        write_atomic(path, html)
    except OSError as error:
        reason = (error.strerror or str(error)).lower()
        hint = "Name another place with --html-path."
        raise DataError(f"page cannot be written: {reason}", where=str(path), hint=hint) from error


def _is_ours(path: Path) -> bool:
    """Whether a file is a page that `render_page` made: its head says so."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return GENERATOR in file.read(1024)
