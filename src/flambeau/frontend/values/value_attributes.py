"""Attributes of values of the graph: properties and methods of tensors, fields of named tuples, members of objects."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from difflib import get_close_matches
from typing import TYPE_CHECKING

from flambeau import ir
from flambeau.errors import ScriptError

from ..diagnostics.messages import type_name
from ..diagnostics.suggestions import similar
from ..formatting.f_strings import FormatMethod
from ..matching.operator_calls import has_method
from .attribute_writes import forget_written
from .callables import BuiltinFunction, FunctionValue, MethodValue, NormMethod, TensorCast
from .special import SpecialForm
from .sugared import Arg, SugaredValue

if TYPE_CHECKING:
    from ..emitter import Emitter

TENSOR_CASTS = {
    "byte": ir.ScalarType.Byte,
    "char": ir.ScalarType.Char,
    "double": ir.ScalarType.Double,
    "float": ir.ScalarType.Float,
    "cfloat": ir.ScalarType.ComplexFloat,
    "cdouble": ir.ScalarType.ComplexDouble,
    "int": ir.ScalarType.Int,
    "long": ir.ScalarType.Long,
    "short": ir.ScalarType.Short,
    "half": ir.ScalarType.Half,
    "bfloat16": ir.ScalarType.BFloat16,
    "bool": ir.ScalarType.Bool,
}
"""Methods of tensors that convert the elements, with the type they convert to."""

_PRIM_PROPERTIES = (
    "dtype device grad data is_cuda is_cpu is_xla is_xpu is_sparse is_sparse_csr is_mkldnn is_mps is_mtia is_quantized "
    "is_vulkan is_ipu is_meta is_maia is_nested requires_grad layout name itemsize nbytes"
)
_ATEN_PROPERTIES = "is_leaf retains_grad real imag T H mT mH ndim shape"
TENSOR_PROPERTIES = {
    **{name: f"prim::{name}" for name in _PRIM_PROPERTIES.split()},
    **{name: f"aten::{name}" for name in _ATEN_PROPERTIES.split()},
}
"""Properties of tensors, with the operator that computes them."""
_IGNORED = "put it into a function marked with @torch.jit.ignore, which stays in Python"
ONLY_IN_PYTHON = {
    **dict.fromkeys(("numpy", "__array__", "register_hook", "share_memory_", "grad_fn", "retain_grad_fn"), _IGNORED),
    "new_tensor": "write `torch.tensor(..., dtype=x.dtype, device=x.device)`",
    "names": "scripts know no names of dimensions",
}
"""Attributes of tensors that scripts lack, with what to do instead."""
_DEVICE_PROPERTIES = {"type": "prim::type", "index": "prim::index"}


def find_attribute(emitter: Emitter, range: ir.SourceRange, value: ir.Value, name: str) -> SugaredValue | None:
    """What `value.name` means; None if there is no such attribute."""
    match value.type:
        case ir.TensorType():
            found = _tensor_attribute(emitter, range, value, name)
        case ir.TupleType() as given:
            found = _field(emitter, range, value, given, name)
        case ir.ClassType() as owner:
            found = _member(emitter, range, value, owner, name)
        case ir.InterfaceType() as interface:
            found = None if interface.method_schema(name) is None else MethodValue.of(value, name)
        case ir.EnumType(value_type=ir.ANY) if name == "value":
            raise ScriptError(
                f"the members of '{type_name(value.type)}' have values of several types, so that `value` has none",
                range,
            )
        case ir.EnumType() as enum if name in ("name", "value"):
            operator = "prim::EnumName" if name == "name" else f"prim::EnumValue.{enum.value_type}"
            return emitter.sugar(emitter.call_operator(range, ir.operator(operator), [value]))
        case ir.AwaitType(element):
            node = emitter.insert("prim::awaitable_wait", (value,), (element,), range)
            return find_attribute(emitter, range, node.output, name)
        case ir.STRING if name == "format":
            found = FormatMethod(value)
        case ir.DEVICE if name in _DEVICE_PROPERTIES:
            return emitter.sugar(emitter.builtin(range, _DEVICE_PROPERTIES[name], value))
        case ir.FLOAT if name == "is_integer":
            return SpecialForm("is_integer", value)
        case ir.ListType(ir.INT) if name == "numel" and emitter.infers:
            return SpecialForm("numel", value)
        case _:
            found = None
    if found is not None:
        return found
    return _operator_method(value, name)


_OTHER_NAMES = {"type": "aten::to", "ndimension": "aten::dim"}
"""Methods of tensors whose operators are called something else."""


def _operator_method(value: ir.Value, name: str) -> SugaredValue | None:
    if name in _OTHER_NAMES and has_method(_OTHER_NAMES[name], value.type):
        return BuiltinFunction(_OTHER_NAMES[name], value)
    if has_method(f"aten::{name}", value.type):
        return BuiltinFunction(f"aten::{name}", value)
    if isinstance(value.type, ir.TensorType):
        if name == "tolist":
            return SpecialForm("tolist", value)
        if name == "__getitem__":
            return SpecialForm("__getitem__", value)
    return None


def _tensor_attribute(emitter: Emitter, range: ir.SourceRange, value: ir.Value, name: str) -> SugaredValue | None:
    if name == "norm":
        return NormMethod(value)
    if name in TENSOR_CASTS:
        return TensorCast(value, TENSOR_CASTS[name])
    if name in TENSOR_PROPERTIES:
        return emitter.sugar(emitter.builtin(range, TENSOR_PROPERTIES[name], value))
    return None


def _field(
    emitter: Emitter, range: ir.SourceRange, value: ir.Value, given: ir.TupleType, name: str
) -> SugaredValue | None:
    if given.field_names is None:
        if has_method(f"aten::{name}", given):
            return None
        raise ScriptError("Getting attributes of tuples is not supported", range)
    if name not in given.field_names:
        return None
    position = given.field_names.index(name)
    index = emitter.constant(position, range)
    return emitter.sugar(emitter.insert("prim::TupleIndex", (value, index), (given.elements[position],), range).output)


def _member(
    emitter: Emitter, range: ir.SourceRange, value: ir.Value, owner: ir.ClassType, name: str
) -> SugaredValue | None:
    if name in owner.methods:
        return MethodValue.of(value, name)
    attribute = owner.find_attribute(name)
    if attribute is not None:
        node = emitter.insert("prim::GetAttr", (value,), (attribute.type,), range).set_attribute("name", "s", name)
        return emitter.sugar(node.output.set_debug_name(f"_{name}" if name.isdigit() else name))
    if name in owner.constants:
        return emitter.sugar(emitter.constant(owner.constants[name], range))
    if name in owner.static_methods:
        return FunctionValue.of(owner.static_methods[name])
    if name in owner.properties:
        getter = owner.properties[name].getter
        return MethodValue.of(value, getter.name).call(emitter, range, [], [])
    return None


def no_attribute(given: ir.Type, name: str, range: ir.SourceRange) -> ScriptError:
    """The error that a value of a type has no attribute of that name."""
    message = f"'{type_name(given)}' object has no attribute or method '{name}'."
    if isinstance(given, ir.ClassType):
        message += f" {given.unsupported.get(name, 'Did you forget to initialize an attribute in __init__()?')}"
    return ScriptError(message, range, remedy=similar_attribute(given, name))


def similar_attribute(given: ir.Type, name: str) -> Callable[[], str]:
    """What may have been meant by an attribute that values of a type do not have."""
    if isinstance(given, ir.ClassType) and name in given.unsupported:
        return str
    if isinstance(given, ir.TensorType) and name in ONLY_IN_PYTHON:
        return lambda: ONLY_IN_PYTHON[name]
    return similar(name, lambda: _attributes_of(given, name))


def _attributes_of(given: ir.Type, name: str) -> Iterator[str]:
    """The attributes that values of a type have; of the methods that are operators only those like `name`."""
    match given:
        case ir.TensorType():
            yield from (*TENSOR_PROPERTIES, *TENSOR_CASTS)
        case ir.TupleType(field_names=fields):
            yield from fields or ()
        case ir.ClassType():
            yield from (attribute.name for attribute in given.attributes)
            yield from (*given.methods, *given.static_methods, *given.properties, *given.constants)
        case ir.InterfaceType():
            yield from (schema.name for schema in given.methods)
        case ir.EnumType():
            yield from ("name", "value")
    operators = [other.removeprefix("aten::") for other in ir.all_operator_names() if other.startswith("aten::")]
    for other in get_close_matches(name, operators, 8):
        if has_method(f"aten::{other}", given):
            yield other


def set_class_attribute(emitter: Emitter, range: ir.SourceRange, target: ir.Value, name: str, value: ir.Value) -> None:
    """Emit `target.name = value`. In `__init__`, the first assignment to an attribute adds it to the class."""
    owner = target.type
    if not isinstance(owner, ir.ClassType):
        raise ScriptError(f"Tried to set an attribute: {name} on a non-class: {type_name(owner)}", range)
    attribute = owner.find_attribute(name)
    if attribute is None:
        if not emitter.is_initializing(owner):
            _set_property(emitter, range, target, owner, name, value)
            return
        _declare(emitter, range, owner, name, value.type)
        wanted = value.type
    else:
        wanted = attribute.type
    value = emitter.converted(value, wanted, range, allow_conversions=False)
    if not ir.is_subtype(value.type, wanted):
        raise ScriptError(
            f"Wrong type for attribute assignment. Expected {type_name(wanted)} but got {type_name(value.type)}", range
        )
    emitter.insert("prim::SetAttr", (target, value), (), range).set_attribute("name", "s", name)
    forget_written(emitter, frozenset({name}))


def _declare(emitter: Emitter, range: ir.SourceRange, owner: ir.ClassType, name: str, type: ir.Type) -> None:
    if emitter.environment.block is not emitter.graph.block:
        raise ScriptError(
            "First assignment cannot be in a control-flow block. Initialize the field at the top level first", range
        )
    if contains_class(type, owner):
        raise ScriptError(
            f"Assignment to attribute '{name}' cannot be of a type that contains class '{owner.annotation()}'.\n"
            "Classes that recursively contain instances of themselves are not yet supported",
            range,
        )
    owner.add_attribute(name, ir.unshaped(type))


def contains_class(given: ir.Type, wanted: ir.ClassType) -> bool:
    """Whether values of a type hold objects of a class, at any depth of containers (not of other objects)."""
    return given is wanted or any(contains_class(part, wanted) for part in given.contained)


def _set_property(
    emitter: Emitter, range: ir.SourceRange, target: ir.Value, owner: ir.ClassType, name: str, value: ir.Value
) -> None:
    found = owner.properties.get(name)
    if found is None:
        raise ScriptError(
            f"Tried to set nonexistent attribute: {name}. Did you forget to initialize it in __init__()?",
            range,
            remedy=similar_attribute(owner, name),
        )
    if found.setter is None:
        raise ScriptError(f"Tried to set read-only attribute: {name}", range)
    setter = MethodValue.of(target, found.setter.name)
    setter.call(emitter, range, [Arg(emitter.sugar(value), range)], [])
