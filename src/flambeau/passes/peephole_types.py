"""Peephole rules that follow from types, and those on control flow that only chooses between constants."""

from __future__ import annotations

from flambeau.ir import (
    ANY,
    NONE,
    InterfaceType,
    OptionalType,
    TensorType,
    Type,
    UnionType,
    Value,
    constant_value,
    is_none,
    is_subtype,
)

from .rewriting import Match, Refusal, RuleSet

TYPES = RuleSet()
TENSOR_TYPES = RuleSet()
"""Rules that believe what a tensor's type says of it."""


def _cannot_be_none(value: Value) -> bool:
    return not is_subtype(NONE, value.type)


@TYPES.rewrite("aten::__is__", "aten::__isnot__")
def compare_with_none(match: Match) -> Value | Refusal:
    """`x is None` where the type of `x` says."""
    a, b = match.node.inputs
    holds = match.node.kind == "aten::__is__"
    if is_none(a) and is_none(b):
        return match.constant(holds)
    for value, other in ((a, b), (b, a)):
        if is_none(other) and _cannot_be_none(value):
            return match.constant(not holds)
    return match.no("neither is it None, nor can it not be", a)


@TYPES.rewrite("aten::_unwrap_optional", "prim::unchecked_unwrap_optional")
def unwrap_what_is_not_optional(match: Match) -> Value | Refusal:
    """The value itself, where its type does not admit None."""
    value = match.input(0)
    return value if _cannot_be_none(value) else match.no("it may be None", value)


@TYPES.rewrite("prim::unchecked_cast")
def cast_to_its_own_type(match: Match) -> Value | Refusal:
    """A cast to a type that the value has already."""
    value = match.input(0)
    return value if is_subtype(value.type, match.node.output.type) else match.no("it narrows the type", value)


@TYPES.rewrite("prim::isinstance")
def known_type_test(match: Match) -> Value | Refusal:
    """`isinstance` where the declared type says."""
    value, wanted = match.input(0), match.node.attribute("types")
    if not isinstance(wanted, tuple):
        return match.no("no types are given")
    answers = {_belongs(member, wanted) for member in _members(value.type)}
    if answers == {True}:
        return match.constant(True)
    return match.constant(False) if answers == {False} else match.no("it depends on the value", value)


def _members(given: Type) -> tuple[Type, ...]:
    if isinstance(given, OptionalType):
        return (NONE, *_members(given.element))
    return given.elements if isinstance(given, UnionType) else (given,)


def _belongs(member: Type, wanted: tuple[object, ...]) -> bool | None:
    types = [w for w in wanted if isinstance(w, Type)]
    if any(is_subtype(member, w) for w in types):
        return True
    open_ended = member is ANY or isinstance(member, InterfaceType) or any(is_subtype(w, member) for w in types)
    return None if open_ended else False


@TYPES.rewrite("prim::If")
def condition_as_result(match: Match) -> Value | Refusal:
    """`True if c else False` is `c`, and the other way round `not c`."""
    node = match.node
    results = [constant_value(block.outputs[0]) for block in node.blocks]
    # Compared by identity: a tensor constant is no answer to `==`.
    if results[0] is True and results[1] is False:
        return node.input
    if results[0] is False and results[1] is True:
        inverted = node.graph.create("aten::__not__", (node.input,), (node.output.type,))
        return inverted.copy_metadata(node).insert_before(node).output
    return match.no("its branches do not give True and False")


def _tensor_type(match: Match) -> TensorType | None:
    type = match.input(0).type
    return type if isinstance(type, TensorType) else None


@TENSOR_TYPES.rewrite("aten::dim")
def known_rank(match: Match) -> Value | Refusal:
    type = _tensor_type(match)
    return match.no("unknown rank") if type is None or type.sizes is None else match.constant(len(type.sizes))


@TENSOR_TYPES.rewrite("prim::dtype")
def known_dtype(match: Match) -> Value | Refusal:
    type = _tensor_type(match)
    if type is None or type.scalar_type is None:
        return match.no("unknown dtype")
    return match.constant(int(type.scalar_type))


@TENSOR_TYPES.rewrite("aten::is_floating_point", "aten::is_complex")
def known_kind_of_dtype(match: Match) -> Value | Refusal:
    type = _tensor_type(match)
    if type is None or type.scalar_type is None:
        return match.no("unknown dtype")
    floating = match.node.kind == "aten::is_floating_point"
    return match.constant(type.scalar_type.is_floating_point if floating else type.scalar_type.is_complex)


@TENSOR_TYPES.rewrite("prim::is_cuda")
def known_device(match: Match) -> Value | Refusal:
    type = _tensor_type(match)
    if type is None or type.device is None:
        return match.no("unknown device")
    return match.constant(type.device.partition(":")[0] == "cuda")


@TENSOR_TYPES.rewrite("aten::size")
def known_sizes(match: Match) -> Value | Refusal:
    """All sizes, if nobody changes the list."""
    type = _tensor_type(match)
    if type is None or type.sizes is None or not all(isinstance(s, int) for s in type.sizes):
        return match.no("unknown sizes")
    memory = match.facts.memory
    if memory.has_writers(match.node.output) or memory.escapes_scope(match.node.output):
        return match.no("the list may be changed", match.node.output)
    return match.constant(list(type.sizes))


@TENSOR_TYPES.rewrite("aten::size.int")
def known_size(match: Match) -> Value | Refusal:
    type, dim = _tensor_type(match), constant_value(match.input(1))
    if type is None or type.sizes is None or not isinstance(dim, int) or not -len(type.sizes) <= dim < len(type.sizes):
        return match.no("unknown size")
    size = type.sizes[dim]
    return match.constant(size) if isinstance(size, int) else match.no("unknown size")
