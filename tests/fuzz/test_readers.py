"""Any bytes at all, drawn by hypothesis: each reader gives values or one error that names the file.

A failing example is printed with the line that brings it back (`@reproduce_failure`).
"""

import gzip
import json
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ahnpl_cli.data.captions import read_captions
from ahnpl_cli.data.images import ImageRef
from ahnpl_cli.data.jsonl import read_records
from ahnpl_cli.data.tar_shards import read_shards
from ahnpl_cli.errors import AhnplError
from ahnpl_cli.files import read_json, read_jsonl, read_lines, read_text, read_toml

READERS: dict[str, tuple[str, Callable[[Path], Any]]] = {
    "text": ("x.txt", read_text),
    "lines": ("x.txt", lambda path: list(read_lines(path))),
    "gzip": ("x.jsonl.gz", lambda path: list(read_lines(path))),
    "json": ("x.json", read_json),
    "jsonl": ("x.jsonl", lambda path: list(read_jsonl(path))),
    "toml": ("x.toml", read_toml),
    "records": ("x.jsonl", lambda path: list(read_records(path))),
    "captions": ("x", lambda path: list(read_captions(path))),
    "csv": ("x.csv", lambda path: list(read_captions(path))),
    "image": ("x.png", lambda path: ImageRef(path).load()),
    "tar": ("x.tar", lambda path: list(read_shards([str(path)]))),
}
TEXT = st.text(st.characters(codec=None), max_size=40)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)
RECORDS = st.fixed_dictionaries(
    {},
    optional=dict.fromkeys(("id", "image", "caption", "negatives", "meta", "captions"), VALUES),
)


def documents() -> Iterator[st.SearchStrategy[bytes]]:
    """Bytes, texts in many encodings, JSON of records and of anything, and all of it gzipped."""
    yield st.binary(max_size=300)
    encodings = st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "latin-1"])
    yield st.builds(lambda text, encoding: text.encode(encoding, "replace"), TEXT, encodings)
    lines = st.lists(RECORDS | VALUES, max_size=3)
    yield lines.map(lambda records: "\n".join(map(json.dumps, records)).encode())
    yield VALUES.map(lambda value: json.dumps(value).encode())
    yield st.binary(max_size=300).map(gzip.compress)
    yield st.binary(max_size=300).map(lambda data: gzip.compress(data)[:-9])


@pytest.mark.parametrize("reader", READERS)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=list(HealthCheck))
@given(content=st.one_of(*documents()))
def test_any_bytes_are_values_or_one_error(reader: str, content: bytes) -> None:
    name, read = READERS[reader]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name
        path.write_bytes(content)
        try:
            read(path)
        except AhnplError as error:
            assert name in str(error)
            assert "\n" not in str(error)
