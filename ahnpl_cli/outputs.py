"""What to do with an output that exists, and who may write it.

Every command asks here, so that the rules and their words are the same everywhere: an output made
with other options, or by somebody else, is never overwritten without `--force`, and one process at
a time writes an output.
"""

from __future__ import annotations

import contextlib
import dataclasses
import errno
import json
import os
import socket
import threading
import time
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from ahnpl_cli.errors import BusyError, ConfigError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]

State = Literal["fresh", "resume", "done"]
HINT = "Choose another --output, or overwrite it with --force."
LONGEST = 60  # characters of a value in a message


def _shown(value: Any) -> str:
    text = "none" if value is None else str(value)
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 3]}..."


def changes(kept: Mapping[str, Any], wanted: Mapping[str, Any]) -> list[str]:
    """Return which options differ, as `lr 1e-05, now 2e-05`.

    Args:
        kept: options that an output was made with.
        wanted: options of this call, in the order in which they are named.
    """
    names = [*wanted, *(name for name in kept if name not in wanted)]
    return [
        f"{name} {_shown(kept.get(name))}, now {_shown(wanted.get(name))}"
        for name in names
        if kept.get(name) != wanted.get(name)
    ]


def settle(
    path: Path,
    wanted: Mapping[str, Any],
    kept: Mapping[str, Any] | None,
    *,
    complete: bool = False,
    force: bool = False,
    resume: bool = True,
) -> State:
    """Decide what becomes of an output.

    Args:
        path: the output.
        wanted: the options that decide its content.
        kept: those it was made with; None where there is nothing yet.
        complete: whether what is there is finished.
        force: `--force`.
        resume: `--resume`; without it, work of the same options is done again.

    Returns:
        `fresh`: make it anew. `resume`: continue. `done`: nothing is left to do.

    Raises:
        ConfigError: it was made with other options, and `force` is off.
    """
    if force or kept is None:
        return "fresh"
    differing = changes(kept, wanted)
    if differing:
        what = f"made with other options: {'; '.join(differing)}"
        raise ConfigError(what, where=str(path), hint=HINT)
    if not resume:
        return "fresh"
    return "done" if complete else "resume"


def foreign(path: Path, command: str) -> ConfigError:
    """Return the error for an output that `command` did not write."""
    return ConfigError(f"exists, and was not written by `{command}`", where=str(path), hint=HINT)


def meta_path(output: Path) -> Path:
    """Return where the report on a file of records is: beside it, `negatives.meta.json`."""
    name = output.name.removesuffix(".gz").removesuffix(".jsonl")
    return output.with_name(f"{name}.meta.json")


def check_new(path: Path, *, force: bool) -> None:
    """Refuse to overwrite a file.

    Raises:
        ConfigError: it exists, and `force` is off.
    """
    if path.exists() and not force:
        raise ConfigError("exists", where=str(path), hint=HINT)


STALE = 60.0  # seconds without a heartbeat after which a process of another host counts as dead
HEARTBEAT = 15.0  # seconds between two heartbeats


@dataclasses.dataclass(frozen=True, slots=True)
class _Holder:
    """The process that writes an output; the content of a lock file.

    Attributes:
        process: its number.
        host: where it runs.
        since: when it took the lock, as users read it.
        started: tells it from a later process of the same number; empty where nobody knows.
    """

    process: int
    host: str
    since: str
    started: str


def _start_of(process: int) -> str:
    try:
        fields = Path(f"/proc/{process}/stat").read_text(encoding="utf-8")
    except OSError:
        return ""
    # The name, in parentheses, may hold anything; field 22 counts from it.
    return fields.rpartition(")")[2].split()[19]


def _read_holder(descriptor: int) -> _Holder | None:
    """Return who holds a lock; None if the file is empty or not ours."""
    try:
        fields = json.loads(os.pread(descriptor, 4096, 0))
        holder = _Holder(**fields)
    except (ValueError, TypeError):
        return None
    return holder if isinstance(holder.process, int) else None


def _is_alive(holder: _Holder | None, heartbeat: float) -> bool:
    """Whether the holder of a lock, last heard of at a time, still runs."""
    if holder is None or holder.host != socket.gethostname():
        return time.time() - heartbeat < STALE
    try:
        os.kill(holder.process, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # somebody else's process runs as well
    return not holder.started or _start_of(holder.process) == holder.started


def _is_file(status: os.stat_result, file: Path) -> bool:
    """Whether an open file is still the one of a name."""
    try:
        return os.path.samestat(status, file.stat())
    except FileNotFoundError:
        return False


def _take(file: Path, path: Path, us: _Holder) -> None:
    """Write ourselves into a lock file.

    Raises:
        BusyError: another process holds it.
    """
    while True:
        # Not O_EXCL: the lock of a dead process is taken over in place.
        descriptor = os.open(file, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            if fcntl is not None:
                # Only for this look and write; file systems without such locks do without.
                with contextlib.suppress(OSError):
                    fcntl.lockf(descriptor, fcntl.LOCK_EX)
            status = os.fstat(descriptor)
            if not _is_file(status, file):
                continue  # its holder removed it after we opened it
            holder = _read_holder(descriptor)
            if status.st_size and _is_alive(holder, status.st_mtime):
                raise _busy(path, holder)
            os.ftruncate(descriptor, 0)
            os.pwrite(descriptor, json.dumps(dataclasses.asdict(us)).encode(), 0)
            return
        finally:
            os.close(descriptor)


def _busy(path: Path, holder: _Holder | None) -> BusyError:
    what = "another process is writing here"
    if holder is not None:
        here = holder.host == socket.gethostname()
        place = "" if here else f" on {holder.host}"
        what += f": {holder.process}{place}, since {holder.since}"
    return BusyError(what, where=str(path), hint="Wait until it ends, or choose another --output.")


@contextlib.contextmanager
def lock(path: Path) -> Iterator[None]:
    """Keep other processes from writing an output, a file or a folder, while the block runs.

    The lock is the file `.NAME.lock` beside the output. One whose process died is taken over: on
    this host at once, on another when it has given no heartbeat for `STALE` seconds.

    Raises:
        BusyError: another process is writing it.
        OSError: the folder of the output cannot be written.
    """
    # One lock for all names of an output.
    target = Path(os.path.realpath(path))
    file = target.with_name(f".{target.name}.lock")
    now = time.strftime("%Y-%m-%d %H:%M:%S")
    us = _Holder(os.getpid(), socket.gethostname(), now, _start_of(os.getpid()))
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        _take(file, path, us)
    except FileExistsError as error:
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(path)) from error
    except OSError as error:
        error.filename = str(path)  # users know the output, not its lock
        raise
    ended = threading.Event()

    def beat() -> None:
        while not ended.wait(HEARTBEAT):
            with contextlib.suppress(OSError):
                os.utime(file)

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()
        # A process that slept for more than a minute may have lost it to another host.
        with contextlib.suppress(OSError, ValueError, TypeError):
            if _Holder(**json.loads(file.read_bytes())) == us:
                file.unlink()


def share(path: Path) -> None:
    """Give a file the mode of any new file; safetensors makes its files for their owner alone."""
    plain = path.with_name(f"{path.name}.mode")
    plain.touch()
    path.chmod(plain.stat().st_mode)
    plain.unlink()
