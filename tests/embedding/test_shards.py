"""Parts of a job, by `--shard` or in actors, that together are the whole."""

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from ahnpl_cli.config import ClusterConfig, EmbedConfig
from ahnpl_cli.errors import BusyError, ConfigError
from ahnpl_cli.outputs import lock
from ahnpl_cli.records import EmbedReport

Run = Callable[..., EmbedReport]


def tree(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize("broken", [False, True])
def test_parts_and_a_join_are_the_bytes_of_one_run(world: Path, run: Run, broken: bool) -> None:
    options = {"rows_per_shard": 1, "perturb": True, "on_error": "skip"}
    if broken:
        (world / "a.png").write_bytes(b"no image")
    run(world / "negatives.jsonl", output=str(world / "whole"), **options)
    reports = [run(world / "negatives.jsonl", shard=f"{part}/2", **options) for part in (1, 0)]
    assert [report.shard for report in reports] == ["1/2", "0/2"]
    assert all(report.shards > 2 for report in reports)
    assert not (world / "out" / "index.json").exists()
    joined = run(world / "negatives.jsonl", **options)
    assert joined.kept == sum(report.shards for report in reports)
    assert tree(world / "out") == tree(world / "whole")


def test_a_part_that_is_missing_is_made_by_the_join(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", output=str(world / "whole"), rows_per_shard=1)
    part = run(world / "negatives.jsonl", shard="0/3", rows_per_shard=1)
    joined = run(world / "negatives.jsonl", rows_per_shard=1)
    assert 0 < joined.kept == part.shards < joined.shards
    assert tree(world / "out") == tree(world / "whole")


def test_more_parts_than_shards_leave_some_empty(world: Path, run: Run) -> None:
    reports = [run(world / "negatives.jsonl", shard=f"{part}/5") for part in range(5)]
    assert sorted(report.shards for report in reports) == [0, 0, 0, 0, 3]


def test_the_captions_are_read_once_for_all_parts(
    world: Path, run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ahnpl_cli.embedding import run as module

    fills = []
    fill = module._fill
    monkeypatch.setattr(module, "_fill", lambda *given: (fills.append(1), fill(*given)))
    for shard in ("0/2", "1/2", None):
        run(world / "negatives.jsonl", shard=shard)
    assert len(fills) == 1
    # Another file of captions is another survey.
    (world / "negatives.jsonl").touch()
    run(world / "negatives.jsonl", shard="0/2")
    assert len(fills) == 2


def test_a_part_waits_for_the_one_that_reads_the_captions(world: Path, run: Run) -> None:
    (world / "out").mkdir()
    held, done = threading.Event(), threading.Event()

    def hold() -> None:
        with lock(world / "out" / ".items.sqlite"):
            held.set()
            done.wait(1.0)

    holder = threading.Thread(target=hold)
    holder.start()
    held.wait()
    with pytest.raises(BusyError):
        run(world / "negatives.jsonl")
    assert run(world / "negatives.jsonl", shard="0/1").shards == 3
    holder.join()


def test_a_join_does_not_run_beside_a_part(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", shard="0/2")
    with (
        lock(world / "out" / "shard-00001-of-00002"),
        pytest.raises(BusyError, match="shard-00001-of-00002: another process is writing here"),
    ):
        run(world / "negatives.jsonl")


def test_a_part_with_other_options_is_refused(world: Path, run: Run) -> None:
    run(world / "negatives.jsonl", shard="1/2")
    with pytest.raises(ConfigError, match="made with other options: dtype float32, now float16"):
        run(world / "negatives.jsonl", shard="0/2", dtype="float16")
    with pytest.raises(ConfigError, match="--shard would remove what other parts wrote"):
        EmbedConfig(shard="0/2", force=True)
    with pytest.raises(ConfigError, match="standard input can be read once"):
        run(Path("-"), shard="0/2")


@pytest.mark.slow
def test_actors_write_the_bytes_of_this_process(world: Path, run: Run) -> None:
    pytest.importorskip("ray", reason="needs the extra ray")
    options = {"rows_per_shard": 1, "perturb": True}
    run(world / "negatives.jsonl", output=str(world / "whole"), **options)
    cluster = ClusterConfig(engine="ray", address="local", actors=2)
    run(world / "negatives.jsonl", cluster=cluster, **options)
    assert tree(world / "out") == tree(world / "whole")
