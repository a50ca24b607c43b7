"""The shape that nodes of each kind must have; one function a kind, in a table. See `verifier` for the catalogue."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import TypeAlias

from flambeau.ir import types as t
from flambeau.ir.class_types import ClassType, FunctionType, InterfaceType
from flambeau.ir.graph import Graph
from flambeau.ir.node import Node, Value
from flambeau.ir.operator_matching import accepts, result_types
from flambeau.ir.operators import AliasKind, Operator, operators_named
from flambeau.ir.schema import FunctionSchema
from flambeau.ir.subtyping import is_subtype
from flambeau.ir.types import Type

Violation: TypeAlias = "tuple[str, str]"
"""An invariant's id and the details."""

_CONSTANT_TYPES: dict[str, tuple[Type, ...]] = {
    "f": (t.FLOAT, t.NUMBER),
    "c": (t.COMPLEX, t.NUMBER),
    "s": (t.STRING, t.DEVICE),
    "i": (t.INT, t.BOOL, t.NUMBER, t.SCALAR_TYPE, t.LAYOUT, t.MEMORY_FORMAT, t.QSCHEME),
}


def violations_of_node(node: Node) -> Iterator[Violation]:
    """What is wrong with a node's own shape and types."""
    if node.blocks and node.kind not in _WITH_BLOCKS:
        yield "bad-arity", f"{node.kind} has no sub-blocks"
    checker = _CHECKERS.get(node.kind)
    if checker is not None:
        yield from checker(node)
    elif operators_named(node.kind):
        yield from _call(node)
    subgraph = node.attributes.get("Subgraph")
    if subgraph is not None and isinstance(subgraph.value, Graph):
        yield from _subgraph(node, subgraph.value)


def fits(actual: Type, wanted: Type) -> bool:
    """Whether a value of one type may stand where another is wanted, whatever is known of the tensors in them."""
    return actual is wanted or is_subtype(actual, wanted) or is_subtype(t.unshaped(actual), t.unshaped(wanted))


def _counts(node: Node, inputs: int | None, outputs: int | None, blocks: int = 0) -> Iterator[Violation]:
    for what, have, wanted in (
        ("input", len(node.inputs), inputs),
        ("output", len(node.outputs), outputs),
        ("block", len(node.blocks), blocks),
    ):
        if wanted is not None and have != wanted:
            yield "bad-arity", f"{node.kind} must have {_plural(wanted, what)}, not {have}"


def _plural(count: int, what: str) -> str:
    return f"{count} {what}" if count == 1 else f"{count} {what}s"


def _value(value: Value, wanted: Type, role: str) -> Iterator[Violation]:
    if not fits(value.type, wanted):
        yield "bad-type", f"{role} %{value.debug_name} has type {value.type}, not {wanted}"


def _passed(values: Sequence[Value], receivers: Sequence[Value], what: str) -> Iterator[Violation]:
    """Values that become others, one by one: what a block returns and the node's outputs, for example."""
    if len(values) != len(receivers):
        yield "bad-arity", f"{what}: {len(values)} for {len(receivers)}"
        return
    for value, receiver in zip(values, receivers, strict=True):
        if not fits(value.type, receiver.type):
            detail = f"%{value.debug_name} : {value.type} for %{receiver.debug_name} : {receiver.type}"
            yield "bad-type", f"{what}: {detail}"


# --- control flow


def _if(node: Node) -> Iterator[Violation]:
    wrong = list(_counts(node, 1, None, 2))
    yield from wrong
    if wrong:
        return
    yield from _value(node.input, t.BOOL, "condition")
    for index, block in enumerate(node.blocks):
        if block.inputs:
            yield "bad-arity", f"block{index} of prim::If takes no inputs"
        yield from _passed(block.outputs, node.outputs, f"block{index} returns")


def _loop(node: Node) -> Iterator[Violation]:
    wrong = list(_counts(node, None, None, 1))
    if len(node.inputs) < 2:
        wrong.append(("bad-arity", "prim::Loop must have a trip count and a condition"))
    body = None if wrong else node.blocks[0]
    if body is not None and (not body.inputs or not body.outputs):
        wrong.append(("bad-arity", "the block of prim::Loop must take the trip number and return the condition"))
    yield from wrong
    if wrong or body is None:
        return
    yield from _value(node.inputs[0], t.INT, "trip count")
    yield from _value(node.inputs[1], t.BOOL, "condition")
    yield from _value(body.inputs[0], t.INT, "trip number")
    yield from _value(body.outputs[0], t.BOOL, "condition")
    carried = node.inputs[2:]
    yield from _passed(carried, body.inputs[1:], "initial values of the loop")
    yield from _passed(body.outputs[1:], body.inputs[1:], "values for the next trip")
    yield from _passed(body.outputs[1:], node.outputs, "results of the loop")


def _closure(node: Node) -> Iterator[Violation]:
    yield from _counts(node, 0, 1, 1)


# --- values


def _constant(node: Node) -> Iterator[Violation]:
    yield from _counts(node, 0, 1)
    if len(node.outputs) != 1:
        return
    given, type = node.attributes.get("value"), node.output.type
    wanted = type.element if isinstance(type, t.OptionalType) else type
    if given is None:
        if not is_subtype(t.NONE, type):
            yield "bad-attribute", f"constant of type {type} has no value"
        return
    allowed = _CONSTANT_TYPES.get(given.kind)
    fitting = isinstance(wanted, t.TensorType) if given.kind == "t" else allowed is None or wanted in allowed
    if not fitting and wanted is not t.ANY and not isinstance(wanted, t.UnionType):
        yield "bad-attribute", f"a value of kind `{given.kind}` cannot be of type {type}"


def _tuple_construct(node: Node) -> Iterator[Violation]:
    yield from _counts(node, None, 1)
    type = node.outputs[0].type if node.outputs else None
    if isinstance(type, t.TupleType):
        if len(type.elements) != len(node.inputs):
            yield "bad-arity", f"a tuple of {len(type.elements)} elements from {_plural(len(node.inputs), 'input')}"
        for value, element in zip(node.inputs, type.elements, strict=False):
            yield from _value(value, element, "element")
    elif type is not None:
        yield "bad-type", f"prim::TupleConstruct makes a tuple, not {type}"


def _tuple_unpack(node: Node) -> Iterator[Violation]:
    yield from _counts(node, 1, None)
    type = node.inputs[0].type if node.inputs else None
    if isinstance(type, t.TupleType):
        if len(type.elements) != len(node.outputs):
            yield "bad-arity", f"a tuple of {len(type.elements)} elements into {_plural(len(node.outputs), 'output')}"
        for value, element in zip(node.outputs, type.elements, strict=False):
            if not fits(element, value.type):
                yield "bad-type", f"%{value.debug_name} : {value.type} cannot hold an element of type {element}"
    elif type is not None:
        yield "bad-type", f"prim::TupleUnpack takes a tuple, not {type}"


def _list_construct(node: Node) -> Iterator[Violation]:
    yield from _counts(node, None, 1)
    type = node.outputs[0].type if node.outputs else None
    if isinstance(type, t.ListType):
        for value in node.inputs:
            # Tracing puts sizes into lists of ints while they are still tensors.
            if not (isinstance(value.type, t.TensorType) and type.element in (t.INT, t.FLOAT)):
                yield from _value(value, type.element, "element")
    elif type is not None:
        yield "bad-type", f"prim::ListConstruct makes a list, not {type}"


def _list_unpack(node: Node) -> Iterator[Violation]:
    yield from _counts(node, 1, None)
    if node.inputs and not isinstance(node.inputs[0].type, t.ListType):
        yield "bad-type", f"prim::ListUnpack takes a list, not {node.inputs[0].type}"


def _dict_construct(node: Node) -> Iterator[Violation]:
    yield from _counts(node, None, 1)
    if len(node.inputs) % 2:
        yield "bad-arity", f"prim::DictConstruct takes keys and values in turn, not {len(node.inputs)} inputs"
    type = node.outputs[0].type if node.outputs else None
    if isinstance(type, t.DictType):
        for index, value in enumerate(node.inputs):
            yield from _value(value, type.value if index % 2 else type.key, "value" if index % 2 else "key")
    elif type is not None:
        yield "bad-type", f"prim::DictConstruct makes a dict, not {type}"


def _create_object(node: Node) -> Iterator[Violation]:
    yield from _counts(node, 0, 1)
    if node.outputs and not isinstance(node.outputs[0].type, ClassType):
        yield "bad-type", f"prim::CreateObject makes an object of a class, not {node.outputs[0].type}"


def _isinstance(node: Node) -> Iterator[Violation]:
    yield from _counts(node, 1, 1)
    if "types" not in node.attributes:
        yield "bad-attribute", "prim::isinstance needs the attribute `types`"


# --- attributes and calls


def _member(node: Node) -> tuple[ClassType | None, str]:
    """The class whose member a node uses (None where it is incomplete or unknown), and the member's name."""
    name = node.attributes.get("name")
    type = node.inputs[0].type if node.inputs else None
    known = isinstance(type, ClassType) and bool(type.attributes or type.methods)
    return (type if known and isinstance(type, ClassType) else None), str(name.value) if name else ""


def _needs_name(node: Node) -> Iterator[Violation]:
    name = node.attributes.get("name")
    if name is None or name.kind != "s":
        yield "bad-attribute", f"{node.kind} needs the attribute `name`, a string"
    if node.inputs and not isinstance(node.inputs[0].type, (ClassType, InterfaceType)):
        yield "bad-type", f"{node.kind} needs an object, not {node.inputs[0].type}"


def _get_attribute(node: Node) -> Iterator[Violation]:
    yield from _counts(node, 1, 1)
    yield from _needs_name(node)
    owner, name = _member(node)
    if owner is None or len(node.outputs) != 1:
        return
    found = owner.find_attribute(name)
    if found is None:
        yield "no-member", f"{owner} has no attribute '{name}'"
    elif not fits(found.type, node.output.type):
        yield "bad-type", f"attribute '{name}' of {owner} has type {found.type}, not {node.output.type}"


def _set_attribute(node: Node) -> Iterator[Violation]:
    yield from _counts(node, 2, 0)
    yield from _needs_name(node)
    owner, name = _member(node)
    if owner is None or len(node.inputs) != 2:
        return
    found = owner.find_attribute(name)
    if found is None:
        yield "no-member", f"{owner} has no attribute '{name}'"
    else:
        yield from _value(node.inputs[1], found.type, f"the new value of '{name}'")


def _call_method(node: Node) -> Iterator[Violation]:
    yield from _counts(node, None, None)
    yield from _needs_name(node)
    type = node.inputs[0].type if node.inputs else None
    name = _member(node)[1]
    if isinstance(type, InterfaceType):
        schema = type.method_schema(name)
        if schema is None and type.methods:
            yield "no-member", f"{type} has no method '{name}'"
        return
    owner, _ = _member(node)
    if owner is None or not owner.methods:
        return
    function = owner.methods.get(name)
    if function is None:
        yield "no-member", f"{owner} has no method '{name}'"
    elif function.is_defined:
        yield from _callee(node, node.inputs, function.schema)


def _call_function(node: Node) -> Iterator[Violation]:
    if not node.inputs or not isinstance(node.inputs[0].type, FunctionType):
        yield "bad-type", "the first input of prim::CallFunction must be a function"
        return
    function = node.inputs[0].type.function
    if function.is_defined:
        yield from _callee(node, node.inputs[1:], function.schema)


def _callee(node: Node, arguments: Sequence[Value], schema: FunctionSchema) -> Iterator[Violation]:
    if len(arguments) != len(schema.arguments):
        yield "bad-arity", f"{schema.name} takes {_plural(len(schema.arguments), 'argument')}, not {len(arguments)}"
        return
    for value, argument in zip(arguments, schema.arguments, strict=True):
        yield from _value(value, argument.type, f"argument '{argument.name}'")
    if len(node.outputs) == 1 and not fits(schema.return_type, node.output.type):
        yield "bad-result", f"{schema.name} returns {schema.return_type}, not {node.output.type}"


def _subgraph(node: Node, subgraph: Graph) -> Iterator[Violation]:
    if node.kind in _RUN_LATER:
        yield from _passed(node.inputs, subgraph.inputs, "arguments of the subgraph")
    elif len(node.inputs) != len(subgraph.inputs):
        yield "bad-arity", f"the subgraph takes {_plural(len(subgraph.inputs), 'input')}, not {len(node.inputs)}"
    elif len(node.outputs) != len(subgraph.outputs):
        yield "bad-arity", f"the subgraph returns {_plural(len(subgraph.outputs), 'value')}, not {len(node.outputs)}"


# --- operators


def _call(node: Node) -> Iterator[Violation]:
    operator = node.operator
    if operator is None or not accepts(operator.schema, node.inputs):
        types = ", ".join(str(v.type) for v in node.inputs)
        yield "no-overload", f"no overload of {node.kind} accepts ({types})"
        return
    yield from _results(node, operator)


def _results(node: Node, operator: Operator) -> Iterator[Violation]:
    schema = operator.schema
    if schema.is_varret:
        return
    wanted = result_types(schema, node.inputs)
    if len(wanted) != len(node.outputs):
        yield "bad-arity", f"{schema.qualified_name} has {_plural(len(wanted), 'result')}, not {len(node.outputs)}"
        return
    if operator.alias_kind is AliasKind.SPECIAL:  # `prim::unchecked_cast(t x) -> t` and the like return what they say
        return
    for value, result in zip(node.outputs, wanted, strict=True):
        if result is not t.ANY and not t.contains_var(result) and not _may_be(value.type, result):
            yield "bad-result", f"%{value.debug_name} has type {value.type}; {schema.qualified_name} returns {result}"


def _may_be(declared: Type, result: Type) -> bool:
    """Graphs may know more of a result than the schema, or (after a join of types) less."""
    return fits(declared, result) or fits(result, declared)


_Checker: TypeAlias = "Callable[[Node], Iterator[Violation]]"

_CHECKERS: dict[str, _Checker] = {
    "prim::If": _if,
    "prim::Loop": _loop,
    "prim::Closure": _closure,
    "prim::Constant": _constant,
    "prim::TupleConstruct": _tuple_construct,
    "prim::TupleUnpack": _tuple_unpack,
    "prim::ListConstruct": _list_construct,
    "prim::ListUnpack": _list_unpack,
    "prim::DictConstruct": _dict_construct,
    "prim::CreateObject": _create_object,
    "prim::isinstance": _isinstance,
    "prim::GetAttr": _get_attribute,
    "prim::SetAttr": _set_attribute,
    "prim::CallMethod": _call_method,
    "prim::CallFunction": _call_function,
}
_RUN_LATER = frozenset({"prim::fork", "prim::awaitable"})
_WITH_BLOCKS = frozenset({"prim::If", "prim::Loop", "prim::Closure", "prim::GradOf", "prim::With"})
