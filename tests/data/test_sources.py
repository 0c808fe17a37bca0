"""Several sources of training pairs on one command line."""

import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import fsspec
import numpy as np
import pytest
import torch
from fsspec.implementations.memory import MemoryFileSystem
from safetensors.torch import load_file

from ahnpl_cli.config import OptimizerConfig, TrainConfig
from ahnpl_cli.data.dataset import TrainingSet
from ahnpl_cli.data.fingerprints import fingerprints
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.sources import DataSource, open_place, parse_sources, read_stretch, size_of
from ahnpl_cli.data.tar_shards import read_shards
from ahnpl_cli.errors import ConfigError, DataError
from ahnpl_cli.records import CaptionRecord
from ahnpl_cli.training.loop import fit
from tests.data.test_tar_shards import picture, write


def test_a_file_alone_has_neither_name_nor_weight() -> None:
    assert parse_sources(["d/n.jsonl"], None) == [DataSource("", "d/n.jsonl", Path("d"))]
    assert parse_sources(["n.jsonl"], "photos") == [DataSource("", "n.jsonl", Path("photos"))]


def test_each_source_has_its_root_and_its_weight() -> None:
    data = ["coco=c/n.jsonl:0.5", "cc3m=cc/{00..09}.tar", "vg=v.jsonl:2"]
    assert parse_sources(data, "coco=train2017,vg=genome.zip") == [
        DataSource("coco", "c/n.jsonl", Path("train2017"), 0.5),
        DataSource("cc3m", "cc/{00..09}.tar", Path("cc")),
        DataSource("vg", "v.jsonl", Path("genome.zip"), 2.0),
    ]


def test_a_file_that_is_called_so_is_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("a=b:2").touch()
    assert parse_sources(["a=b:2"], None)[0].data == "a=b:2"


@pytest.mark.parametrize(
    ("data", "root", "message"),
    [
        (["a=x", "a=y"], None, "--data names two sources a. Give each a name of its own."),
        (
            ["a=x"],
            "b=y",
            "--image-root of b, which is no source. Names given with --data: a.",
        ),
    ],
)
def test_what_does_not_go_together_is_refused(
    data: list[str], root: str | None, message: str
) -> None:
    with pytest.raises(ConfigError) as refused:
        parse_sources(data, root)
    assert str(refused.value) == message


def test_a_weight_repeats_pairs_and_a_fraction_takes_a_part_of_them() -> None:
    names = [f"{source}/{number}" for source in ("a", "b") for number in range(200)]
    records = [
        (CaptionRecord(name, f"{name}.png", f"caption {name}"), ImageRef(Path(name)), [])
        for name in names
    ]

    def tokenize(texts: Sequence[str]) -> torch.Tensor:
        return torch.tensor([[len(text)] for text in texts])

    data = TrainingSet(records, tokenize)
    data.weigh("a", 2)
    data.weigh("b", 0.25)
    times = np.bincount(data.rows, minlength=400)
    assert set(times[:200].tolist()) == {2}
    assert set(times[200:].tolist()) == {0, 1}
    assert 30 <= times[200:].sum() <= 70


@pytest.fixture
def shards(tmp_path: Path) -> Path:
    """Three shards of six samples, each with a caption and a negative."""
    words = ("red", "blue", "green")
    for shard in range(3):
        samples = []
        for number in range(6):
            key = f"{shard}-{number}"
            caption = f"a {words[number % 3]} cube and {key}"
            negative = {"kind": "object", "caption": f"a ball, {key}", "edits": [], "filler": "t"}
            record = {"id": key, "caption": caption, "negatives": [negative]}
            shade = 20 * shard + number
            samples.append({"__key__": key, "png": picture(shade), "json": json.dumps(record)})
        write(tmp_path / f"{shard}.tar", samples)
    return tmp_path


@pytest.fixture
def memory(shards: Path) -> Iterator[str]:
    """The same shards in fsspec's memory; gives their pattern."""
    system = fsspec.filesystem("memory")
    for path in sorted(shards.glob("*.tar")):
        system.pipe_file(f"/shards/{path.name}", path.read_bytes())
    yield "memory://shards/{0..2}.tar"
    system.rm("/shards", recursive=True)


@pytest.mark.parametrize("scheme", ["memory", "file", "filecache"])
def test_records_and_images_are_those_of_local_shards(
    scheme: str, shards: Path, memory: str, tmp_path: Path
) -> None:
    patterns = {
        "memory": memory,
        "file": f"file://{shards}/{{0..2}}.tar",
        # A local copy of each shard, made when it is first read.
        "filecache": "filecache::" + memory,
    }
    here = list(read_shards([f"{shards}/{{0..2}}.tar"]))
    there = list(read_shards([patterns[scheme]]))
    assert [record for record, *_ in there] == [record for record, *_ in here]
    local, remote = [m for _, m, _ in here], [m for _, m, _ in there]
    assert [m.where.rpartition("/")[2] for m in remote] == [
        m.where.rpartition("/")[2] for m in local
    ]
    for a, b in zip(local, remote, strict=True):
        assert a.load().tobytes() == b.load().tobytes()
        assert b.problem() is None
    assert fingerprints(local).tolist() == fingerprints(remote).tolist()


def test_a_run_on_addresses_ends_in_the_weights_of_local_shards(
    shards: Path, tmp_path: Path, tiny_model_folder: Path
) -> None:
    ends = []
    for name, data in (("a", f"{shards}/{{0..2}}.tar"), ("b", f"file://{shards}/{{0..2}}.tar")):
        config = TrainConfig(
            output=str(tmp_path / name),
            data=(data,),
            checkpoint=str(tiny_model_folder),
            optimizer=OptimizerConfig(batch_size=6, steps=2, warmup=0),
            device="cpu",
            workers=1,
        )
        ends.append(load_file(Path(fit(config).checkpoint) / "open_clip_model.safetensors"))
    assert all((ends[0][name] == ends[1][name]).all() for name in ends[0])


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("memory://shards/9.tar", "memory://shards/9.tar: no such shard. Check the braces of"),
        ("nonsense://x/0.tar", "nonsense://x/0.tar: cannot be reached: Protocol not known: nons"),
        ("memory://shards/0.tar.gz", "compressed shards do not support random access"),
    ],
)
def test_what_cannot_be_read_is_one_line(address: str, message: str, memory: str) -> None:
    fsspec.filesystem("memory").pipe_file("/shards/0.tar.gz", b"x")
    with pytest.raises(DataError) as caught:
        list(read_shards([address]))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_shard_that_vanishes_is_named(memory: str) -> None:
    placed = list(read_shards([memory]))
    fsspec.filesystem("memory").rm("/shards/2.tar")
    with pytest.raises(DataError, match="memory://shards/2.tar: cannot be read"):
        placed[-1][1].load()  # type: ignore[arg-type]
    assert size_of("memory://shards/2.tar") is None
    with pytest.raises(DataError, match="cannot be read"):
        open_place("memory://shards/2.tar")


def test_threads_share_one_local_copy_of_a_shard(
    shards: Path, memory: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    copied = []
    copy = MemoryFileSystem.get_file

    def counted(system: MemoryFileSystem, path: str, *words: object, **options: object) -> None:
        copied.append(path)
        copy(system, path, *words, **options)

    monkeypatch.setattr(MemoryFileSystem, "get_file", counted)
    address = memory.replace("memory://shards/{0..2}", "filecache::memory://shards/2")
    with ThreadPoolExecutor(8) as pool:
        stretches = list(pool.map(lambda start: read_stretch(address, start, 64), range(64)))
    whole = (shards / "2.tar").read_bytes()
    assert [s.read() for s in stretches] == [whole[n : n + 64] for n in range(64)]
    assert len(copied) <= 1  # none where an earlier test has it
