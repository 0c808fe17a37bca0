"""Seeded damage to files, as disks, editors, scripts and strangers do it."""

import csv
import io
import json
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

SURROGATE = "\ud800"
# Text that JSON's writer would not write: put in by name, and replaced in what it wrote.
RAW = {
    "@deep@": "[" * 3000 + "]" * 3000,
    "@digits@": "1" * 5000,
    "@nan@": "NaN",
    "@surrogate@": '"\\ud800"',
    "@huge@": "1e999",
}
VALUES: tuple[Any, ...] = (
    *(None, True, False, 0, -1, 1.5, 2**63, -(2**70), 1e308, 10**30),
    *("", " ", "\x00", "a\nb", "\x1b]0;t\x07", "../../etc/passwd", "/dev/zero", "x" * 5000, "²/3"),
    *([], {}, [None], [[]], {"": None}, [1, 2, 3], "\u2028", "\u202e", "NaN", "-", "=cmd|x"),
    *RAW,
)


def places(tree: Any) -> list[tuple[Any, Any]]:
    """Return (container, key) of every value in a tree of lists and objects."""
    found: list[tuple[Any, Any]] = []
    keys = list(tree) if isinstance(tree, dict) else range(len(tree))
    for key in keys:
        found.append((tree, key))
        if isinstance(tree[key], dict | list):
            found += places(tree[key])
    return found


def _dumped(tree: Any) -> str:
    text = json.dumps(tree, ensure_ascii=False)
    for name, raw in RAW.items():
        text = text.replace(f'"{name}"', raw)
    return text


def damage_tree(tree: Any, rng: random.Random) -> Any:
    """Return a JSON value with one thing wrong."""
    if rng.random() < 0.05 or not isinstance(tree, dict | list) or not tree:
        return rng.choice([rng.choice(VALUES), [tree], {"x": tree}])
    container, key = rng.choice(places(tree))
    how = rng.randrange(5)
    if how == 0 and isinstance(container, dict):
        container["renamed"] = container.pop(key)
    elif how == 1:
        del container[key]
    elif how == 2:
        container[key] = [container[key]]
    else:
        container[key] = rng.choice(VALUES)
    return tree


def damage_json(content: bytes, rng: random.Random) -> bytes:
    """Damage a JSON document, or a random line of JSON Lines."""
    text = content.decode("utf-8")
    lines = text.splitlines(keepends=True)
    try:
        return _dumped(damage_tree(json.loads(text), rng)).encode("utf-8", "surrogatepass")
    except ValueError:
        number = rng.randrange(len(lines))
        lines[number] = _dumped(damage_tree(json.loads(lines[number]), rng)) + "\n"
        return "".join(lines).encode("utf-8", "surrogatepass")


def damage_table(content: bytes, rng: random.Random) -> bytes:
    """Damage a cell, a row, or how the table is written."""
    delimiter = rng.choice([",", "\t", ";"])
    rows = list(csv.reader(io.StringIO(content.decode("utf-8"))))
    number = rng.randrange(len(rows))
    how = rng.randrange(4)
    if how == 0:
        rows[number].append("one more")
    elif how == 1:
        rows[number].pop()
    elif how == 2:
        rows[number] = []
    else:
        value = rng.choice([v for v in VALUES if isinstance(v, str)])
        rows[number][rng.randrange(len(rows[number]))] = value
    buffer = io.StringIO()
    ends = rng.choice(["\n", "\r\n", "\r"])
    csv.writer(buffer, delimiter=delimiter, lineterminator=ends).writerows(rows)
    text = buffer.getvalue()
    if rng.random() < 0.2:
        text = text.replace(ends, f'"{ends}', 1)
    return text.encode(rng.choice(["utf-8", "utf-8-sig", "utf-16", "cp1252"]), "replace")


def damage_toml(content: bytes, rng: random.Random) -> bytes:
    """Replace the value of an option, or its name."""
    lines = content.decode().splitlines()
    number = rng.randrange(len(lines))
    name, _, _ = lines[number].partition(" = ")
    value = rng.choice(['"x"', "[]", "-1", "nan", "inf", "1979-05-27", "{a = 1}", *RAW.values()])
    lines[number] = f"{rng.choice([name, name, 'unknown', ''])} = {value}"
    return "\n".join(lines).encode("utf-8", "surrogatepass")


def damage_bytes(content: bytes, rng: random.Random) -> bytes:
    """Damage bytes, whatever they are."""
    data = bytearray(content)
    start = rng.randrange(len(data) or 1)
    stop = min(len(data), start + rng.randrange(1, 64))
    how = rng.randrange(8)
    if how == 0:
        return bytes(data[:start])
    if how == 1:
        del data[start:stop]
    elif how == 2:
        data[start:start] = rng.choice([b"\x00", b"\xff\xfe", b"\xef\xbb\xbf", b"\r", b"\xe9"])
    elif how == 3:
        data[start:stop] = rng.randbytes(stop - start)
    elif how == 4:
        data[start:start] = data[start:stop] * 3
    elif how == 5:
        return b""
    elif how == 6:
        return content.decode("latin-1").encode("utf-16")
    else:
        for _ in range(rng.randrange(1, 8)):
            if data:
                data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)
    return bytes(data)


BY_ENDING: dict[str, Callable[[bytes, random.Random], bytes]] = {
    ".json": damage_json,
    ".jsonl": damage_json,
    ".csv": damage_table,
    ".tsv": damage_table,
    ".toml": damage_toml,
}


def damage(path: Path, rng: random.Random) -> None:
    """Damage a file: by what it holds, or by its bytes alone."""
    content = path.read_bytes()
    by_content = BY_ENDING.get(path.suffix, damage_bytes)
    if rng.random() < 0.3:
        by_content = damage_bytes
    path.write_bytes(by_content(content, rng))
