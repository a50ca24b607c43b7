"""How one node is spelled, given the spelling of its operands.

A table by node kind; whatever is not in it is an operator call, `torch.add(a, b)` or `ops.ns.name(a, b)`, without the
trailing arguments that equal their defaults.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Protocol, TypeAlias

from flambeau.errors import UnsupportedError
from flambeau.ir import (
    NONE,
    NOT_CONSTANT,
    Argument,
    ClassType,
    DictType,
    Function,
    FunctionSchema,
    ListType,
    NamedType,
    Node,
    TensorType,
    TupleType,
    Type,
    Value,
    constant_value,
    quoted,
)

from .literals import is_ambiguous_element
from .names import is_identifier
from .text import Piece, glued, listed


class Context(Protocol):
    """What spelling a node asks of the printer."""

    def annotation(self, type: Type) -> str: ...

    def reference(self, type: NamedType) -> str: ...


Spelling: TypeAlias = "Callable[[Context, Node, Sequence[Piece]], Piece]"

_SPELLINGS: dict[str, Spelling] = {}


def _spells(*kinds: str) -> Callable[[Spelling], Spelling]:
    def register(spelling: Spelling) -> Spelling:
        for kind in kinds:
            if kind in _SPELLINGS:
                raise ValueError(f"two spellings of {kind}")
            _SPELLINGS[kind] = spelling
        return spelling

    return register


def spell(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    """The source text of a node as an expression."""
    return _SPELLINGS.get(node.kind, _operator_call)(context, node, operands)


_CASTS = {
    "aten::Int": "int",
    "aten::Float": "float",
    "aten::Bool": "bool",
    "aten::str": "str",
    "prim::Print": "print",
    "aten::sorted": "sorted",
}


@_spells(*_CASTS)
def _plain_call(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    return listed(f"{_CASTS[node.kind]}(", operands, ")")


@_spells("aten::ScalarImplicit", "aten::FloatImplicit", "aten::IntImplicit", "aten::ComplexImplicit")
def _implicit_number(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    return glued(f"annotate({context.annotation(node.output.type)}, ", operands[0], ")")


@_spells("prim::unchecked_cast")
def _unchecked_cast(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    return glued(f"unchecked_cast({context.annotation(node.output.type)}, ", operands[0], ")")


@_spells("prim::Uninitialized")
def _uninitialized(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    return f"uninitialized({context.annotation(node.output.type)})"


@_spells("prim::isinstance")
def _isinstance(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    types = node.attribute("types")
    names = [context.annotation(t) for t in types]  # type: ignore[attr-defined]  # a tuple of types
    shown = names[0] if len(names) == 1 else f"({', '.join(names)})"
    return glued("isinstance(", operands[0], f", {shown})")


@_spells("prim::tolist")
def _tolist(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    return glued(f"annotate({context.annotation(node.output.type)}, ", operands[0], ".tolist())")


@_spells("prim::EnumValue")
def _enum_value(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    return glued("(", operands[0], ").value")


@_spells("prim::EnumName")
def _enum_name(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    return glued("(", operands[0], ").name")


@_spells("prim::TupleConstruct")
def _tuple(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    type = node.output.type
    name = context.reference(type) if isinstance(type, TupleType) and type.field_names and type.qualified_name else ""
    comma = "," if len(operands) == 1 else ""
    return listed(f"{name}(", operands, f"{comma})")


@_spells("prim::TupleIndex")
def _tuple_index(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    return glued("(", operands[0], ")[", operands[1], "]")


@_spells("prim::TupleSlice")
def _tuple_slice(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    return glued("(", operands[0], f")[{node.attribute('beg')}:{node.attribute('end')}]")


@_spells("prim::ListConstruct")
def _list(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    type = node.output.type
    literal = listed("[", operands, "]")
    if isinstance(type, ListType) and (not operands or is_ambiguous_element(type.element)):
        return glued(f"annotate({context.annotation(type)}, ", literal, ")")
    return literal


@_spells("prim::DictConstruct")
def _dict(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    type = node.output.type
    pairs = [glued(key, ": ", value) for key, value in zip(operands[::2], operands[1::2], strict=True)]
    literal = listed("{", pairs, "}")
    if isinstance(type, DictType) and (
        not operands or is_ambiguous_element(type.key) or is_ambiguous_element(type.value)
    ):
        return glued(f"annotate({context.annotation(type)}, ", literal, ")")
    return literal


@_spells("prim::CreateObject")
def _create_object(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    name = context.annotation(node.output.type)
    return f"{name}.__new__({name})"


@_spells("prim::GetAttr")
def _get_attribute(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    return attribute_access(operands[0], node.string_attribute("name"))


def attribute_access(holder: Piece, name: str) -> Piece:
    """`holder.name`, or `getattr(holder, "name")` where the name is no identifier."""
    if is_identifier(name):
        simple = is_identifier(str(holder))
        return glued(holder, f".{name}") if simple else glued("(", holder, f").{name}")
    return glued("getattr(", holder, f", {quoted(name)})")


@_spells("prim::CallFunction")
def _call_function(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    function = constant_value(node.inputs[0])
    arguments = _arguments(function.schema if isinstance(function, Function) else None, operands[1:], 0)
    return glued(operands[0], "(", *_with_commas(arguments), ")")


@_spells("prim::CallMethod")
def _call_method(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    name, owner = node.string_attribute("name"), node.inputs[0].type
    method = owner.methods.get(name) if isinstance(owner, ClassType) else None
    arguments = _arguments(None if method is None else method.schema, operands[1:], 1)
    return glued("(", operands[0], f").{name}(", *_with_commas(arguments), ")")


def _with_commas(arguments: Sequence[Piece]) -> list[Piece]:
    """With a comma behind each."""
    pieces: list[Piece] = [", "] * (2 * len(arguments))
    pieces[::2] = arguments
    return pieces


def _arguments(schema: FunctionSchema | None, operands: Sequence[Piece], skipped: int) -> Sequence[Piece]:
    """Arguments of a call by position, those behind a star by name; `skipped` parameters are not among them."""
    if schema is None:
        return operands
    starred = first_starred(schema)
    if starred is None:
        return operands
    formals = schema.arguments[skipped:]
    return [
        operand if index + skipped < starred else glued(f"{formals[index].name}=", operand)
        for index, operand in enumerate(operands)
    ]


def first_optional(schema: FunctionSchema) -> int:
    """The place from which on parameters are written with their defaults."""
    # PyTorch reads no None for a Tensor: such a parameter, and all before it, must be given there.
    undefined = [i for i, a in enumerate(schema.arguments) if a.default is None and isinstance(a.type, TensorType)]
    return undefined[-1] + 1 if undefined else 0


def first_starred(schema: FunctionSchema) -> int | None:
    """The place of the parameter before which a star is written: the first keyword-only one, where a parameter without
    default stands after one that has one, which only a star allows.
    """
    for argument in schema.arguments:
        if argument.kwarg_only:
            break
    else:
        return None  # as in nearly every method
    defaulted, required = False, first_optional(schema)
    for index, argument in enumerate(schema.arguments):
        if argument.has_default and index >= required:
            defaulted = True
        elif defaulted:
            return next((i for i, a in enumerate(schema.arguments) if a.kwarg_only), None)
    return None


@_spells("aten::__getitem__")
def _get_item(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    holder = str(operands[0])
    if is_identifier(holder):
        return glued(operands[0], "[", operands[1], "]")
    return glued("(", operands[0], ")[", operands[1], "]")


@_spells("aten::_unwrap_optional")
def _unwrap_optional(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    if node.input.type is NONE:
        return f"torch._unwrap_optional(annotate(Optional[{context.annotation(node.output.type)}], None))"
    return glued("torch._unwrap_optional(", operands[0], ")")


@_spells("prim::PythonOp")
def _python_op(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    name = node.attributes["name"].value if node.has_attribute("name") else "function"
    raise UnsupportedError(
        f"Could not export Python function call '{name}'. Remove calls to Python functions before export. "
        "Did you forget to add @script or @script_method annotation? "
        "If this is a nn.ModuleList, add it to __constants__"
    )


_RENAMED = {"aten::backward": "torch.autograd.backward", "aten::grad": "torch.autograd.grad"}


def operator_name(kind: str) -> str:
    """How code refers to an operator: `torch.add`, `ops.prim.device`."""
    if kind in _RENAMED:
        return _RENAMED[kind]
    namespace, _, name = kind.partition("::")
    return f"torch.{name}" if namespace == "aten" else f"ops.{namespace}.{name}"


def _operator_call(context: Context, node: Node, operands: Sequence[Piece]) -> Piece:
    operator = node.operator
    name = operator_name(node.kind)
    if operator is None or operator.schema.is_vararg:
        return listed(f"{name}(", operands, ")")
    arguments: list[Piece] = []
    schema = operator.schema
    for index in needed_arguments(schema, node.inputs):
        argument = schema.arguments[index]
        named = argument.kwarg_only
        arguments.append(glued(f"{argument.name}=", operands[index]) if named else operands[index])
    return listed(f"{name}(", arguments, ")")


def needed_arguments(schema: FunctionSchema, values: Sequence[Value]) -> list[int]:
    """The arguments that must be written: up to the last that differs from its default, and all outputs (`out=`)."""
    count = len(values)
    outputs = [i for i in range(count) if schema.arguments[i].is_out]
    last = count - len(outputs)
    while last > 0 and _equals_default(schema.arguments[last - 1], values[last - 1]):
        last -= 1
    return [*range(last), *(i for i in outputs if i >= last)]


def _equals_default(argument: Argument, value: Value) -> bool:
    if not argument.has_default:
        return False
    actual = constant_value(value)
    if actual is NOT_CONSTANT:
        return False
    default = argument.default
    if isinstance(default, (list, tuple)) and isinstance(actual, (list, tuple)):
        return list(default) == list(actual) and list(map(type, default)) == list(map(type, actual))
    return type(default) is type(actual) and default == actual and str(default) == str(actual)
