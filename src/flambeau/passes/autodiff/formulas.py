"""The table of derivatives: what the family files say, compiled when it is first needed."""

from __future__ import annotations

import ast
import textwrap
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from typing import final

from flambeau.frontend import (
    SERIALIZED_NAMES,
    Definition,
    FunctionValue,
    SugaredValue,
    compile_definition,
    definitions_in,
    parse_annotation,
    syntax_tree,
)
from flambeau.ir import (
    TENSOR,
    Function,
    Graph,
    ListType,
    Operator,
    Source,
    SourceRange,
    TupleType,
    Type,
    operator,
)

from . import arithmetic, elementwise, matrices, neural, reductions, shapes

FORMULAS: Mapping[str, Mapping[str, str]] = {
    **elementwise.FORMULAS,
    **arithmetic.FORMULAS,
    **matrices.FORMULAS,
    **shapes.FORMULAS,
    **reductions.FORMULAS,
    **neural.FORMULAS,
}
"""By operator: for each argument with a derivative, or several of them separated by commas, the text of the formula."""

TENSORS = ListType(TENSOR)

_HELPERS = """
def zero(grad: Tensor) -> Tensor:
    return torch.zeros_like(grad)

def reduced(grad: Tensor, like: Tensor) -> Tensor:
    return torch._grad_sum_to_size(grad, like.size())

def restored(x: Tensor, like: Tensor, dim: Optional[List[int]], keepdim: bool) -> Tensor:
    if keepdim or like.dim() == 0:
        return x
    if dim is None or len(dim) == 0:
        return x.reshape([1 for d in range(like.dim())])
    sizes = like.size()
    for d in dim:
        sizes[d] = 1
    return x.reshape(sizes)

def reduced_count(x: Tensor, dim: Optional[List[int]]) -> int:
    if dim is None or len(dim) == 0:
        return x.numel()
    count = 1
    for d in dim:
        count *= x.size(d)
    return count
"""


@final
@dataclass(frozen=True, slots=True)
class Formula:
    """A compiled formula: a graph that gives the gradients of some arguments of an operator."""

    arguments: tuple[int, ...]
    """The arguments whose gradients it gives, by index in the schema; several come as a tuple."""
    parameters: tuple[str, ...]
    """What its inputs are: `grad` (`grads`, of a list), `result`, or names of arguments."""
    graph: Graph


@final
class _Names:
    """What names mean in formulas: helpers, the namespaces of every script, and `T_x` for the type of argument `x`."""

    def __init__(self, types: Mapping[str, Type]) -> None:
        self._types = types

    def resolve_value(self, name: str, range: SourceRange) -> SugaredValue | None:
        helper = _helpers().get(name) if name in _helper_names() else None
        return SERIALIZED_NAMES.get(name) if helper is None else FunctionValue.of(helper)

    def names(self) -> tuple[str, ...]:
        return ()

    def resolve_type(self, expression: ast.expr, range: SourceRange) -> Type:
        known = self._types.get(expression.id) if isinstance(expression, ast.Name) else None
        return known or parse_annotation(expression, range, lambda name: None)


_lock = threading.RLock()


@cache
def _helper_definitions() -> tuple[Definition, ...]:
    found = definitions_in(Source(_HELPERS, "<flambeau derivatives>"))
    return tuple(d for d in found if isinstance(d, Definition))


@cache
def _helper_names() -> frozenset[str]:
    return frozenset(d.name for d in _helper_definitions())


@cache
def _helpers() -> dict[str, Function]:
    return {d.name: _compiled(d, {}) for d in _helper_definitions()}


def _compiled(definition: Definition, types: Mapping[str, Type]) -> Function:
    function = Function(definition.name)
    compile_definition(function, definition, _Names(types))
    return function


def find_formulas(found: Operator) -> tuple[Formula, ...] | None:
    """The formulas of an operator; None if it has none."""
    texts = FORMULAS.get(found.qualified_name)
    if texts is None:
        return None
    with _lock:
        return tuple(_formula(found.qualified_name, names) for names in texts)


@cache
def _formula(qualified_name: str, names: str) -> Formula:
    found = operator(qualified_name)
    text = FORMULAS[qualified_name][names].strip("\n")
    wanted = tuple(name.strip() for name in names.split(","))
    types = {a.name: a.type for a in found.schema.arguments}
    (returned,) = found.schema.returns
    grad = "grads" if returned.type == TENSORS else "grad"
    types |= {grad: returned.type, "result": returned.type}
    body = text if "return " in text else f"return {text}"
    used = {n.id for n in ast.walk(syntax_tree(body)) if isinstance(n, ast.Name)}
    parameters = [name for name in types if name in used]
    annotated = ", ".join(f"{name}: T_{name}" for name in parameters)
    source = f"def derivative({annotated}) -> T_gradient:\n{textwrap.indent(body, '    ')}\n"
    (definition,) = definitions_in(Source(source, f"<flambeau derivative of {qualified_name}>"))
    if not isinstance(definition, Definition):
        raise ValueError(f"the derivative of {qualified_name} is not a function")
    gradients = tuple(TENSORS if types[name] == TENSORS else TENSOR for name in wanted)
    named = {f"T_{name}": type for name, type in types.items()}
    named["T_gradient"] = gradients[0] if len(gradients) == 1 else TupleType(gradients)
    indices = tuple(i for name in wanted for i, a in enumerate(found.schema.arguments) if a.name == name)
    if len(indices) != len(wanted):
        raise ValueError(f"{qualified_name} has not all of the arguments {names}")
    return Formula(indices, tuple(parameters), _compiled(definition, named).graph)
