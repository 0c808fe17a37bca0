"""What a user reads has one style: sentences in notes, and labels of bars that begin alike."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

import ahnpl_cli

PACKAGE = Path(ahnpl_cli.__file__).parent
LEVELS = ("logger.debug", "logger.info", "logger.warning", "logger.error")
SOURCES = sorted(PACKAGE.rglob("*.py"))


def complaints(source: str) -> list[str]:
    """Return what in a file breaks the style."""
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Assign):
            name, value = ast.unparse(node.targets[0]), ast.unparse(node.value)
            if "getLogger(__name__)" in value and name != "logger":
                found.append(f"line {node.lineno}: call it logger")
        if isinstance(node, ast.Call):
            found += [f"line {node.lineno}: {complaint}" for complaint in of_call(node)]
    return found


def of_call(call: ast.Call) -> Iterator[str]:
    """Yield what is wrong with a note or with a bar's label."""
    function = ast.unparse(call.func)
    if function in LEVELS and isinstance(call.args[0], ast.Constant):
        text = str(call.args[0].value)
        if text[:1].islower() or not text.endswith((".", "%s")):
            yield f"a note is a sentence: {text}"
    for keyword in call.keywords:
        if keyword.arg == "description" and isinstance(keyword.value, ast.Constant):
            label = str(keyword.value.value)
            if label[:1].islower():
                yield f"a bar's label begins with a capital: {label}"


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(PACKAGE)))
def test_notes_are_sentences(path: Path) -> None:
    assert complaints(path.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "source",
    [
        "log = logging.getLogger(__name__)",
        "logger.info('reading %s.', path)",
        "logger.info('Reading %s', 'x and more')\nlogger.info('Reading')",
        "track(items, description='reading')",
    ],
)
def test_the_check_of_messages_can_fail(source: str) -> None:
    assert complaints(source)
