"""Expressions that are not part of the language: what each is told, in `tests/golden/rejections/forms.txt`.

An entry is the expression and the message with its hint. The names are those of `docs/language.md`. `pytest --bless`
rewrites the messages; a new entry needs only its first line.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest
import torch

import flambeau
from flambeau.errors import ScriptError
from tests.python.language_reference import Row, load_row

GOLDEN = Path(__file__).parents[1] / "golden" / "rejections" / "forms.txt"


def entries() -> dict[str, str]:
    """Expression -> what it is told."""
    parts = GOLDEN.read_text(encoding="utf-8").split("=== ")[1:]
    return {part.partition("\n")[0]: part.partition("\n")[2].strip("\n") for part in parts}


def row_of(number: int, expression: str) -> Row:
    return Row("rejected", "", number, expression, (f"return {expression}",), "", "", is_rejected=True)


def told(function: object) -> str:
    with pytest.raises(ScriptError) as caught:
        flambeau.script(function)
    error = caught.value
    hint = [f"Hint: {error.remedy}"] if error.remedy else []
    message = re.sub(r"\brejected_\d+\.", "", error.message)
    lines = [line.rstrip() for line in message.strip("\n").splitlines()]
    return "\n".join([*lines, *hint])


def test_what_each_is_told(tmp_path: Path, bless: bool) -> None:
    expected, found = entries(), {}
    for number, expression in enumerate(expected):
        row = row_of(number, expression)
        found[expression] = told(vars(load_row(row, tmp_path))[row.function])
    if bless:
        text = "\n\n".join(f"=== {expression}\n{message}" for expression, message in found.items())
        GOLDEN.write_text(text + "\n", encoding="utf-8")
        expected = found
    assert found == expected


@pytest.mark.filterwarnings("ignore")
def test_torch_jit_rejects_each(tmp_path: Path) -> None:
    for number, expression in enumerate(entries()):
        row = row_of(number, expression)
        function = vars(load_row(row, tmp_path))[row.function]
        with pytest.raises((RuntimeError, TypeError, torch.jit.frontend.FrontendError)):
            torch.jit.script(function)
