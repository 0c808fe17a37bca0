"""Statistics that stay: with them one caption more changes nothing else; and tagging resumes."""

import dataclasses
import json

import pytest

from ahnpl_cli.config import NegativesConfig
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.negatives.first_pass import BLOCK
from ahnpl_cli.negatives.generate import generate

CONFIG = NegativesConfig(filler="corpus", workers=1, kinds=("attribute", "object", "relation"))
COUNT = 2 * BLOCK + 30


@pytest.fixture(scope="module")
def world(tmp_path_factory, write_captions):
    folder = tmp_path_factory.mktemp("world")
    captions = write_captions(folder / "captions.jsonl", COUNT)
    config = dataclasses.replace(CONFIG, save_statistics=str(folder / "s.json"))
    report = generate(captions, folder / "whole.jsonl", config)
    return folder, captions, report


def with_statistics(world, **changes):
    return dataclasses.replace(CONFIG, statistics=str(world[0] / "s.json"), **changes)


def test_saved_statistics_give_the_bytes_they_were_counted_with(world, tmp_path):
    folder, captions, report = world
    assert report.statistics == "all captions"
    again = generate(captions, tmp_path / "n.jsonl", with_statistics(world))
    assert (tmp_path / "n.jsonl").read_bytes() == (folder / "whole.jsonl").read_bytes()
    assert again.statistics == f"{COUNT} captions, in {folder / 's.json'}"


def test_a_limit_and_a_further_caption_change_nothing_else(world, tmp_path):
    folder, captions, _ = world
    whole = (folder / "whole.jsonl").read_text().splitlines()
    generate(captions, tmp_path / "few.jsonl", with_statistics(world, limit=39))
    assert (tmp_path / "few.jsonl").read_text().splitlines() == whole[:39]
    longer = tmp_path / "c.jsonl"
    more = {"id": "new", "image": "new.jpg", "caption": "a green dog beside a tall tree"}
    longer.write_text(captions.read_text() + json.dumps(more) + "\n")
    generate(longer, tmp_path / "more.jsonl", with_statistics(world))
    assert (tmp_path / "more.jsonl").read_text().splitlines()[:-1] == whole
    # Without, the statistics are others, which the report says.
    report = generate(captions, tmp_path / "alone.jsonl", dataclasses.replace(CONFIG, limit=39))
    assert (tmp_path / "alone.jsonl").read_text().splitlines() != whole[:39]
    assert report.statistics == "the 39 captions read alone"


def test_a_dry_run_with_statistics_shows_what_the_run_makes(world, tmp_path):
    folder, captions, _ = world
    report = generate(captions, tmp_path / "n.jsonl", with_statistics(world, dry_run=True))
    made = [record for record in read_records(folder / "whole.jsonl") if record.negatives]
    assert list(report.examples) == made[:10]


def test_which_statistics_is_an_option_that_decides(world, tmp_path):
    _, captions, _ = world
    generate(captions, tmp_path / "n.jsonl", CONFIG)
    with pytest.raises(ConfigError, match="made with other options: statistics none, now"):
        generate(captions, tmp_path / "n.jsonl", with_statistics(world))


@pytest.mark.parametrize("content", ["", "{}", "[1]", '{"ahnpl": NaN}', "[" * 10**5, "\x00"])
def test_a_file_of_something_else_is_one_line(world, tmp_path, content):
    path = tmp_path / "s.json"
    path.write_text(content)
    config = dataclasses.replace(CONFIG, statistics=str(path))
    with pytest.raises(DataError, match="s.json: no file of statistics. Write it with"):
        generate(world[1], tmp_path / "n.jsonl", config)
    missing = dataclasses.replace(CONFIG, statistics=str(tmp_path / "none.json"))
    with pytest.raises(DataError, match="none.json: no such file"):
        generate(world[1], tmp_path / "n.jsonl", missing)


def test_of_both_options_one_is_enough():
    with pytest.raises(ConfigError, match="Give one"):
        NegativesConfig(statistics="a", save_statistics="b")


class Killed(BaseException):
    """Stands for the end of the process: nothing is cleaned up on the way out."""


def counted(seen, stop=None):
    """A progress bar that notes what it is shown, and may end the process in the middle."""

    def track(items, *, total=None, description="", unit=""):
        for number, item in enumerate(items):
            if description == "Tagging captions" and number == stop:
                raise Killed
            seen.append(description)
            yield item

    return track


def test_tagging_goes_on_after_an_interruption(world, tmp_path, monkeypatch, caplog):
    folder, captions, _ = world
    output = tmp_path / "n.jsonl"
    with pytest.raises(Killed):
        generate(captions, output, CONFIG, track=counted([], BLOCK + 5))
    from ahnpl_cli.negatives.text.words import Tagger

    tagged = []
    real = Tagger.tag
    monkeypatch.setattr(
        Tagger, "tag", lambda self, texts: tagged.append(len(texts)) or real(self, texts)
    )
    with caplog.at_level("INFO"):
        generate(captions, output, CONFIG)
    assert output.read_bytes() == (folder / "whole.jsonl").read_bytes()
    # Two blocks were tagged before; the third, and nothing else, is now.
    assert sum(tagged) == COUNT - 2 * BLOCK
    assert f"Resuming after {2 * BLOCK} tagged captions." in caplog.text


def test_statistics_that_were_counted_are_not_counted_again(world, tmp_path):
    folder, captions, _ = world
    output = tmp_path / "n.jsonl"

    def track(items, *, total=None, description="", unit=""):
        for item in items:
            if description == "Making negatives":
                raise Killed
            yield item

    with pytest.raises(Killed):
        generate(captions, output, CONFIG, track=track)
    seen = []
    generate(captions, output, CONFIG, track=counted(seen))
    assert "Tagging captions" not in seen
    assert output.read_bytes() == (folder / "whole.jsonl").read_bytes()
