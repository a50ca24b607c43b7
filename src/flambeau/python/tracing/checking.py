"""Checks of a trace: against the program that was traced, and against a second trace of it.

The outputs for the example inputs (or other inputs that the user gives) must agree, and so must the graphs. Outputs
that differ give a `TracerWarning`; graphs or constants that differ show that the program depends on what a trace
cannot see, and raise `TracingCheckError` with the first operator at which they part, and where in the program each of
the two is.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple, final

import torch
from torch import Tensor

from flambeau import ir
from flambeau.errors import TracingCheckError
from flambeau.ir import Function, Graph, Node, Value
from flambeau.passes import inline_calls
from flambeau.python.tracing.messages import warn
from flambeau.python.tracing.structures import cloned, leaves
from flambeau.python.tracing.tracer import Inputs, Trace

_MANGLE = re.compile(r"___torch_mangle_[0-9]+\.")
_ABSOLUTE_TOLERANCES = {torch.float64: 1e-7, torch.complex128: 1e-7}
_MOST_NODES_SHOWN = 20


@final
class Subject(NamedTuple):
    """Something to run with the inputs of a check."""

    name: str
    run: Callable[..., object]


def check_trace(trace: Trace, repeated: Trace, subjects: Sequence[Subject], inputs: Inputs, tolerance: float) -> None:
    """Compare a trace (the first of `subjects`) with the program it was made from, and with a second trace of it."""
    traced, *references = subjects
    outputs = _outputs(traced, inputs, trace, repeated)
    for reference in references:
        expected = _outputs(reference, inputs, trace, repeated)
        if not _agree(outputs, expected, reference.name, tolerance, trace):
            break
    report = _Comparison(trace, repeated).report()
    if report:
        raise TracingCheckError(f"Tracing failed sanity checks!\n{report}")


def _outputs(subject: Subject, inputs: Inputs, trace: Trace, repeated: Trace) -> list[Tensor]:
    try:
        return list(leaves(subject.run(*cloned(inputs.positional), **cloned(inputs.keywords))))
    except Exception as error:  # whatever the program raises
        details = _Comparison(trace, repeated).report()
        raise TracingCheckError(
            f"Tracing failed sanity checks!\nencountered an exception while running the {subject.name} with test "
            f"inputs.\nException:\n{_indented(str(error))}\n{details}"
        ) from error


# --- outputs


def _agree(outputs: list[Tensor], expected: list[Tensor], name: str, tolerance: float, trace: Trace) -> bool:
    all_agree = True
    for number, (mine, theirs) in enumerate(zip(outputs, expected, strict=False), 1):
        try:
            _assert_close(mine, theirs, tolerance)
        except AssertionError as error:
            if all_agree:
                _warn_nondeterministic(trace.function)
            all_agree = False
            warn(
                f"Output nr {number}. of the traced function does not match the corresponding output of the {name}. "
                f"Detailed error:\n{error}"
            )
    return all_agree


def _assert_close(mine: Tensor, theirs: Tensor, tolerance: float) -> None:
    absolute = max(_ABSOLUTE_TOLERANCES.get(t.dtype, 1e-5 if t.is_floating_point() else 0.0) for t in (mine, theirs))
    if mine.is_nested and theirs.is_nested:
        for a, b in zip(mine.unbind(), theirs.unbind(), strict=True):
            _assert_close(a, b, tolerance)
        return
    torch.testing.assert_close(_wide(mine), _wide(theirs), rtol=tolerance, atol=absolute, equal_nan=True)


def _wide(tensor: Tensor) -> Tensor:
    if tensor.is_quantized:
        tensor = tensor.dequantize()
    if tensor.is_mkldnn or tensor.layout is not torch.strided:
        tensor = tensor.to_dense()
    return tensor.to(torch.complex128 if tensor.is_complex() else torch.float64)


def _warn_nondeterministic(function: Function) -> None:
    graph = _inlined(function)
    found = [str(node).strip() for node in graph.walk() if _is_nondeterministic(node)]
    if not found:
        return
    shown = "\n".join(_indented(text) for text in found[:_MOST_NODES_SHOWN])
    warn(
        f"Trace had nondeterministic nodes. Did you forget call .eval() on your model? Nodes:\n{shown}\nThis may cause "
        "errors in trace checking. To disable trace checking, pass check_trace=False to trace()"
    )


def _is_nondeterministic(node: Node) -> bool:
    operator = node.operator
    if operator is None or not operator.is_nondeterministic:
        return False
    switch = operator.deterministic_unless
    return not switch or ir.constant_value(node.named_input(switch)) is not False


# --- graphs


def _inlined(function: Function) -> Graph:
    graph = ir.copy_graph(function.graph)
    inline_calls(graph)
    return graph


@final
class _Line(NamedTuple):
    text: str
    node: Node


@final
class _Comparison:
    """Two graphs side by side, names, shapes and mangling aside."""

    def __init__(self, trace: Trace, repeated: Trace) -> None:
        self._trace = trace
        self._repeated = repeated
        self._mine = _lines(_inlined(trace.function))
        self._theirs = _lines(_inlined(repeated.function))

    def report(self) -> str:
        """What differs; empty if nothing does."""
        mine, theirs = ([line.text for line in lines] for lines in (self._mine, self._theirs))
        parts: list[str] = []
        if mine != theirs:
            diff = "\n".join(difflib.ndiff(mine, theirs))
            details = f"Graph diff:\n{_indented(diff)}\n{self._first_diverging()}"
            parts.append(f"ERROR: Graphs differed across invocations!\n{_indented(details)}\n")
        constants = self._differing_constant()
        if constants:
            parts.append(
                "ERROR: Tensor-valued Constant nodes differed in value across invocations. This often indicates "
                f"that the tracer has encountered untraceable code.\n{_indented(constants)}\n"
            )
        return "".join(parts)

    def _first_diverging(self) -> str:
        for mine, theirs in zip(self._mine, self._theirs, strict=False):
            if mine.text != theirs.text:
                break
        else:
            longer, which = (
                (self._mine, "the trace") if len(self._mine) > len(self._theirs) else (self._theirs, "the check")
            )
            extra = longer[min(len(self._mine), len(self._theirs))]
            origins = self._trace.origins if longer is self._mine else self._repeated.origins
            place = _place("", origins, extra.node)
            return f"First diverging operator, only in {which}:\n{_indented(extra.text)}\n{place}"
        diff = "\n".join(difflib.ndiff([mine.text], [theirs.text]))
        return (
            f"First diverging operator:\nNode diff:\n{_indented(diff)}\n"
            f"{_place('Trace', self._trace.origins, mine.node)}{_place('Check', self._repeated.origins, theirs.node)}"
        )

    def _differing_constant(self) -> str:
        for mine, theirs in zip(self._mine, self._theirs, strict=False):
            if mine.node.kind != theirs.node.kind:
                return ""  # the graphs have parted already
            values = [ir.constant_of(n) if n.kind == "prim::Constant" else None for n in (mine.node, theirs.node)]
            if not all(isinstance(v, Tensor) for v in values):
                continue
            try:
                torch.testing.assert_close(values[0], values[1], equal_nan=True)
            except AssertionError as error:
                place = _place("", self._trace.origins, mine.node)
                return f"Node:\n{_indented(mine.text)}\n{place}Comparison exception: {_indented(str(error))}"
        return ""


def _place(whose: str, origins: Any, node: Node) -> str:
    stack = origins.stack_text(node.range)
    title = f"{whose} source location" if whose else "Source Location"
    return f"{title}:\n{_indented(stack)}\n" if stack else ""


def _lines(graph: Graph) -> list[_Line]:
    numbers: dict[Value, int] = {}
    for value in graph.inputs:
        numbers[value] = len(numbers)
    lines: list[_Line] = []
    for node in graph.walk():
        for block in node.blocks:
            for value in block.inputs:
                numbers[value] = len(numbers)
        for value in node.outputs:
            numbers[value] = len(numbers)
        outputs = ", ".join(f"%{numbers[v]} : {_type_text(v)}" for v in node.outputs)
        inputs = ", ".join(f"%{numbers[v]}" for v in node.inputs)
        lines.append(_Line(f"{outputs} = {node.kind}{_attributes(node)}({inputs})", node))
    return lines


def _type_text(value: Value) -> str:
    return _MANGLE.sub("", str(ir.unshaped(value.type)))


def _attributes(node: Node) -> str:
    shown = {
        name: "<Tensor>" if ir.is_tensor(given.value) else getattr(given.value, "qualified_name", repr(given.value))
        for name, given in node.attributes.items()
    }
    return f"[{', '.join(f'{name}={text}' for name, text in shown.items())}]" if shown else ""


def _indented(text: str) -> str:
    return "\n".join(f"\t{line}" for line in text.splitlines())
