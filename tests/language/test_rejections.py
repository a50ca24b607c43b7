"""The whole text of every rejection: one golden file for each section, in `tests/golden/rejections`.

`pytest tests/language/test_rejections.py --bless` rewrites them; read the difference line by line.
"""

from __future__ import annotations

import re
from itertools import groupby
from pathlib import Path

import pytest

import flambeau
from flambeau.errors import ScriptError
from tests.language.harness import Program, Rejected
from tests.language.test_language import REJECTED

FOLDER = Path(__file__).parents[1] / "golden" / "rejections"
SECTIONS = {
    section: list(programs) for section, programs in groupby(REJECTED, key=lambda program: program.name.split("/")[0])
}
_PLACES = (
    (re.compile(r'File "[^"]*/([^/"]+)", line \d+'), r'File "\1"'),
    (re.compile(r" at 0x[0-9a-f]+"), ""),
    (re.compile(r"___torch_mangle_\d+\."), ""),
)
_MOST_LINES = 60


def text_of(program: Program) -> str:
    """The message, without what differs from place to place and from release to release."""
    outcome = program.under(flambeau.script)
    assert isinstance(outcome, Rejected)
    assert isinstance(outcome.error, ScriptError)
    text = str(outcome.error)
    for pattern, replacement in _PLACES:
        text = pattern.sub(replacement, text)
    lines = [line.rstrip() for line in text.strip("\n").splitlines()]
    if len(lines) > _MOST_LINES:
        lines = [*lines[:6], "  ...", *lines[-20:]]
    return "\n".join(lines)


@pytest.mark.parametrize("section", SECTIONS)
def test_the_whole_message(section: str, bless: bool) -> None:
    path = FOLDER / f"{section}.txt"
    found = "\n\n".join(f"=== {program.name}\n{text_of(program)}" for program in SECTIONS[section]) + "\n"
    if bless:
        path.parent.mkdir(exist_ok=True)
        path.write_text(found, encoding="utf-8")
    assert found == path.read_text(encoding="utf-8"), "run `pytest --bless` if the new text is right"
