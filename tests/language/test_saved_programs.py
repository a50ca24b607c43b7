"""Every program of every section, printed: the source compiles in flambeau and in torch.jit, and does the same."""

from __future__ import annotations

import io
import warnings
from collections.abc import Callable

import pytest
import torch

import flambeau
from flambeau.errors import UnsupportedError
from tests.language.harness import Program, Run, run, same_runs
from tests.language.test_language import RUNNING

LOADERS: dict[str, Callable[[io.BytesIO], object]] = {"flambeau": flambeau.load, "torch.jit": torch.jit.load}

LEFT_IN_PYTHON = {
    "functions/ignored_function_is_called",
    "functions/ignored_function_with_containers",
    "modules/IgnoredMethods",
}
"""They call functions that stay in Python, and cannot be saved."""

NOT_IN_TORCH = {
    "classes/enums": "its results are members of enums, which a loaded archive cannot give to Python",
    "classes/enums_in_containers": "the same",
    "types/enum_result": "the same",
    "attributes/BufferThatIsNone": "an optional buffer of a loaded archive is no entry of its state dict",
}
"""What PyTorch loads, but then shows otherwise, or only where `torch.jit.script` saw the class before."""


def under(program: Program, data: bytes, loader: str) -> Run:
    return run(LOADERS[loader](io.BytesIO(data)), program.calls)


WARNS_ONCE = {"builtins/warning"}
"""A place in a script warns once in a process, so that each program that warns can be run in one test only."""


@pytest.mark.parametrize("program", [program for program in RUNNING if program.name not in WARNS_ONCE], ids=str)
def test_the_printed_source_does_the_same(program: Program) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        scripted = flambeau.script(program.fresh())
    if program.name in LEFT_IN_PYTHON:
        with pytest.raises(UnsupportedError, match="Could not export Python function call"):
            scripted.save_to_buffer()
        return
    data = scripted.save_to_buffer()
    again = flambeau.load(io.BytesIO(data)).save_to_buffer()
    ours = program.under(flambeau.script)
    assert isinstance(ours, Run)
    for archive in (data, again):
        same_runs(under(program, archive, "flambeau"), ours)
    if program.correction or program.name in NOT_IN_TORCH:
        torch.jit.load(io.BytesIO(data))  # which compiles it
    else:
        same_runs(under(program, data, "torch.jit"), ours)
