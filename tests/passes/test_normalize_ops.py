"""Every overload of every operator with several names, compiled by `torch.jit` and here: the same calls."""

from __future__ import annotations

import pytest

from flambeau import ir
from flambeau.compat.replacements import CompilationUnit
from flambeau.passes.normalize_ops import ALIASES

torch = pytest.importorskip("torch")

SPELLED = {"Scalar": "float", "number": "float"}
OVERLOADS = [
    operator
    for alias in ALIASES
    for operator in ir.operators_named(alias)
    if "Dimname" not in str(operator) and "complex" not in operator.overload_name
]


def spelled(type: ir.Type) -> str:
    """A type as source has it, for parameters."""
    match type:
        case ir.OptionalType(element):
            return f"Optional[{spelled(element)}]"
        case ir.ListType(element):
            return f"List[{spelled(element)}]"
        case _:
            return SPELLED.get(str(type), str(type))


def source(operator: ir.Operator) -> str:
    """A function that calls an overload with its own parameters, as users would spell it."""
    first, *others = operator.schema.arguments
    parameters = ", ".join(f"p_{a.name}: {spelled(a.type)}" for a in operator.schema.arguments)
    name, passed = (
        operator.name.removeprefix("aten::"),
        [f"{a.name}=p_{a.name}" if a.kwarg_only else f"p_{a.name}" for a in others],
    )
    if name.endswith("_"):
        call = f"p_{first.name}.{name}({', '.join(passed)})"
    else:
        function = name.replace("special_", "special.").replace("linalg_", "linalg.")
        call = f"torch.{function}({', '.join([f'p_{first.name}', *passed])})"
    return f"def f({parameters}):\n    return {call}\n"


def test_there_is_something_to_test() -> None:
    assert len(OVERLOADS) > 150
    assert {operator.name for operator in OVERLOADS} > {"aten::absolute", "aten::absolute_", "aten::special_psi"}


@pytest.mark.parametrize("operator", OVERLOADS, ids=lambda operator: operator.qualified_name)
def test_named_as_by_pytorch(operator: ir.Operator) -> None:
    text = source(operator)
    theirs = [node.kind() for node in torch.jit.CompilationUnit(text).f.graph.nodes()]
    ours = [node.kind for node in CompilationUnit(text).f.graph.walk()]
    assert _calls(ours) == _calls(theirs)


def _calls(kinds: list[str]) -> list[str]:
    return [kind for kind in kinds if kind != "prim::Constant"]
