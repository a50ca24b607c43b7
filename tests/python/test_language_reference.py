"""Every form and rejection of `docs/language/*.md`: scripts, archives, Python and torch.jit do as the table says."""

from __future__ import annotations

import contextlib
import io
import warnings
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

import flambeau
from flambeau.errors import ScriptError
from tests.python.language_reference import Row, load_row, outcome, rows

ROWS = tuple(rows())
FORMS = tuple(row for row in ROWS if not row.is_rejected)
REJECTED = tuple(row for row in ROWS if row.is_rejected)
NOT_SAVED = {"function that stays in Python", "module of the file"}
NOT_IN_PYTORCH = {"hash", "Enum class"}
"""Forms whose archives mean something else there: hashes differ, and a class that it never scripted stays unknown."""


@pytest.fixture(autouse=True)
def _quiet() -> object:
    overloads = dict(torch._jit_internal._overloaded_fns)
    with warnings.catch_warnings(), contextlib.redirect_stdout(io.StringIO()):
        warnings.simplefilter("ignore")
        yield
    # torch.jit forgets declared overloads once it has compiled them.
    torch._jit_internal._overloaded_fns.update(overloads)


@pytest.mark.parametrize("row", FORMS, ids=str)
def test_form(row: Row, tmp_path: Path) -> None:
    names = vars(load_row(row, tmp_path))
    function = names[row.function]
    assert outcome(function, row, names) == row.in_python
    scripted = flambeau.script(function)
    assert outcome(scripted, row, names) == row.value
    if row.form not in NOT_SAVED:
        saved = scripted.save_to_buffer()
        assert outcome(_loaded(flambeau.load, saved), row, names) == row.value
        if row.form not in NOT_IN_PYTORCH:
            assert _agree(outcome(_loaded(torch.jit.load, saved), row, names), row.value)
    if row.is_extension:
        with pytest.raises((RuntimeError, torch.jit.frontend.FrontendError)):
            torch.jit.script(function)
        return
    assert _agree(outcome(torch.jit.script(function), row, names), row.value)


def _agree(theirs: str, value: str) -> bool:
    """Whether PyTorch's outcome is the documented one; the class of an exception is flambeau's matter."""
    return theirs == value or (theirs.startswith("raises ") and value.startswith("raises "))


def _loaded(load: Callable[[io.BytesIO], object], saved: bytes) -> Callable[..., object]:
    module: Callable[..., object] = load(io.BytesIO(saved))  # type: ignore[assignment]
    return module


@pytest.mark.parametrize("row", REJECTED, ids=str)
def test_rejection(row: Row, tmp_path: Path) -> None:
    function = vars(load_row(row, tmp_path))[row.function]
    with pytest.raises(ScriptError) as caught:
        flambeau.script(function)
    assert row.value in str(caught.value)
    assert row.value
    with pytest.raises((RuntimeError, torch.jit.frontend.FrontendError)):
        torch.jit.script(function)


def test_no_form_stands_twice() -> None:
    names = [str(row) for row in ROWS]
    assert len(names) == len(set(names))
