"""Runs one program under Python, flambeau and PyTorch's own compiler, and compares."""

from __future__ import annotations

import copy
from collections.abc import Callable

import torch
from torch import nn

import flambeau


def assert_same(found: object, expected: object) -> None:
    """Equal in structure, type and value, tensors to the last bit apart from NaN."""
    match expected:
        case torch.Tensor():
            assert isinstance(found, torch.Tensor)
            torch.testing.assert_close(found, expected, rtol=1e-6, atol=1e-6, equal_nan=True, check_stride=False)
        case list() | tuple():
            assert isinstance(found, (list, tuple))
            assert len(found) == len(expected)
            for f, e in zip(found, expected, strict=True):
                assert_same(f, e)
        case dict():
            assert isinstance(found, dict)
            assert list(found) == list(expected)
            for key, value in expected.items():
                assert_same(found[key], value)
        case _:
            assert found == expected
            assert type(found) is type(expected)


def run(function: Callable[..., object], arguments: tuple[object, ...]) -> object:
    """One call on copies of the arguments, with a fixed seed."""
    torch.manual_seed(0)
    return function(*copy.deepcopy(arguments))


def check_module(module: nn.Module, *arguments: object, oracle: bool = True) -> flambeau.ScriptModule:
    """The scripted module gives what the module gives, and what PyTorch's scripted module gives."""
    expected = run(copy.deepcopy(module), arguments)
    theirs = run(torch.jit.script(copy.deepcopy(module)), arguments) if oracle else expected
    scripted = flambeau.script(module)
    found = run(scripted, arguments)
    assert_same(found, expected)
    assert_same(found, theirs)
    return scripted


def check_function(function: Callable[..., object], *arguments: object, oracle: bool = True) -> flambeau.ScriptFunction:
    """The scripted function gives what the function gives, and what PyTorch's scripted function gives."""
    expected = run(function, arguments)
    theirs = run(torch.jit.script(function), arguments) if oracle else expected
    scripted = flambeau.script(function)
    found = run(scripted, arguments)
    assert_same(found, expected)
    assert_same(found, theirs)
    return scripted
