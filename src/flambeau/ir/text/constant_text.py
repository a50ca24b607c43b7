"""Attribute values and constants as graphs print them.

A constant prints by its type as well as its value: `2.` is the float, `annotate(List[int], [])` the empty list of
ints. What text cannot hold (objects, large tensors) prints as TorchScript shows it, and is an `OpaqueConstant` when
read back.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, final

from flambeau.ir import types as t
from flambeau.ir.class_types import InterfaceType
from flambeau.ir.constants import is_device, is_tensor
from flambeau.ir.function import Function
from flambeau.ir.scalar_types import ScalarType
from flambeau.ir.schema import float_text, quoted
from flambeau.ir.tensor import Device, Storage, TensorData, contiguous_strides
from flambeau.ir.text.tensor_text import GRAPH_LIMIT, constant_text
from flambeau.ir.text.type_text import type_text
from flambeau.ir.types import Type
from flambeau.ir.values import EnumValue

if TYPE_CHECKING:
    from flambeau.ir.attributes import Attribute

_PLURAL_TEXT = {"ts": "[<Tensors>]", "gs": "[<Graphs>]"}
_PLURAL_ELEMENTS: dict[str, Type] = {"is": t.INT, "fs": t.FLOAT, "cs": t.COMPLEX, "ss": t.STRING}
_EXACT_AS_INTEGER = 1e10


@final
@dataclass(frozen=True, slots=True)
class OpaqueConstant:
    """A constant of which only the text is known: a large tensor, an object. It prints as it was read."""

    text: str


def attribute_text(attribute: Attribute, type: Type | None = None) -> str:
    """The text after `name=`; `type` is that of the constant, for the value of a `prim::Constant`."""
    kind, value = attribute.kind, attribute.value
    match kind:
        case "s":
            return quoted(str(value))
        case "i":
            return str(int(value))  # type: ignore[call-overload]  # kind `i` holds an int
        case "f":
            return scalar_text(value) if type is not None else float_text(value)  # type: ignore[arg-type]
        case "g":
            return "<Graph>"
        case "t":
            return tensor_constant_text(value)
        case "ty":
            return type_text(value)  # type: ignore[arg-type]  # kind `ty` holds a type
        case "tys":
            return f"[{', '.join(map(type_text, value))}]"  # type: ignore[call-overload]  # and `tys` types
        case "ts" | "gs":
            return _PLURAL_TEXT[kind]
        case "is" | "fs" | "cs" | "ss":
            return value_repr(value, t.ListType(_PLURAL_ELEMENTS[kind]))
        case _:
            return value_repr(value, type)


def scalar_text(value: object) -> str:
    """A number as graphs print it: floats always in a form that shows them to be floats while they are below 1e10."""
    if isinstance(value, complex):
        imaginary = scalar_text(value.imag)
        return f"{scalar_text(value.real)}{'' if imaginary.startswith('-') else '+'}{imaginary}j"
    if not isinstance(value, float):
        return str(value)
    if abs(value) < _EXACT_AS_INTEGER and value == int(value):
        return float_text(value)
    return f"{value:.17g}"


def value_repr(value: object, type: Type | None) -> str:
    """A value inside a constant, of a type where that is known."""
    if isinstance(type, t.OptionalType):
        type = type.element
    match value:
        case OpaqueConstant(text):
            return text
        case None | bool():
            return str(value)
        case int() | float() | complex():
            return scalar_text(float(value) if type is t.FLOAT and not isinstance(value, complex) else value)
        case str():
            return quoted(value)
        case list():
            return _list_repr(value, type)
        case tuple():
            return _tuple_repr(value, type)
        case dict():
            return _dict_repr(value, type)
        case EnumValue():
            return f"{value.type.qualified_name}.{value.name}"
        case Function():
            return quoted(value.name)
        case _ if is_tensor(value):
            return tensor_constant_text(value)
        case _ if isinstance(value, Device) or is_device(value):
            return quoted(str(value)) if type is t.DEVICE else f"torch.device({quoted(str(value))})"
        case _:
            return f"object({id(value):#x})"


def _list_repr(value: list[object] | tuple[object, ...], type: Type | None) -> str:
    element = type.element if isinstance(type, t.ListType) else None
    if isinstance(element, t.TensorType) or (element is None and value and all(map(is_tensor, value))):
        return _PLURAL_TEXT["ts"]
    text = f"[{', '.join(value_repr(v, element) for v in value)}]"
    if value and (element is None or _follows_from_members(element)):
        return text
    return f"annotate({_annotation(type, 'List[Tensor]')}, {text})"


def _tuple_repr(value: tuple[object, ...], type: Type | None) -> str:
    if isinstance(type, t.ListType):
        return _list_repr(value, type)
    elements = type.elements if isinstance(type, t.TupleType) else ()
    known = elements if len(elements) == len(value) else (None,) * len(value)
    texts = [value_repr(v, e) for v, e in zip(value, known, strict=True)]
    return f"({texts[0]},)" if len(texts) == 1 else f"({', '.join(texts)})"


def _dict_repr(value: dict[object, object], type: Type | None) -> str:
    key, element = (type.key, type.value) if isinstance(type, t.DictType) else (None, None)
    items = ", ".join(f"{value_repr(k, key)}: {value_repr(v, element)}" for k, v in value.items())
    if value and (element is None or _follows_from_members(element)):
        return f"{{{items}}}"
    return f"annotate({_annotation(type, 'Dict[str, Tensor]')},{{{items}}})"


def _follows_from_members(element: Type) -> bool:
    return not (isinstance(element, (t.UnionType, t.OptionalType, InterfaceType)) or element in (t.NUMBER, t.ANY))


def _annotation(type: Type | None, otherwise: str) -> str:
    return otherwise if type is None else type.annotation()


def tensor_constant_text(value: object) -> str:
    """A tensor (ours or PyTorch's) as graphs print it."""
    if isinstance(value, OpaqueConstant):
        return value.text
    if isinstance(value, TensorData):
        return constant_text(value)
    data = _small_tensor(value)
    return "<Tensor>" if data is None else constant_text(data)


def _small_tensor(tensor: Any) -> TensorData | None:
    """The data of a small dense PyTorch tensor; None for all others."""
    try:
        if tensor.numel() > GRAPH_LIMIT or tensor.is_quantized or str(tensor.layout) != "torch.strided":
            return None
        plain = tensor.detach().cpu().resolve_conj().resolve_neg().contiguous().clone()
        data = bytes(plain.untyped_storage().tolist())
    except (RuntimeError, NotImplementedError, TypeError):  # tensors without data: meta, fake, inside a transform
        return None
    dtype = ScalarType.from_dtype_name(str(tensor.dtype).removeprefix("torch."))
    if dtype is None:
        return None
    sizes = tuple(tensor.shape)
    storage = Storage(len(data), data, device=str(tensor.device))
    return TensorData(dtype, sizes, contiguous_strides(sizes), storage)
