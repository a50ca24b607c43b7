"""The conversions that a value undergoes by itself when it meets the type that an argument, a result or a variable has.

A conversion is planned from types alone and applied afterwards, so that trying an overload leaves nothing in the graph:

    plan(INT, NUMBER, ...)       -> Plan(INT, None)                 no conversion: Scalar accepts an int
    plan(TENSOR, INT, ...)       -> Plan(INT, apply)                apply inserts aten::IntImplicit
    plan((int, int), int[], ...) -> Plan(int[], apply)              apply inserts prim::TupleUnpack, prim::ListConstruct

What cannot be converted stays as it is; the caller checks whether the planned type is a subtype of the wanted one.
Between numbers there is no conversion: an `int` is no `float`.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple, TypeAlias

from flambeau import ir

Apply: TypeAlias = Callable[[ir.Graph, ir.Value], ir.Value]


class Plan(NamedTuple):
    """The type that a value will have, and how it gets it (None: it has it already)."""

    type: ir.Type
    apply: Apply | None = None

    def then(self, following: Plan) -> Plan:
        """This conversion followed by one of its result."""
        if self.apply is None or following.apply is None:
            return Plan(following.type, following.apply or self.apply)
        first, second = self.apply, following.apply
        return Plan(following.type, lambda graph, value: second(graph, first(graph, value)))


_IMPLICIT = {
    ir.FLOAT: "aten::FloatImplicit",
    ir.INT: "aten::IntImplicit",
    ir.COMPLEX: "aten::ComplexImplicit",
    ir.NUMBER: "aten::ScalarImplicit",
}
_FROM_SCALAR = {ir.FLOAT: "aten::Float", ir.INT: "aten::Int", ir.COMPLEX: "aten::Complex"}
_FROM_BOOL = {ir.FLOAT: ("aten::Float", ir.FLOAT), ir.INT: ("aten::Int", ir.INT), ir.NUMBER: ("aten::Int", ir.INT)}


def plan(given: ir.Type, wanted: ir.Type, *, is_empty_literal: bool = False, allow_conversions: bool = True) -> Plan:
    """How a value of type `given` becomes one of type `wanted`, as far as it does.

    `is_empty_literal`: it is a `[]` that has no type of its own yet. Without `allow_conversions` only the shape of
    containers is adapted, never the kind of a number.
    """
    if allow_conversions and unwrapped(wanted) is ir.DEVICE and isinstance(given, (ir.OptionalType, ir.UnionType)):
        return _plan_device(given)
    if isinstance(wanted, ir.OptionalType) and not isinstance(given, ir.OptionalType) and given is not ir.NONE:
        return plan(given, wanted.element, is_empty_literal=is_empty_literal, allow_conversions=allow_conversions)
    if is_empty_literal and isinstance(wanted, ir.ListType):
        return Plan(wanted, _empty_list(wanted))
    if isinstance(given, ir.TupleType):
        return _plan_tuple(given, wanted, allow_conversions)
    if allow_conversions and isinstance(wanted, ir.PrimitiveType):
        return _plan_primitive(given, wanted)
    return Plan(given)


def convert(graph: ir.Graph, value: ir.Value, wanted: ir.Type, *, allow_conversions: bool = True) -> ir.Value:
    """Insert the conversion of a value towards a type; its type says whether it got there."""
    planned = plan(value.type, wanted, is_empty_literal=is_empty_literal(value), allow_conversions=allow_conversions)
    return value if planned.apply is None else planned.apply(graph, value)


def is_empty_literal(value: ir.Value) -> bool:
    """Whether a value is a `[]` whose element type is still open."""
    return value.node.kind == "prim::EmptyListLiteral"


def is_convertible_to_list(given: ir.Type, wanted: ir.Type) -> bool:
    """Whether a value is such a list already, or a tuple whose elements all fit into one."""
    if not isinstance(wanted, ir.ListType):
        return False
    if ir.is_subtype(given, wanted):
        return True
    if isinstance(given, ir.TupleType):
        return all(ir.is_subtype(element, wanted.element) for element in given.elements)
    return False


def unwrapped(given: ir.Type) -> ir.Type:
    """`T` of `Optional[T]`, else the type itself."""
    return given.element if isinstance(given, ir.OptionalType) else given


def unpack_tuple(graph: ir.Graph, value: ir.Value) -> list[ir.Value]:
    """The elements of a tuple: those it was just made of, or the outputs of a `prim::TupleUnpack`."""
    if value.node.kind == "prim::TupleConstruct":
        return list(value.node.inputs)
    return list(graph.insert("prim::TupleUnpack", (value,), value.type.contained).outputs)


def _empty_list(wanted: ir.ListType) -> Apply:
    return lambda graph, _: graph.insert("prim::ListConstruct", (), (wanted,)).output


def _plan_tuple(given: ir.TupleType, wanted: ir.Type, allow_conversions: bool) -> Plan:
    target = unwrapped(wanted)
    if is_convertible_to_list(given, target):
        return Plan(
            target,
            lambda graph, value: graph.insert("prim::ListConstruct", unpack_tuple(graph, value), (target,)).output,
        )
    if not isinstance(wanted, ir.TupleType) or len(wanted.elements) != len(given.elements):
        return Plan(given)
    if ir.is_subtype(given, wanted):
        return Plan(given)
    elements = [
        plan(have, want, allow_conversions=allow_conversions)
        for have, want in zip(given.elements, wanted.elements, strict=True)
    ]
    result = ir.TupleType(tuple(element.type for element in elements))

    def apply(graph: ir.Graph, value: ir.Value) -> ir.Value:
        converted = [
            part if element.apply is None else element.apply(graph, part)
            for element, part in zip(elements, unpack_tuple(graph, value), strict=True)
        ]
        return graph.insert("prim::TupleConstruct", converted, (result,)).output

    return Plan(result, apply)


def _plan_primitive(given: ir.Type, wanted: ir.PrimitiveType) -> Plan:
    kind: str | None = None
    result: ir.Type = wanted
    if isinstance(given, ir.TensorType):
        kind = _IMPLICIT.get(wanted)
    elif given is ir.NUMBER:
        kind = _FROM_SCALAR.get(wanted)
    elif given is ir.BOOL and wanted in _FROM_BOOL:
        kind, result = _FROM_BOOL[wanted]
    elif given is ir.STRING and wanted is ir.DEVICE:
        kind = "aten::device"
    elif isinstance(given, ir.EnumType) and given.mixes_in_value and ir.is_subtype(given.value_type, wanted):
        kind, result = "prim::EnumValue", given.value_type
    if kind is None:
        return Plan(given)
    return Plan(result, _call(kind, result))


def _plan_device(given: ir.OptionalType | ir.UnionType) -> Plan:
    """`Union[str, torch.device, None]`, as functions declare the devices that they pass on."""
    alternatives = given.elements if isinstance(given, ir.UnionType) else (given.element, ir.NONE)
    if ir.STRING not in alternatives or not {ir.STRING, ir.DEVICE, ir.NONE}.issuperset(alternatives):
        return Plan(given)
    result = ir.optional(ir.DEVICE) if ir.NONE in alternatives else ir.DEVICE

    def apply(graph: ir.Graph, value: ir.Value) -> ir.Value:
        test = graph.insert("prim::isinstance", (value,), (ir.BOOL,)).set_attribute("types", "tys", (ir.STRING,))
        choice = graph.insert("prim::If", (test.output,), ())
        for kind, type in (("aten::device", ir.STRING), (None, result)):
            block = choice.add_block()
            with graph.inserting_at(block):
                cast = graph.insert("prim::unchecked_cast", (value,), (type,)).output
                block.add_output(cast if kind is None else graph.insert(kind, (cast,), (ir.DEVICE,)).output)
        return choice.add_output(result)

    return Plan(result, apply)


def _call(kind: str, result: ir.Type) -> Apply:
    return lambda graph, value: graph.insert(kind, (value,), (result,)).output
