"""Traces one program with flambeau and with PyTorch, runs it, and compares: results, operators, warnings.

The operators must be PyTorch's, in the same order. What differs on purpose:

- PyTorch's tracer looks into convolutions (`aten::_convolution`, `aten::_convolution_mode`) and cells of recurrent
  networks; we record what the program called (`aten::conv2d`, `aten::lstm_cell`).
- PyTorch records the copy that `torch.tensor` makes of its constant (`aten::to`, `aten::detach`); we record the
  constant.
- Numbers computed from sizes: conversions (`aten::Int`) and lists come in another order, and we lose fewer of them.
"""

from __future__ import annotations

import copy
import re
import warnings
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import torch
from torch import Tensor, nn

import flambeau
from flambeau.ir import Graph, verify

_PLUMBING = frozenset(
    {
        "prim::Constant",
        "prim::GetAttr",
        "prim::CallMethod",
        "prim::TupleConstruct",
        "prim::TupleUnpack",
        "prim::ListConstruct",
        "prim::ListUnpack",
        "prim::NumToTensor",
        "aten::Int",
        "aten::IntImplicit",
        "aten::FloatImplicit",
        "aten::ScalarImplicit",
        "aten::size",
    }
)
_CONVOLUTION = re.compile(r"^aten::(_convolution|_convolution_mode|conv[123]d|conv_transpose[123]d)$")


def our_kinds(graph: Graph) -> list[str]:
    """The operators of a graph of ours, calls inlined."""
    return [_same(node.kind) for node in graph.walk() if node.kind not in _PLUMBING]


def their_kinds(traced: Any) -> list[str]:
    """The operators that PyTorch traced, calls inlined."""
    nodes = traced.inlined_graph.nodes()
    return [_same(node.kind()) for node in nodes if node.kind() not in _PLUMBING and not _is_copy_of_constant(node)]


def _same(kind: str) -> str:
    return "convolution" if _CONVOLUTION.match(kind) else kind


def _is_copy_of_constant(node: Any) -> bool:
    if node.kind() not in ("aten::to", "aten::detach", "aten::lift_fresh", "aten::detach_"):
        return False
    source = node.inputsAt(0).node()
    return source.kind() == "prim::Constant" or _is_copy_of_constant(source)


def leaves(value: object) -> Iterator[Tensor]:
    """The tensors of a structure."""
    if isinstance(value, Tensor):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from leaves(item)
    elif isinstance(value, (list, tuple)):
        for item in value:
            yield from leaves(item)


def assert_same(found: object, expected: object) -> None:
    """Equal tensors in the same places; numbers of the expected program are tensors in a trace."""
    mine, theirs = list(leaves(found)), list(leaves(expected))
    assert len(mine) == len(theirs)
    for a, b in zip(mine, theirs, strict=True):
        torch.testing.assert_close(a, b, equal_nan=True)


def run(function: Callable[..., Any], inputs: tuple[Any, ...]) -> Any:
    """One call on copies of the inputs, with a fixed seed."""
    torch.manual_seed(0)
    return function(*_copies(inputs))


def _copies(value: Any) -> Any:
    if isinstance(value, Tensor):
        return value.detach().clone().requires_grad_(value.requires_grad)
    if isinstance(value, dict):
        return {key: _copies(item) for key, item in value.items()}
    if isinstance(value, tuple) and hasattr(value, "_make"):
        return value._make(map(_copies, value))
    return type(value)(map(_copies, value)) if isinstance(value, (list, tuple)) else value


def trace(program: Any, *inputs: Any, **options: Any) -> Any:
    """Trace without the check (whatever it warns of)."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return flambeau.trace(program, _copies(inputs), check_trace=False, **options)


def oracle_trace(program: Any, *inputs: Any, **options: Any) -> Any:
    """The same by PyTorch."""
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return torch.jit.trace(program, _copies(inputs), check_trace=False, **options)


def check(
    program: Any, *inputs: Any, others: Iterable[tuple[Any, ...]] = (), same_operators: bool = True, **options: Any
) -> Any:
    """Trace, and compare with eager runs on these and other inputs, and with PyTorch's trace; returns ours."""
    original = copy.deepcopy(program) if isinstance(program, nn.Module) else program
    traced = trace(copy.deepcopy(original), *inputs, **options)
    verify_graphs(traced)
    for given in (inputs, *others):
        assert_same(run(copy.deepcopy(traced), given), run(copy.deepcopy(original), given))
    if same_operators:
        theirs = oracle_trace(copy.deepcopy(original), *inputs, **options)
        assert our_kinds(traced.inlined_graph) == their_kinds(theirs)
    return traced


def verify_graphs(traced: Any) -> None:
    """InvalidGraphError unless the graphs of a trace, and those of its submodules, are well formed."""
    if isinstance(traced, nn.Module):
        for module in traced.modules():
            for name in module._c.method_names():
                verify(module._c.get_method(name).graph)
    else:
        verify(traced.graph)
    verify(traced.inlined_graph)


def warnings_of(tracer: Callable[..., Any], program: Any, *inputs: Any) -> list[tuple[str, int]]:
    """The tracer warnings of a trace that come from the program's own lines: their beginnings, and the lines."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        tracer(program, _copies(inputs), check_trace=False)
    return [
        (str(w.message)[:60], w.lineno)
        for w in caught
        if w.category.__name__ == "TracerWarning" and w.filename == program.__code__.co_filename
    ]
