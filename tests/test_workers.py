"""A process that died is told in one line; other errors pass."""

import errno

import pytest

from ahnpl_cli.errors import AhnplError
from ahnpl_cli.workers import worker_errors


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed."),
        EOFError(),
        ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"),
        FileNotFoundError(errno.ENOENT, "No such file or directory"),
    ],
    ids=repr,
)
def test_a_worker_that_is_gone_is_one_line_however_it_is_noticed(error: Exception) -> None:
    with pytest.raises(AhnplError) as caught, worker_errors():
        raise error
    assert str(caught.value) == (
        "a process that decodes images died. If memory ran out, use fewer --workers; the same "
        "command continues from here."
    )


@pytest.mark.parametrize(
    ("error", "receives"),
    [
        (FileNotFoundError(errno.ENOENT, "No such file or directory", "a.json"), True),
        (ConnectionResetError(errno.ECONNRESET, "Connection reset by peer"), False),
        (RuntimeError("shapes differ"), True),
    ],
    ids=repr,
)
def test_other_errors_stay_what_they_are(error: Exception, receives: bool) -> None:
    with pytest.raises(type(error)) as caught, worker_errors(receives=receives):
        raise error
    assert caught.value is error
