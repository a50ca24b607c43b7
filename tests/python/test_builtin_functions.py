"""The table of functions that are operators, against PyTorch's."""

from __future__ import annotations

import cmath
import math
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F
from torch.jit import _builtins

from flambeau.frontend.matching.builtin_functions import builtin_functions_named
from flambeau.frontend.matching.operator_calls import has_method
from flambeau.ir import TENSOR, operators_named
from flambeau.python import builtin_functions
from flambeau.python.builtin_functions import find_builtin
from tests.marks import tables_are_of_this_pytorch

MODULES = (
    torch,
    F,
    torch._C,
    torch._C._nn,
    torch._C._fft,
    torch._C._linalg,
    torch._C._special,
    torch._C._sparse,
    torch._VF,
    torch.nn.init,
    torch.nn.modules.utils,
    torch.autograd,
    torch.linalg,
    torch.fft,
    torch.special,
    math,
    cmath,
)

HANDLED_ELSEWHERE = {
    "aten::has_torch_function": "a constant",
    "aten::_get_tracing_state": "a special form",
    "aten::Size": "a class",
    "aten::_no_grad_embedding_renorm_": "another function: the operator's schema hides that it writes",
    "aten::qscheme": "a class",
}


def test_an_operator_that_no_table_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """As those of a later PyTorch are: PyTorch's dispatcher knows them."""
    monkeypatch.setattr(builtin_functions, "_table", dict)
    assert find_builtin(torch.linalg.svdvals) == "aten::linalg_svdvals"
    assert find_builtin(torch.set_num_threads) is None


def test_same_operators_as_pytorch() -> None:
    different = []
    for module in MODULES:
        for name in dir(module):
            function = getattr(module, name)
            theirs = _builtins._find_builtin(function)
            if theirs is None or not operators_named(theirs) or theirs in HANDLED_ELSEWHERE:
                continue
            if find_builtin(function) != theirs:
                different.append((getattr(module, "__name__", module), name, find_builtin(function), theirs))
    assert different == []


@tables_are_of_this_pytorch
def test_every_operator_of_pytorch_by_these_names_is_known() -> None:
    theirs = {_builtins._find_builtin(getattr(module, name)) for module in MODULES for name in dir(module)} - {None}
    missing = [
        name
        for name in theirs
        if torch._C._jit_get_schemas_for_operator(name)
        and not operators_named(name)
        and not builtin_functions_named(name)
    ]
    assert missing == []


@tables_are_of_this_pytorch
def test_same_methods_of_tensors_as_pytorch() -> None:
    names = [name for name in dir(torch.Tensor) if not name.startswith("__")]
    ours = {name for name in names if has_method(f"aten::{name}", TENSOR)}
    theirs = {
        name for name in names if any(map(_takes_tensor, torch._C._jit_get_schemas_for_operator(f"aten::{name}")))
    }
    # PyTorch has `type` as a function of its own language, which this table does not list.
    assert ours - theirs <= {"type"}
    assert theirs - ours == set()


def _takes_tensor(schema: torch._C.FunctionSchema) -> bool:
    return any(argument.name == "self" and str(argument.type) == "Tensor" for argument in schema.arguments)


def test_functions_written_in_python_are_no_operators() -> None:
    assert find_builtin(F.relu) is None
    assert find_builtin(torch.functional.norm) is None
    assert find_builtin(torch.nn.Linear) is None


def test_one_operator_by_all_its_names() -> None:
    assert find_builtin(torch.add) == "aten::add"
    assert find_builtin(F.linear) == find_builtin(torch._C._nn.linear) == "aten::linear"
    assert find_builtin(math.remainder) == "aten::mathremainder"


def test_manual_seed_stays_an_operator_when_the_compiler_of_pytorch_is_imported() -> None:
    program = """
import torch
from flambeau.python.builtin_functions import find_builtin

before = torch.manual_seed
print(find_builtin(before))
import torch._dynamo

print(torch.manual_seed is not before, find_builtin(torch.manual_seed), find_builtin(before))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["aten::manual_seed", "True", "aten::manual_seed", "aten::manual_seed"]
