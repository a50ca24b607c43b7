"""Literals: constants, strings, tuples, lists, dicts. (f-strings: `f_strings`.)

[1, 2]                 prim::ListConstruct, of the type that the elements have in common
[]                     prim::EmptyListLiteral, a List[Tensor] that may still become another list where it is passed on
x: List[int] = []      the context's type decides
"""

from __future__ import annotations

import ast
import warnings
from collections.abc import Sequence

from flambeau import ir
from flambeau.errors import ScriptError

from ..annotations import is_key
from ..assumptions import notes
from ..diagnostics.messages import type_name
from ..emitter import Emitter
from ..folding import known_value
from ..syntax import expression
from ..values.index_values import EllipsisValue, FullSlices, IndexList, sequence
from ..values.keywords import KeywordsValue
from ..values.simple_values import SliceValue, SugaredTuple
from ..values.sugared import Arg, SugaredValue
from .calls import positional_arguments, spread_parts, starred_arguments
from .container_hints import container_hint
from .dict_literals import merged_dict
from .open_tuples import OpenTuple

_INT64 = range(-(1 << 63), 1 << 63)


@expression(ast.Constant)
def emit_constant(emitter: Emitter, node: ast.Constant, hint: ir.Type | None) -> SugaredValue:
    value = node.value
    if value is None or isinstance(value, (bool, int, float, complex)):
        if isinstance(value, int) and value not in _INT64:
            raise emitter.error(node, "Integral constant out of range")
        return emitter.sugar(emitter.constant(value, emitter.range(node)))
    if isinstance(value, str):
        return emitter.sugar(emitter.constant(string_of(emitter, node), emitter.range(node)))
    if value is Ellipsis:
        return EllipsisValue()
    raise emitter.unsupported(node, "Unknown Constant expression type")


def string_of(emitter: Emitter, node: ast.Constant) -> str:
    """The text of a string literal. An archive's code spells what is not ASCII as octal escapes of UTF-8 bytes."""
    text = str(node.value)
    if text.isascii() or not emitter.definition.serialized:
        return text
    if max(text) > "\xff" or "\\" not in emitter.range(node).text:
        return text
    return text.encode("latin-1").decode("utf-8", "surrogateescape")


@expression(ast.Tuple)
def emit_tuple(emitter: Emitter, node: ast.Tuple, hint: ir.Type | None) -> SugaredValue:
    if any(isinstance(element, ast.Starred) for element in node.elts):
        parts = spread_parts(emitter, node.elts)
        if any(is_spread for _, is_spread in parts):
            notes.went_beyond = True
            return OpenTuple(tuple(parts))
        args = [part for part, _ in parts]
    else:
        args = positional_arguments(emitter, node.elts, _tuple_hints(node, hint))
    range_ = emitter.range(node)
    if any(isinstance(arg.sugared, FullSlices) for arg in args):
        return sequence([arg.sugared for arg in args])
    if not all(arg.sugared.is_first_class for arg in args):
        return SugaredTuple(tuple(arg.sugared for arg in args), tuple(arg.range for arg in args))
    return emitter.sugar(emitter.make_tuple([arg.value(emitter) for arg in args], range_))


def _tuple_hints(node: ast.Tuple, hint: ir.Type | None) -> Sequence[ir.Type | None]:
    if isinstance(hint, ir.OptionalType):
        hint = hint.element
    if isinstance(hint, ir.TupleType) and len(hint.elements) == len(node.elts):
        return hint.elements
    return (None,) * len(node.elts)


@expression(ast.List)
def emit_list(emitter: Emitter, node: ast.List, hint: ir.Type | None) -> SugaredValue:
    range_ = emitter.range(node)
    if not node.elts and hint in (None, ir.ANY):
        assumed = emitter.assumptions.types.get(("literal", emitter.place(node)))
        if assumed is not None:
            return emitter.sugar(emitter.insert("prim::ListConstruct", (), (assumed,), range_).output)
        empty = emitter.insert("prim::EmptyListLiteral", (), (ir.ListType(ir.TENSOR),), range_)
        emitter.literals[empty.output] = ("literal", emitter.place(node))
        return emitter.sugar(empty.output)
    element_hint = hint.element if isinstance(hint, ir.ListType) else None
    if any(isinstance(element, ast.Starred) for element in node.elts):
        whole, args = starred_arguments(emitter, node.elts)
        if whole is not None and len(node.elts) == 1:
            return emitter.sugar(emitter.builtin(range_, "aten::list", whole.value(emitter)))
        if whole is not None:
            return whole.sugared
    else:
        args = positional_arguments(emitter, node.elts, [element_hint] * len(node.elts))
    if emitter.infers and any(isinstance(arg.sugared, (SliceValue, FullSlices, EllipsisValue)) for arg in args):
        return IndexList([arg.sugared for arg in args], emitter.environment.frame, [])
    if emitter.infers and any(not arg.sugared.is_first_class for arg in args):
        # Functions or modules: a list that only this script sees, and cannot change.
        return SugaredTuple(tuple(arg.sugared for arg in args), tuple(arg.range for arg in args))
    values = [arg.value(emitter) for arg in args]
    if emitter.infers and {value.type for value in values} == {ir.INT, ir.FLOAT} and element_hint is None:
        values = [v if v.type is ir.FLOAT else emitter.builtin(range_, "aten::Float", v) for v in values]
    types = tuple(value.type for value in values)
    wanted = container_hint(
        hint, ir.ListType, range_, lambda given: all(ir.is_subtype(t, given.element) for t in types)
    )
    if wanted is None:
        element = _common_type(types)
        _warn_if_mixed(element, range_, "List consists of heterogeneous types", element, "List")
    else:
        element = wanted.element
        joined = ir.unify_all(types, default_to_union=True, hint=element)
        if joined is not None and not ir.is_subtype(joined, element):
            raise ScriptError(
                f"List type annotation `{type_name(wanted)}` did not match the types of the given list elements, "
                f"which were unified to {type_name(joined)}",
                range_,
            )
    return as_hinted(emitter, emitter.make_list(values, element, range_), hint, range_)


@expression(ast.Dict)
def emit_dict(emitter: Emitter, node: ast.Dict, hint: ir.Type | None) -> SugaredValue:
    range_ = emitter.range(node)
    if not node.keys and hint in (None, ir.ANY):
        assumed = emitter.assumptions.types.get(("literal", emitter.place(node)))
        made = emitter.insert("prim::DictConstruct", (), (assumed or ir.DictType(ir.STRING, ir.TENSOR),), range_).output
        emitter.literals[made] = ("literal", emitter.place(node))
        return emitter.sugar(made)
    if None in node.keys and emitter.infers:
        merged = merged_dict(emitter, node)
        if merged is not None:
            return merged
    value_hint = hint.value if isinstance(hint, ir.DictType) else None
    keys: list[ir.Value] = []
    args: list[Arg] = []
    for key, value in zip(node.keys, node.values, strict=True):
        if key is None:
            raise emitter.unsupported(value, "Dict expansion (e.g. `{**dict}`) is not supported")
        keys.append(emitter.value(key))
        if not ir.is_subtype(keys[-1].type, keys[0].type):
            raise emitter.error(
                key,
                f"Dict keys must contain only a single type. Expected: {type_name(keys[0].type)} but found "
                f"{type_name(keys[-1].type)} instead",
            )
        args += positional_arguments(emitter, [value], [value_hint])
    if emitter.infers and not all(arg.sugared.is_first_class for arg in args):
        names = [known_value(emitter, key) for key in keys]
        if all(isinstance(name, str) for name in names):
            return KeywordsValue({name: arg.sugared for name, arg in zip(names, args, strict=True)})
    values = [arg.value(emitter) for arg in args]
    type = dict_type(hint, tuple(key.type for key in keys), tuple(value.type for value in values), range_)
    pairs = [part for pair in zip(keys, values, strict=True) for part in pair]
    made = emitter.insert("prim::DictConstruct", pairs, (type,), range_).output
    return as_hinted(emitter, made, hint, range_)


def dict_type(
    hint: ir.Type | None, keys: tuple[ir.Type, ...], values: tuple[ir.Type, ...], range: ir.SourceRange
) -> ir.DictType:
    """The type of a dict literal whose keys and values have these types."""

    def holds(given: ir.DictType) -> bool:
        return all(ir.is_subtype(k, given.key) for k in keys) and all(ir.is_subtype(v, given.value) for v in values)

    wanted = container_hint(hint, ir.DictType, range, holds)
    if wanted is None:
        if not keys:
            return ir.DictType(ir.STRING, ir.TENSOR)
        value = _common_type(values)
        result = checked_dict(keys[0], value, range)
        _warn_if_mixed(value, range, "Dict values consist of heterogeneous types", result, "Dict")
        return result
    for what, have, want in (("keys", keys, wanted.key), ("values", values, wanted.value)):
        joined = ir.unify_all(have, default_to_union=True, hint=want)
        if joined is not None and not ir.is_subtype(joined, want):
            raise ScriptError(
                f"Type annotation was inferred to be `{type_name(wanted)}`, but the type of {what} given by the dict "
                f"literal is {type_name(joined)}",
                range,
            )
    return wanted


def checked_dict(key: ir.Type, value: ir.Type, range: ir.SourceRange) -> ir.DictType:
    """The type `Dict[key, value]`; ScriptError if keys cannot be of that type."""
    if not is_key(key):
        raise ScriptError(
            f"Cannot create dict for key type '{key}', only int, float, complex, Tensor, device and string keys are "
            "supported",
            range,
        )
    return ir.DictType(key, value)


def _common_type(types: tuple[ir.Type, ...]) -> ir.Type:
    return ir.unshaped(ir.unify_all(types, default_to_union=True) or ir.TENSOR)


def _warn_if_mixed(found: ir.Type, range: ir.SourceRange, problem: str, shown: ir.Type, container: str) -> None:
    if isinstance(found, ir.UnionType) or found is ir.NUMBER:
        what = "it" if container == "List" else "the dict"
        warnings.warn(
            f"{problem}, which means that {what} has been typed as containing {type_name(shown)}. To use any of the "
            "values "
            f"in this {container}, it will be necessary to add an `assert isinstance` statement before first use to "
            f"trigger type refinement.\n{range.highlight()}",
            stacklevel=2,
        )


def as_hinted(emitter: Emitter, value: ir.Value, hint: ir.Type | None, range: ir.SourceRange) -> SugaredValue:
    """A container for which the context declares an Optional or a Union: as a value of that type."""
    if isinstance(hint, (ir.OptionalType, ir.UnionType)):
        value = emitter.unchecked_cast(value, hint, range)
    return emitter.sugar(value)
