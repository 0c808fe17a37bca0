"""The page: whole, self-contained, and harmless whatever a user fed in."""

import base64
import io
import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from markupsafe import Markup
from PIL import Image

from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.reporting.page import Section, picture, render_page, write_page

VOID = {"meta", "img", "br", "path", "line", "rect", "circle", "polyline"}


class Reader(HTMLParser):
    """Collects tags, links and text; notices tags that are not closed."""

    def __init__(self) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.links: list[str] = []
        self.text: list[str] = []
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.links += [
            value or "" for name, value in attrs if name in ("src", "href", "xlink:href")
        ]
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag not in VOID:
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text.append(data)


def read(html: str) -> Reader:
    reader = Reader()
    reader.feed(html)
    assert reader.open == []
    return reader


KINDS = ["run", "bare run", "examples", "results", "file", "images"]


@pytest.mark.parametrize("name", [*KINDS, "wide", "frontier"])
def test_a_page_is_one_file_without_scripts(made_pages: dict[str, str], name: str) -> None:
    html = made_pages[name]
    reader = read(html)
    assert "script" not in reader.tags
    assert all(link.startswith(("data:image/", "#s")) for link in reader.links)
    assert not re.search(r"url\(|@import|https?://", html)
    # A picture inside the page is there at once; loaded lazily it would be a gray box on paper.
    assert "loading=" not in html


@pytest.mark.parametrize("name", KINDS)
def test_what_users_fed_in_stays_text(made_pages: dict[str, str], evil: str, name: str) -> None:
    reader = read(made_pages[name])
    assert evil in "".join(reader.text)


def test_the_page_of_a_run_has_every_part(made_pages: dict[str, str]) -> None:
    text = "".join(read(made_pages["run"]).text)
    for part in (
        *("Headlines", "60.0", "80.0", "+20.0", "swap_obj"),
        *("Threshold M per kind (Eq. 10)", "a (Eq. 8)", "S(I,T) - S(I,T_neg)"),
        *("Distances", "Gained: wrong at first, right in the end", "Provenance"),
    ):
        assert part in text


def test_the_change_in_a_caption_is_marked(made_pages: dict[str, str]) -> None:
    html = made_pages["examples"]
    assert "<del>dog</del><ins>cat</ins>" in html


def test_pictures_are_small_and_inside(tmp_path: Path) -> None:
    path = tmp_path / "big.png"
    Image.effect_noise((2000, 1000), 90).save(path)
    head, _, data = picture(path, crop=(0, 0, 1000, 1000)).partition(",")
    assert head == "data:image/jpeg;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
        assert shown.size == (320, 320)


def test_tiny_pictures_stay_exact(tmp_path: Path) -> None:
    path = tmp_path / "tiny.png"
    original = Image.effect_noise((64, 64), 90).convert("RGB")
    original.save(path)
    head, _, data = picture(path).partition(",")
    assert head == "data:image/png;base64"
    with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
        assert shown.tobytes() == original.tobytes()


@pytest.mark.parametrize("content", [None, b"no image"])
def test_a_picture_that_cannot_be_read_is_left_out(tmp_path: Path, content: bytes | None) -> None:
    path = tmp_path / "x.png"
    if content is not None:
        path.write_bytes(content)
    assert picture(path) == ""


def test_sections_without_content_are_left_out() -> None:
    html = render_page("t", "s", [Section("Full", (Markup("<p>x</p>"),)), Section("Empty", ())])
    assert "Full" in html
    assert "Empty" not in html


def test_a_page_replaces_another_in_one_step(tmp_path: Path) -> None:
    path = tmp_path / "sub" / "p.html"
    for title in ("first", "second"):
        write_page(path, render_page(title, "", []))
    assert "<title>second</title>" in path.read_text()
    assert [p.name for p in path.parent.iterdir()] == ["p.html"]


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(DataError) as caught:
        write_page(tmp_path / "file" / "p.html", "x")
    assert str(caught.value).startswith(f"{tmp_path / 'file' / 'p.html'}: page cannot be written")
    assert str(caught.value).endswith("Name another place with --html-path.")


def test_a_page_of_somebody_else_is_replaced_with_force_only(tmp_path: Path) -> None:
    path = tmp_path / "thesis.html"
    path.write_text("<html>my thesis</html>")
    with pytest.raises(ConfigError, match="exists, and was not written by `ahnpl`"):
        write_page(path, "page")
    assert path.read_text() == "<html>my thesis</html>"
    write_page(path, "page", force=True)
    assert path.read_text() == "page"


def test_control_characters_of_a_caption_are_spelled_out_in_a_page() -> None:
    html = render_page(
        "a\x1b[2J", "\u202egpj", [Section("s", (Markup("<p>{}</p>").format("\x9b"),))]
    )
    assert not set(html) & set("\x1b\x9b\u202e")
    assert r"\u202egpj" in html
