"""Operators of TorchScript whose effect is not their result, or whose arguments only a script can write.

Each is called by a function that PyTorch's TorchScript and ours script; results, output and warnings must agree. That
PyTorch's graph has the very overload is checked, so that the table below says truly what is tested.
"""

import contextlib
import enum
import io
import os
import subprocess
import sys
import textwrap
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

import flambeau
from flambeau import ir, settings
from flambeau.errors import FlambeauError, UnsupportedError
from flambeau.runtime.operators import environment
from flambeau.runtime.operators.environment import statistics
from flambeau.runtime.registry import kernel_of_operator
from tests.runtime.oracle import Failed, same


class Color(enum.Enum):
    RED = 1
    BLUE = 2


class Ratio(enum.Enum):
    HALF = 0.5
    WHOLE = 1.0


class Word(enum.Enum):
    YES = "y"
    NO = "n"


@torch.jit.interface
class Step:
    def forward(self, x: Tensor) -> Tensor:
        pass


@torch.jit.script
class Counter:
    def __init__(self, start: int) -> None:
        self.count = start


class Doubled(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return x * 2


class Negated(nn.Module):
    def forward(self, x: Tensor) -> Tensor:
        return -x


class Indexed(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleList([Doubled(), Negated()])

    def forward(self, x: Tensor, i: int) -> Tensor:
        step: Step = self.steps[i]
        return step.forward(x)


class Named(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.steps = nn.ModuleDict({"twice": Doubled(), "minus": Negated()})

    def forward(self, x: Tensor, name: str) -> Tensor:
        step: Step = self.steps[name]
        return step.forward(x)


def backward(x: Tensor):  # what a gradient's type is, scripts find out
    (x * x).sum().backward()
    return x.grad


def backward_of_several(x: Tensor):
    weights: list[Tensor | None] = [torch.ones_like(x), x]
    torch.autograd.backward([x * 3, x * x], weights)
    return x.grad


def gradients(x: Tensor):
    y = (x * x).sum()
    first = torch.autograd.grad([y], [x], create_graph=True)[0]
    if first is not None:
        return first, torch.autograd.grad([first.sum()], [x])[0]
    return first, None


def warned(n: int) -> int:
    for _ in range(3):
        warnings.warn("so it goes")
    return n


def printed(n: int, x: float, s: str, t: Tensor) -> None:
    print(n, x, s, [n, 2], {"a": x}, (n, s), t, None)


def raised(message: str) -> int:
    if len(message) > 1:
        raise ValueError(message)
    return 1


def added(x: Tensor) -> Tensor:
    return x + 1


def waited(x: Tensor) -> Tensor:
    return torch.jit.wait(torch.jit.fork(added, x))


def marked(x: Tensor) -> Tensor:
    handle = torch.ops.profiler._record_function_enter("mark", None)
    future = torch.ops.profiler._call_end_callbacks_on_jit_fut(handle, torch.jit.fork(added, x))
    return torch.jit.wait(future)


def recorded(x: Tensor) -> Tensor:
    handle = torch.ops.profiler._record_function_enter_new("mark", None)
    future = torch.ops.profiler._call_end_callbacks_on_jit_fut(handle, torch.jit.fork(added, x))
    return torch.jit.wait(future)


def awaited(x: Tensor) -> Tensor:
    return torch.jit._awaitable_wait(torch.jit._awaitable(added, x))


def not_awaited(x: Tensor) -> Tensor:
    return torch.jit._awaitable_wait(torch.jit._awaitable_nowait(x))


@torch.jit.ignore
def in_python(x: Tensor) -> Tensor:
    return x.flip(0)


def calls_python(x: Tensor) -> Tensor:
    return in_python(x) + 1


class CallsPython(nn.Module):
    @torch.jit.unused
    def unreachable(self, x: Tensor) -> Tensor:
        return x

    @torch.jit.ignore
    def own(self, x: Tensor) -> Tensor:
        return x + 5

    def forward(self, x: Tensor) -> Tensor:
        return self.own(x)


def listed(x: Tensor) -> list[list[int]]:
    found: list[list[int]] = x.tolist()
    return found


def listed_number(x: Tensor) -> float:
    found: float = x.tolist()
    return found


def identities(n: int) -> tuple[bool, bool]:
    a, b = Counter(n), Counter(n)
    return id(a) == id(a), id(a) == id(b)


def enums(c: Color) -> tuple[str, int, bool, bool]:
    return c.name, c.value, c == Color.RED, c != Color.RED


def ratios(r: Ratio) -> float:
    return r.value


def words(w: Word) -> str:
    return w.value


def saved(x: Tensor, filename: str) -> None:
    torch.save(x, filename)


X = torch.tensor([1.0, 2.0, 3.0], requires_grad=True)


@dataclass(frozen=True)
class Case:
    target: Callable[..., object]
    arguments: tuple[tuple[object, ...], ...]
    operators: tuple[str, ...]


CASES = [
    Case(backward, ((X,),), ("aten::backward",)),
    Case(backward_of_several, ((X,),), ("aten::backward.TensorList",)),
    Case(gradients, ((X,),), ("aten::grad",)),
    Case(warned, ((1,),), ("aten::warn",)),
    Case(printed, ((1, 0.1, "é", torch.tensor([1.5, 2])), (-1, 1e30, "", torch.tensor(3))), ("prim::Print",)),
    Case(raised, (("a",), ("message",)), ("prim::RaiseException",)),
    Case(waited, ((X,),), ("aten::wait",)),
    Case(marked, ((X,),), ("profiler::_call_end_callbacks_on_jit_fut",)),
    Case(recorded, ((X,),), ("profiler::_call_end_callbacks_on_jit_fut._RecordFunction",)),
    Case(awaited, ((X,),), ("prim::awaitable_wait",)),
    Case(not_awaited, ((X,),), ("prim::awaitable_nowait",)),
    Case(calls_python, ((X,),), ("prim::PythonOp",)),
    Case(CallsPython, ((X,),), ("prim::PythonOp",)),
    Case(listed, ((torch.arange(6).reshape(2, 3),), (X,), (torch.arange(3),)), ("prim::tolist",)),
    Case(listed_number, ((torch.tensor(2.5),), (torch.tensor(2),), (X,)), ("prim::tolist",)),
    Case(identities, ((1,),), ("prim::id",)),
    Case(
        enums,
        ((Color.RED,), (Color.BLUE,)),
        ("prim::EnumName", "prim::EnumValue.int", "aten::eq.enum", "aten::ne.enum"),
    ),
    Case(ratios, ((Ratio.HALF,), (Ratio.WHOLE,)), ("prim::EnumValue.float",)),
    Case(words, ((Word.YES,), (Word.NO,)), ("prim::EnumValue.str",)),
    Case(Indexed, ((X, 0), (X, 1), (X, 2)), ("prim::ModuleContainerIndex.list",)),
    Case(Named, ((X, "twice"), (X, "minus"), (X, "none")), ("prim::ModuleContainerIndex.dict",)),
]


def observed(function: Any, arguments: tuple[object, ...]) -> tuple[object, ...]:
    """The result, what was printed, and the warnings; an error by its last line."""
    given = [a.detach().clone().requires_grad_(a.requires_grad) if isinstance(a, Tensor) else a for a in arguments]
    output = io.StringIO()
    with contextlib.redirect_stdout(output), warnings.catch_warnings(record=True) as shown:
        warnings.simplefilter("always")
        try:
            result = function(*given)
        except Exception as error:
            result = Failed(error)
    return result, output.getvalue(), [str(w.message) for w in shown]


def overloads(function: Any) -> set[str]:
    """The operators of a function of PyTorch: what its nodes' schemas say, but for those that their outputs tell."""
    names = {operator.partition(".")[0] for case in CASES for operator in case.operators}
    graph = function.inlined_graph  # its nodes die with it
    return {_overload(node) for name in names for node in graph.findAllNodes(name)}


def _overload(node: Any) -> str:
    if node.kind() == "prim::EnumValue":
        return f"prim::EnumValue.{node.output().type()}"
    return str(node.schema().partition("(")[0])


@pytest.mark.parametrize("tier", ["interpreter", "python"])
@pytest.mark.parametrize("case", CASES, ids=lambda c: c.target.__name__)
def test_programs_do_the_same(case: Case, tier: str) -> None:
    subject = case.target() if isinstance(case.target, type) else case.target
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        mine, theirs = flambeau.script(subject), torch.jit.script(subject)
    assert set(case.operators) <= overloads(theirs)
    environment._warned.clear()  # by the other tier
    with settings.override(tier=tier):
        for arguments in case.arguments:
            expected, got = observed(theirs, arguments), observed(mine, arguments)
            assert same(expected[0], got[0]), f"{expected[0]!r} by TorchScript, {got[0]!r} by us"
            assert expected[1:] == got[1:]
            if isinstance(got[0], Failed):
                assert isinstance(got[0].error, FlambeauError)


def test_saving(tmp_path: Path) -> None:
    theirs, mine = torch.jit.script(saved), flambeau.script(saved)
    assert "aten::save" in str(theirs.graph)
    theirs(X.detach(), str(tmp_path / "theirs.pt"))
    mine(X.detach(), str(tmp_path / "mine.pt"))
    found = torch.load(tmp_path / "mine.pt", weights_only=True)
    torch.testing.assert_close(found, torch.load(tmp_path / "theirs.pt", weights_only=False))


def test_counting() -> None:
    """PyTorch's counts go to a logger of its own."""
    add = kernel_of_operator(ir.operator("prim::AddStatValue"))
    logger = torch._C.LockingLogger()
    former = torch._C._logging_set_logger(logger)
    try:
        theirs = torch._C._create_function_from_graph(
            "f", torch._C.parse_ir("graph(%a : str, %b : int):\n  prim::AddStatValue(%a, %b)\n  return (%b)\n")
        )
        before = statistics["flambeau test"]
        for value in (3, 4, -1):
            theirs("flambeau test", value)
            add("flambeau test", value)
        assert statistics["flambeau test"] - before == logger.get_counter_val("flambeau test") == 6
    finally:
        torch._C._logging_set_logger(former)


# --- what needs more than one process, or a GPU


REMOTE = """
import sys, tempfile
import torch
import torch.distributed.autograd as dist_autograd
import torch.distributed.rpc as rpc
from torch import Tensor
from torch.distributed.rpc import RRef
import flambeau

def look(r: RRef[Tensor]):
    return r.to_here(), r.to_here(5.0), r.local_value(), r.is_owner(), r.confirmed_by_owner(), r.owner_name()

def owner(r: RRef[Tensor]):
    return r.owner()

def back(context: int, x: Tensor) -> None:
    torch.distributed.autograd.backward(context, [(x * x).sum()])

def derivative(function, x):
    with dist_autograd.context() as context:
        function(context, x)
        return dist_autograd.get_gradients(context)[x]

with tempfile.TemporaryDirectory() as folder:
    options = rpc.TensorPipeRpcBackendOptions(init_method=f"file://{folder}/meeting")
    rpc.init_rpc("worker", rank=0, world_size=1, rpc_backend_options=options)
    try:
        remote = RRef(torch.ones(2))
        expected, found = torch.jit.script(look)(remote), flambeau.script(look)(remote)
        assert torch.equal(expected[0], found[0]) and torch.equal(expected[1], found[1])
        assert torch.equal(expected[2], found[2]) and expected[3:] == found[3:], (expected, found)
        assert flambeau.script(owner)(remote).name == "worker"
        x = torch.tensor([1.0, 2.0], requires_grad=True)
        mine, theirs = derivative(flambeau.script(back), x), derivative(torch.jit.script(back), x)
        assert torch.equal(mine, theirs)
        print("agreed")
    finally:
        rpc.shutdown()
"""
REMOTE_OPERATORS = ("to_here", "local_value", "is_owner", "confirmed_by_owner", "owner_name", "owner", "dist_backward")


@pytest.mark.skipif(not torch.distributed.rpc.is_available(), reason="this PyTorch has no remote calls")
def test_references_to_remote_values(tmp_path: Path) -> None:
    program = tmp_path / "remote.py"
    program.write_text(textwrap.dedent(REMOTE), encoding="utf-8")
    done = subprocess.run(
        [sys.executable, str(program)],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "GLOO_SOCKET_IFNAME": "lo", "TP_SOCKET_IFNAME": "lo"},
    )
    assert done.stdout == "agreed\n", done.stderr


NOT_WRITTEN = ("prim::rpc_async", "prim::rpc_remote", "prim::rpc_sync", "prim::BailOut", "prim::StaticRuntimeCopyOuts")
"""Operators without an implementation: remote calls that a script makes, and marks that PyTorch cannot run either."""


@pytest.mark.parametrize("name", NOT_WRITTEN)
def test_operators_that_are_missing_say_so(name: str) -> None:
    with pytest.raises(UnsupportedError, match=name):
        kernel_of_operator(ir.operator(name))


CUDA_OPERATORS = [
    o for n in ir.all_operator_names() if n.startswith("cuda::") for o in ir.operators_named(n) if o.is_jit_only
]


@pytest.mark.skipif(torch.backends.cuda.is_built(), reason="PyTorch has these operators here")
@pytest.mark.parametrize("operator", CUDA_OPERATORS, ids=lambda o: o.qualified_name)
def test_operators_of_cuda_are_missed_by_name_without_it(operator: ir.Operator) -> None:
    with pytest.raises(UnsupportedError, match=f"no operator {operator.qualified_name}"):
        kernel_of_operator(operator)


CALLED = frozenset(
    {
        *(operator for case in CASES for operator in case.operators),
        *("aten::save", "prim::AddStatValue"),
        *(f"aten::{name}" for name in REMOTE_OPERATORS),
        *NOT_WRITTEN,
        *(o.qualified_name for o in CUDA_OPERATORS),
    }
)
"""The operators that this module calls."""
