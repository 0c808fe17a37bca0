"""The page in a real browser: what it shows as text, and that it has a picture."""

import re
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

CHROMIUM = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
FLAGS = (
    *("--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run"),
    *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
    "--hide-scrollbars",
)
pytestmark = pytest.mark.skipif(
    CHROMIUM is None, reason="no Chromium here: apt-get install chromium runs these tests"
)


def browse(page: Path, profile: Path, *arguments: str) -> str:
    command = [str(CHROMIUM), *FLAGS, f"--user-data-dir={profile}", *arguments, page.as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    return done.stdout


@pytest.fixture
def page(made_pages: dict[str, str], tmp_path: Path) -> Path:
    path = tmp_path / "page.html"
    path.write_text(made_pages["run"], encoding="utf-8")
    return path


def test_a_script_in_a_caption_is_shown_and_not_run(page: Path, tmp_path: Path, evil: str) -> None:
    shown = browse(page, tmp_path / "profile", "--dump-dom")
    assert "<title>Run script&gt;</title>" in shown
    assert "<script" not in shown
    body = shown[shown.index("<body") :]
    escaped = evil.replace("<", "&lt;").replace(">", "&gt;")
    assert f"a <del>dog</del><ins>cat</ins> {escaped} on a bed" in body
    assert re.search(r"<b>80\.0 %</b>", body)


@pytest.mark.parametrize("width", [1200, 390])
def test_the_page_is_drawn_on_a_screen_and_on_a_phone(
    page: Path, tmp_path: Path, width: int
) -> None:
    picture = tmp_path / "page.png"
    size = (f"--window-size={width},2400", f"--screenshot={picture}")
    browse(page, tmp_path / "profile", *size)
    with Image.open(picture) as image:
        assert image.size == (width, 2400)
        colors = image.convert("RGB").getcolors(maxcolors=10_000_000)
    assert colors is not None
    # Text on paper alone has some hundred shades; bars, curves and photos bring many more.
    assert len(colors) > 500


def test_nothing_sticks_out_on_a_phone(page: Path, tmp_path: Path) -> None:
    """The page is as wide as the screen: in a frame of that width it does not scroll."""
    frame = tmp_path / "frame.html"
    frame.write_text(
        f"<iframe src='{page.name}' style='width:390px;height:800px' onload=\"document.title ="
        'this.contentDocument.documentElement.scrollWidth"></iframe>'
    )
    shown = browse(frame, tmp_path / "profile", "--allow-file-access-from-files", "--dump-dom")
    width = re.search(r"<title>(\d+)</title>", shown)
    assert width is not None, shown[:500]
    assert int(width.group(1)) <= 390
