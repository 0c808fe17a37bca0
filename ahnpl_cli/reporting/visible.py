"""Text that came from outside, made safe to look at: what would steer a terminal is spelled out.

Captions, ids, paths and names of weights come from strangers. Printed as they are, an escape
sequence in one of them sets the window's title, hides a line or writes over another; an override of
the direction makes a path read backwards. Whoever prints goes through here, whatever the format.
"""

from __future__ import annotations

import json
import re
from typing import Any

from ahnpl_cli.files import to_json

# C0 without tab and line feed, DEL and C1; line separators; bidirectional embeddings, overrides and
# isolates; surrogates, which stand for bytes of a file name that are not UTF-8.
_STEERS = "\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff"
_CONTROL = re.compile(f"[{_STEERS}]")
_CONTROL_OR_BREAK = re.compile(f"[\t\n{_STEERS}]")


_SHORT = {"\t": "\\t", "\n": "\\n", "\r": "\\r"}


def _escape(match: re.Match[str]) -> str:
    if match[0] in _SHORT:
        return _SHORT[match[0]]
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def visible(text: str) -> str:
    r"""Return a text with each control character spelled out, such as `\x1b`; lines stay lines."""
    return _CONTROL.sub(_escape, text)


def visible_line(text: str) -> str:
    """Return a text as one line: line ends and tabs are spelled out as well."""
    return _CONTROL_OR_BREAK.sub(_escape, text)


def dump_json(value: Any, *, indent: int | None = None) -> str:
    """Return a value, see `files.to_json`, as JSON that is safe to look at and loses nothing."""
    text = json.dumps(to_json(value), ensure_ascii=False, indent=indent)
    # JSON itself spells out C0; the rest may be spelled out the same way inside its strings.
    return _CONTROL.sub(lambda match: f"\\u{ord(match[0]):04x}", text)
