"""Reads one large JSON document piece by piece, so that memory does not grow with the file.

Not ijson, which is as fast: its errors name no line, and 100 kB of `[` take it more than 20 GB.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

from ahnpl_cli.errors import DataError
from ahnpl_cli.files import LONGEST_LINE, check_surrogates, not_utf8, open_bytes

_CHUNK = 1 << 18
_SPACE = " \t\r\n"
_decoder = json.JSONDecoder()


class UnusableElement(DataError):
    """An element that is JSON, and still nothing that could be kept; those after it are read."""


class _Text:
    """A window that moves over the text of a stream."""

    def __init__(self, stream: IO[bytes], path: Path) -> None:
        self.stream, self.path = stream, path
        self.decode = codecs.getincrementaldecoder("utf-8-sig")().decode
        self.buffer, self.at, self.line, self.ended = "", 0, 1, False

    def _where(self) -> str:
        return f"{self.path}:{self.line + self.buffer.count(chr(10), 0, self.at)}"

    def fail(self, what: str) -> DataError:
        """The error for text that is not JSON at the present place."""
        return DataError(f"not JSON, {what}", where=self._where(), hint="Is the file complete?")

    def more(self) -> bool:
        """Read on, doubling the window while one value does not fit; False at the end."""
        if self.ended:
            return False
        data = self.stream.read(max(_CHUNK, len(self.buffer) - self.at))
        self.ended = not data
        self.line += self.buffer.count("\n", 0, self.at)
        self.buffer, self.at = self.buffer[self.at :], 0
        try:
            self.buffer += self.decode(data, self.ended)
        except UnicodeDecodeError as error:
            self.at = len(self.buffer)
            raise not_utf8(self._where(), error, DataError) from error
        return not self.ended

    def peek(self) -> str:
        """The next character that is no white space, not consumed; empty at the end."""
        while True:
            while self.at < len(self.buffer) and self.buffer[self.at] in _SPACE:
                self.at += 1
            if self.at < len(self.buffer):
                return self.buffer[self.at]
            if not self.more():
                return ""

    def take(self, expected: str) -> str:
        """Consume one of the characters expected."""
        character = self.peek()
        if not character or character not in expected:
            raise self.fail(f"expecting {' or '.join(expected)}")
        self.at += 1
        return character

    def value(self) -> Any:
        """Consume one whole value."""
        self.peek()
        while True:
            try:
                value, end = _decoder.raw_decode(self.buffer, self.at)
            except json.JSONDecodeError as error:
                if len(self.buffer) - self.at > LONGEST_LINE:
                    raise self.fail(f"a value of more than {LONGEST_LINE >> 20} MiB") from error
                if not self.more():
                    raise self.fail(error.msg.lower()) from error
                continue
            except RecursionError as error:
                raise self.fail("nested too deeply") from error
            except ValueError as error:
                # Thousands of digits: Python adds a hint for programmers behind a semicolon.
                raise self.fail(str(error).split(";")[0].lower()) from error
            # A number may go on in the next chunk.
            if end < len(self.buffer) or not self.more():
                text = self.buffer[self.at : end]
                where = self._where()
                self.at = end
                check_surrogates(text, value, where, error=UnusableElement)
                return value


def _array(text: _Text) -> Iterator[Any]:
    text.take("[")
    if text.peek() == "]":
        text.take("]")
        return
    while True:
        element: Any
        try:
            element = text.value()
        except UnusableElement as error:
            element = error
        yield element
        if text.take(",]") == "]":
            return


def _members(text: _Text) -> Iterator[tuple[str, Any]]:
    text.take("{")
    while text.peek() != "}":
        key = text.value()
        text.take(":")
        if text.peek() == "[":
            yield from ((key, item) for item in _array(text))
        else:
            yield key, text.value()
        if text.take(",}") == "}":
            return
    text.take("}")


def elements(path: Path) -> Iterator[tuple[str, Any]]:
    """Yield the elements of the arrays at the top of a document, each under its key.

    A document that is one array gives its elements under an empty key; members that are no arrays
    are given as they are. In the place of an element that cannot be used, its error is given.

    Raises:
        DataError: the text is not JSON or not UTF-8; the message names the line.
    """
    with open_bytes(path) as stream:
        text = _Text(stream, path)
        if text.peek() == "[":
            yield from (("", item) for item in _array(text))
        else:
            yield from _members(text)
        if text.peek():
            raise text.fail("text after the end")
