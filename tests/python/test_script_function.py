"""Scripted functions as users hold them."""

from __future__ import annotations

import copy
import inspect
import io
import pickle

import pytest
import torch
from torch import Tensor

import flambeau
from flambeau.errors import FlambeauError
from flambeau.python import ScriptFunction, ScriptModule


def scaled(x: Tensor, factor: int = 2) -> Tensor:
    """x times factor."""
    return x * factor


def test_what_a_function_shows() -> None:
    function = flambeau.script(scaled)
    assert isinstance(function, ScriptFunction)
    assert function.name == "scaled"
    assert function.qualified_name.endswith(".scaled")
    assert str(function.schema) == "scaled(Tensor x, int factor=2) -> Tensor"
    assert "aten::mul" in str(function.graph)
    assert function.code == "def scaled(x: Tensor,\n    factor: int=2) -> Tensor:\n  return torch.mul(x, factor)\n"
    assert function.code_with_constants[0] == function.code
    assert "scaled" in repr(function)
    assert (function.__name__, function.__doc__) == ("scaled", "x times factor.")
    assert "aten::mul" in str(function.graph_for(torch.ones(2)))


def test_calls() -> None:
    function = flambeau.script(scaled)
    x = torch.randn(3)
    assert torch.equal(function(x), 2 * x)
    assert torch.equal(function(x, 3), 3 * x)
    assert torch.equal(function(factor=4, x=x), 4 * x)
    for wrong in (lambda: function(), lambda: function(x, "a"), lambda: function(x, 1, 2), lambda: function(x, q=1)):
        with pytest.raises(FlambeauError, match="scaled") as raised:
            wrong()
        assert isinstance(raised.value, RuntimeError)


def test_python_sees_a_callable_with_attributes_of_its_own() -> None:
    function = flambeau.script(scaled)
    function.note = "mine"
    assert function.note == "mine"
    assert callable(function)
    assert not inspect.ismethoddescriptor(function)

    class Holder:
        f = function

    assert Holder().f is function


def test_pickling_is_refused_and_copies_are_the_function_itself() -> None:
    function = flambeau.script(scaled)
    with pytest.raises(pickle.PickleError, match="ScriptFunction cannot be pickled"):
        pickle.dumps(function)
    assert copy.copy(function) is function
    assert copy.deepcopy([function])[0] is function


def test_a_saved_function_is_loaded_as_a_module() -> None:
    function = flambeau.script(scaled)
    buffer = io.BytesIO()
    flambeau.save(function, buffer)
    for data in (buffer.getvalue(), function.save_to_buffer()):
        module = flambeau.load(io.BytesIO(data))
        assert isinstance(module, ScriptModule)
        assert module.original_name == "PlaceholderModule"
        assert torch.equal(module(torch.ones(2), 5), torch.full((2,), 5.0))
        theirs = torch.jit.load(io.BytesIO(data))
        assert torch.equal(theirs(torch.ones(2), 5), torch.full((2,), 5.0))
        assert theirs.code == module.code
    assert "self" not in str(function.schema)
