"""Every program of every section: torch.jit treats it as declared, and flambeau does the same on each tier.

`tests/language/harness.py` says what is compared. One section: `pytest tests/language -k statements`.
"""

from __future__ import annotations

import importlib
import io
from pathlib import Path

import pytest
import torch

import flambeau
from flambeau import settings
from flambeau.errors import ScriptError, UnsupportedSyntaxError
from flambeau.runtime.operators import environment
from tests.language.harness import Program, Rejected, Run, check_errors, marked_line, same, same_runs
from tests.language.known_gaps import KNOWN_GAPS

_HERE = Path(__file__).parent
_NO_SECTION = {"harness", "known_gaps"}
_SECTIONS = sorted(
    path.stem for path in _HERE.glob("*.py") if path.stem not in _NO_SECTION and not path.stem.startswith("test_")
)

PROGRAMS: tuple[Program, ...] = tuple(
    program for section in _SECTIONS for program in importlib.import_module(f"tests.language.{section}").suite.programs
)
TIERS = ("interpreter", "python")


@pytest.fixture(autouse=True)
def _no_warning_was_given() -> None:
    """A script warns once in a process, and both tiers run the same one."""
    environment._warned.clear()


def _expecting_gaps(programs: tuple[Program, ...]) -> list[object]:
    return [pytest.param(program, id=program.name, marks=_marks(program.name)) for program in programs]


def _marks(name: str) -> list[pytest.MarkDecorator]:
    return [pytest.mark.xfail(reason=KNOWN_GAPS[name], strict=True)] if name in KNOWN_GAPS else []


RUNNING = tuple(program for program in PROGRAMS if program.rejection is None)
REJECTED = tuple(program for program in PROGRAMS if program.rejection is not None)


@pytest.mark.parametrize("program", PROGRAMS, ids=str)
def test_torch_jit_treats_it_as_declared(program: Program) -> None:
    oracle = program.oracle
    if program.rejection is not None:
        assert isinstance(oracle, Rejected), "torch.jit accepts it"
        assert program.rejection in str(oracle.error)
        return
    if program.extension:
        assert isinstance(oracle, Rejected), "torch.jit accepts it"
        return
    if program.deadly:
        return
    if isinstance(oracle, Rejected):
        raise oracle.error
    if not program.differs and not program.correction:
        same_runs(oracle, program.python, arguments=False)
        return
    with pytest.raises(AssertionError):
        same_runs(oracle, program.python, arguments=False)


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("program", _expecting_gaps(RUNNING))
def test_flambeau_runs_it(program: Program, tier: str) -> None:
    with settings.override(tier=tier):
        ours = program.under(flambeau.script)
    if isinstance(ours, Rejected):
        raise ours.error
    if program.follows_python:
        same_runs(ours, program.python, arguments=False)
        check_errors(ours, None, program.python)
        return
    assert isinstance(program.oracle, Run)
    same_runs(ours, program.oracle)
    check_errors(ours, program.oracle, None if program.differs else program.python)


@pytest.mark.parametrize("program", _expecting_gaps(tuple(p for p in RUNNING if p.extension)))
def test_pytorch_runs_the_archive_of_an_extension(program: Program) -> None:
    def reloaded(subject: object) -> object:
        buffer = io.BytesIO()
        flambeau.save(flambeau.script(subject), buffer)
        buffer.seek(0)
        return torch.jit.load(buffer)

    theirs = program.under(reloaded)
    if isinstance(theirs, Rejected):
        raise theirs.error
    for ours, wanted in zip(theirs.outcomes, program.python.outcomes, strict=True):
        assert (ours.error is None) == (wanted.error is None), ours.error
        if wanted.error is None:
            same(ours.value, wanted.value)


@pytest.mark.parametrize("program", _expecting_gaps(REJECTED))
def test_flambeau_rejects_it(program: Program) -> None:
    ours = program.under(flambeau.script)
    assert isinstance(ours, Rejected), "flambeau accepts it"
    if not isinstance(ours.error, ScriptError):
        raise ours.error
    assert isinstance(program.oracle, Rejected)
    text = str(ours.error)
    assert (program.ours or program.rejection or "") in text
    if program.oracle.is_syntax:
        assert isinstance(ours.error, UnsupportedSyntaxError)
    if program.marked is None:
        return
    line = marked_line(text)
    assert line is not None, f"no line is marked in:\n{text}"
    expected = program.marked or marked_line(str(program.oracle.error))
    assert expected is None or expected in line, f"the marked line is not {expected!r}:\n{text}"


def test_the_table_of_gaps_names_programs() -> None:
    assert set(KNOWN_GAPS) <= {program.name for program in PROGRAMS}
