"""The pages in a real browser: on a screen, on a phone, in the dark and on paper."""

import re
import shutil
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None or find_spec("playwright") is None,
    reason="needs `apt-get install chromium` and `pip install playwright`",
)

PAGES = ("run", "examples", "file", "wide", "frontier", "images")
PHONE, DESK = 390, 1280
# A4 at 96 dots an inch, without the margins of the style.
PAPER = (688, 1009)

# Text that lies beside the page, outside its own box, or outside its drawing. What scrolls
# sideways is left out: there a reader reaches it.
CUT = """
() => {
  const cut = [];
  const edge = document.documentElement.clientWidth + 1;
  for (const element of document.querySelectorAll('body *')) {
    if (element.closest('.scroll') || !element.checkVisibility()) continue;
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own) continue;
    const box = element.getBoundingClientRect();
    const drawing = element.closest('svg');
    const room = drawing ? drawing.getBoundingClientRect() : { left: 0, right: edge };
    const inner = element.clientWidth;
    const style = getComputedStyle(element);
    const hides = style.overflow !== 'visible' && element.scrollHeight > element.clientHeight + 2;
    // A number is one line high, whatever room it has.
    const broken = element.matches('.bar b, .axis span') && box.height > 20;
    const clipped = !drawing && inner && element.scrollWidth > inner + 1 || hides || broken;
    if (box.left < room.left - 1 || box.right > room.right + 1 || clipped)
      cut.push(element.className + ': ' + element.textContent.slice(0, 60));
  }
  return cut;
}
"""

# Contrast of text against what lies behind it (WCAG 2.1, 1.4.3), of every visible text.
FAINT = """
() => {
  const parse = color => {
    const parts = color.match(/[0-9.]+/g).map(Number);
    return [parts[0], parts[1], parts[2], parts.length > 3 ? parts[3] : 1];
  };
  const over = ([r, g, b, a], below) =>
    [r, g, b].map((value, i) => value * a + below[i] * (1 - a)).concat(1);
  const behind = element => {
    if (!element) return [255, 255, 255, 1];
    const color = parse(getComputedStyle(element).backgroundColor);
    return color[3] === 1 ? color : over(color, behind(element.parentElement));
  };
  const light = color => {
    const [r, g, b] = color.slice(0, 3).map(v => v / 255)
      .map(v => v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4);
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const faint = [];
  for (const element of document.querySelectorAll('body *')) {
    const own = [...element.childNodes].some(n => n.nodeType === 3 && n.data.trim());
    if (!own || !element.checkVisibility() || element.tagName === 'title') continue;
    const style = getComputedStyle(element);
    const back = behind(element);
    const ink = over(parse(element.closest('svg') ? style.fill : style.color), back);
    const [low, high] = [light(ink), light(back)].sort((a, b) => a - b);
    const ratio = (high + 0.05) / (low + 0.05);
    const text = element.textContent.slice(0, 40);
    if (ratio < 4.5) faint.push(`${ratio.toFixed(2)} ${element.tagName} ${text}`);
  }
  return faint;
}
"""

# Of every table: does it scroll, is that said, does the first column stay, is a row one line high.
TABLES = """
() => [...document.querySelectorAll('figure.table:not(.pairs)')].map(figure => {
  const scroll = figure.querySelector('.scroll');
  const first = figure.querySelector('tbody td');
  const before = first.getBoundingClientRect().left;
  const scrolls = scroll.scrollWidth > scroll.clientWidth + 1;
  scroll.scrollLeft = 70;
  const box = first.getBoundingClientRect();
  window.scrollTo(0, box.top + window.scrollY - 300);
  const shown = first.getBoundingClientRect();
  const top = document.elementFromPoint(shown.left + 3, shown.top + 6);
  const lines = [...figure.querySelectorAll('td.short:not(:first-child)')].map(cell => {
    const range = document.createRange();
    range.selectNodeContents(cell);
    const boxes = [...range.getClientRects()].filter(box => box.width > 1);
    return new Set(boxes.map(box => Math.round(box.bottom / 8))).size;
  });
  const most = figure.classList.contains('stacked') ? 2 : 1;
  const result = {
    title: figure.querySelector('figcaption').textContent,
    scrolls,
    said: figure.querySelector('.more').checkVisibility(),
    stays: Math.abs(box.left - before) < 1 && first.contains(top),
    whole: lines.every(count => count <= most),
  };
  scroll.scrollLeft = 0;
  return result;
})
"""

# What is too tall for a page of paper, or may be cut although it is small.
BROKEN = """
height => [...document.querySelectorAll('.chart, .dots, .heat, .group, article, .headline > div')]
  .filter(element => element.checkVisibility())
  .filter(element => {
    const style = getComputedStyle(element);
    const whole = style.breakInside === 'avoid' || style.display === 'inline-block'
      || getComputedStyle(element.parentElement).display === 'inline-block';
    return !whole || element.getBoundingClientRect().height > height;
  })
  .map(element => element.tagName + '.' + element.className)
"""

Show = Callable[..., Any]


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-quic"]
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=flags)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def files(made_pages: dict[str, str], tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    folder = tmp_path_factory.mktemp("browser")
    paths = {}
    for name in PAGES:
        paths[name] = folder / f"{name}.html"
        paths[name].write_text(made_pages[name], encoding="utf-8")
    return paths


@pytest.fixture
def show(browser: Any, files: dict[str, Path]) -> Iterator[Show]:
    """Opens a page of a name; it is closed at the end of the test."""
    shown = []

    def open_page(
        name: str, width: int = DESK, scheme: str = "light", media: str = "screen"
    ) -> Any:
        size = {"width": width, "height": 900}
        page = browser.new_page(viewport=size, color_scheme=scheme)
        shown.append(page)
        page.emulate_media(media=media, color_scheme=scheme)
        page.goto(files[name].as_uri())
        return page

    yield open_page
    for page in shown:
        page.close()


@pytest.mark.parametrize("width", [PHONE, DESK])
@pytest.mark.parametrize("name", PAGES)
def test_nothing_sticks_out_and_no_text_is_cut(show: Show, name: str, width: int) -> None:
    page = show(name, width)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    assert page.evaluate("document.documentElement.scrollWidth") == width
    assert page.evaluate(CUT) == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("name", PAGES)
def test_every_text_stands_out_from_what_is_behind_it(show: Show, name: str, scheme: str) -> None:
    page = show(name, DESK, scheme)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    background = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert (background == "rgb(255, 255, 255)") == (scheme == "light")
    assert page.evaluate(FAINT) == []


@pytest.mark.parametrize("name", ["run", "wide", "frontier"])
def test_on_a_phone_the_first_column_stays_and_the_rest_is_announced(show: Show, name: str) -> None:
    page = show(name, PHONE)
    page.evaluate("document.querySelectorAll('details').forEach(d => d.open = true)")
    tables = page.evaluate(TABLES)
    assert any(table["scrolls"] for table in tables)
    for table in tables:
        assert table["said"] == table["scrolls"], table
        assert table["stays"] or not table["scrolls"], table
        assert table["whole"], table


def test_on_a_desk_no_table_speaks_of_swiping(show: Show) -> None:
    assert not any(table["said"] for table in show("wide", DESK).evaluate(TABLES))


@pytest.mark.parametrize("name", PAGES)
def test_paper_shows_what_is_folded_and_cuts_nothing(show: Show, name: str) -> None:
    width, height = PAPER
    page = show(name, width, media="print")
    hidden = (
        "[...document.querySelectorAll('details > *')].filter(e => !e.checkVisibility()).length"
    )
    assert page.evaluate(hidden) == 0
    assert page.evaluate("document.querySelectorAll('details[open]').length") == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    assert page.evaluate(BROKEN, height) == []
    assert page.evaluate(CUT) == []


def test_a_chart_longer_than_a_page_is_printed_on_several(show: Show) -> None:
    pdf = show("wide").pdf(format="A4", print_background=True)
    assert len(re.findall(rb"/Type\s*/Page\b", pdf)) > 3


@pytest.mark.parametrize("name", ["run", "examples", "images"])
def test_pictures_are_there_without_scrolling(show: Show, name: str) -> None:
    widths = show(name).evaluate("[...document.images].map(image => image.naturalWidth)")
    assert widths and min(widths) > 0


def test_a_script_in_a_caption_is_shown_and_not_run(show: Show, evil: str) -> None:
    page = show("run")
    assert page.title() == "Run script>"
    assert page.locator("script").count() == 0
    assert evil in page.locator("body").inner_text()
