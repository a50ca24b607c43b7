"""Every module of the suite: torch.jit.script refuses it, flambeau compiles it, and its archive runs in PyTorch."""

from __future__ import annotations

import copy
import importlib
import io
import warnings
from pathlib import Path

import pytest
import torch

import flambeau
from tests.python.inference.harness import CASES, Case

# PyTorch's compiler empties its table of overloads as it goes: flambeau has to see that table first.
importlib.import_module("flambeau.python.scripting")
_HERE = Path(__file__).parent
for _path in sorted(_HERE.glob("*.py")):
    if not _path.stem.startswith(("_", "test_", "harness")):
        importlib.import_module(f"tests.python.inference.{_path.stem}")


def _same(ours: object, expected: object) -> None:
    """Equal values of the same structure; a script's named tuples and sizes may be tuples and lists."""
    if isinstance(expected, torch.Tensor):
        assert isinstance(ours, torch.Tensor)
        assert ours.dtype == expected.dtype
        torch.testing.assert_close(ours, expected, rtol=1e-5, atol=1e-6)
    elif isinstance(expected, dict):
        assert isinstance(ours, dict)
        assert list(ours) == list(expected)
        for key in expected:
            _same(ours[key], expected[key])
    elif isinstance(expected, (list, tuple)):
        assert isinstance(ours, (list, tuple))
        assert len(ours) == len(expected)
        for mine, theirs in zip(ours, expected):
            _same(mine, theirs)
    else:
        assert ours == expected


def _scripted(case: Case) -> flambeau.ScriptModule:
    examples = list(copy.deepcopy(case.calls)) if case.examples else None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return flambeau.script(case.make(), example_inputs=examples)


@pytest.mark.parametrize("case", CASES, ids=str)
def test_torch_jit_refuses_it(case: Case) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        with pytest.raises(Exception):  # whatever class its errors are of
            torch.jit.script(case.make())


@pytest.mark.parametrize("case", CASES, ids=str)
def test_it_runs_as_in_python_and_in_pytorch(case: Case) -> None:
    scripted, eager = _scripted(case), case.make()
    buffer = io.BytesIO()
    flambeau.save(scripted, buffer)
    buffer.seek(0)
    loaded = torch.jit.load(buffer)
    for call in case.calls:
        seeds = range(3)
        results = []
        for _, module in zip(seeds, (eager, scripted, loaded)):
            torch.manual_seed(1)
            results.append(module(*copy.deepcopy(call)))
        expected, ours, theirs = results
        _same(ours, expected)
        _same(theirs, expected)


def test_there_are_enough() -> None:
    assert len(CASES) >= 120
