"""The types of `torch._C` as views of flambeau's: `torch._C.ListType.ofInts()`, `value.type().getElementType()`, ..."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, cast

import torch

from flambeau import ir as program
from flambeau.compat.views import ORIGINALS, View, ViewMeta, called_from_torch, shown
from flambeau.errors import UnsupportedError

__all__ = ["TYPE_CLASSES", "Type", "type_view"]


class Type(View):
    """Any type."""

    __slots__ = ()
    by_value = True

    def kind(self) -> str:
        return str(self.ir.kind)

    def str(self) -> str:
        return str(self.ir)

    @property
    def annotation_str(self) -> Any:  # `str` is a method here
        return self.ir.annotation()

    def __repr__(self) -> Any:
        return self.ir.annotation()

    __str__ = __repr__

    def containedTypes(self) -> list[Type]:
        return [type_view(t) for t in self.ir.contained]

    def isSubtypeOf(self, other: Type) -> bool:
        return program.is_subtype(self.ir, shown(other))

    def is_interface_type(self) -> bool:
        return isinstance(self.ir, program.InterfaceType)

    # --- tensors (PyTorch has these on every type, and they fail on others)

    def _tensor(self) -> program.TensorType:
        if not isinstance(self.ir, program.TensorType):
            raise RuntimeError(f"expected a TensorType but found {self.ir.kind}")
        return self.ir

    def sizes(self) -> list[int] | None:
        return _all_known(self._tensor().sizes)

    def strides(self) -> list[int] | None:
        return _all_known(self._tensor().strides)

    def varyingSizes(self) -> list[int | None] | None:
        sizes = self._tensor().sizes
        return None if sizes is None else [s if isinstance(s, int) else None for s in sizes]

    def symbolic_sizes(self) -> list[int] | None:
        sizes = self._tensor().sizes
        return None if sizes is None else [s.id if isinstance(s, program.SymbolicDim) else s or -1 for s in sizes]

    def dim(self) -> int | None:
        sizes = self._tensor().sizes
        return None if sizes is None else len(sizes)

    def scalarType(self) -> Any:
        scalar = self._tensor().scalar_type
        return None if scalar is None else scalar.type_name

    def dtype(self) -> torch.dtype | None:
        scalar = self._tensor().scalar_type
        return None if scalar is None else _dtype(scalar)

    def device(self) -> torch.device | None:
        device = self._tensor().device
        return None if device is None else torch.device(device)

    def requires_grad(self) -> bool:
        return self._tensor().requires_grad is not False

    def undefined(self) -> bool | None:
        return self._tensor().undefined

    def contiguous(self) -> Type:
        tensor = self._tensor()
        known = _all_known(tensor.sizes)
        return type_view(
            tensor if known is None else tensor.replace(strides=tuple(program.contiguous_strides(tuple(known))))
        )

    def with_sizes(self, sizes: Sequence[int | None] | None) -> Type:
        return type_view(self._tensor().replace(sizes=None if sizes is None else tuple(sizes), strides=None))

    def with_dtype(self, dtype: torch.dtype) -> Type:
        return type_view(self._tensor().replace(scalar_type=_scalar_type(dtype)))

    def with_device(self, device: torch.device | None) -> Type:
        return type_view(self._tensor().replace(device=None if device is None else str(device)))


def _all_known(sizes: Sequence[object] | None) -> list[int] | None:
    if sizes is None or not all(isinstance(s, int) for s in sizes):
        return None
    return [s for s in sizes if isinstance(s, int)]


def _dtype(scalar: program.ScalarType) -> torch.dtype:
    found = next((d for d in vars(torch).values() if isinstance(d, torch.dtype) and _scalar_type(d) == scalar), None)
    if found is None:
        raise UnsupportedError(f"torch has no dtype for {scalar.type_name}")
    return found


def _scalar_type(dtype: torch.dtype) -> program.ScalarType | None:
    return program.tensor_type_of(torch.empty(0, dtype=dtype)).scalar_type


# --- one class for each kind

TYPE_CLASSES: dict[str, type[Type]] = {"Type": Type}
"""By the names that they have in `torch._C`."""


def type_view(given: Any) -> Type:
    """The view of a type."""
    cls = TYPE_CLASSES.get(given.kind, Type)
    made = cls.__new__(cls)
    View.__init__(made, given)
    return made


def _class(name: str, /, **members: Any) -> None:
    body = {"__slots__": (), "__module__": "torch._C", "__doc__": f"The view of a `{name}`.", **members}
    TYPE_CLASSES[name] = cast("type[Type]", ViewMeta(name, (Type,), body))


def _constant(name: str, of: program.Type, method: str = "get") -> staticmethod[[], Any]:
    """A function that gives one type; PyTorch's type to PyTorch's code."""

    def get() -> Any:
        original = ORIGINALS.get(name)
        return getattr(original, method)() if original is not None and called_from_torch() else type_view(of)

    return staticmethod(get)


def _made(make: Callable[..., program.Type]) -> Callable[..., None]:
    def __init__(self: Type, *arguments: Any) -> None:
        View.__init__(self, make(*map(shown, arguments)))

    return __init__


def _part(name: str) -> Callable[[Type], Any]:
    def get(self: Type) -> Any:
        found = getattr(self.ir, name)
        return [type_view(t) for t in found] if isinstance(found, tuple) else type_view(found)

    return get


for _name, _singleton in (
    ("AnyType", program.ANY),
    ("BoolType", program.BOOL),
    ("ComplexType", program.COMPLEX),
    ("DeviceObjType", program.DEVICE),
    ("FloatType", program.FLOAT),
    ("IntType", program.INT),
    ("NoneType", program.NONE),
    ("NumberType", program.NUMBER),
    ("PyObjectType", program.PY_OBJECT),
    ("StreamObjType", program.STREAM),
    ("StringType", program.STRING),
    ("SymBoolType", program.SYM_BOOL),
    ("SymIntType", program.SYM_INT),
):
    _class(_name, get=_constant(_name, _singleton), __init__=_made(lambda _type=_singleton: _type))

_class(
    "TensorType",
    get=_constant("TensorType", program.TENSOR),
    getInferred=_constant("TensorType", program.INFERRED_TENSOR, "getInferred"),
    create_from_tensor=staticmethod(lambda tensor: type_view(program.tensor_type_of(tensor))),
)
_class(
    "ListType",
    __init__=_made(program.ListType),
    getElementType=_part("element"),
    **{
        method: _constant("ListType", program.ListType(of), method)
        for method, of in (
            ("ofInts", program.INT),
            ("ofFloats", program.FLOAT),
            ("ofBools", program.BOOL),
            ("ofStrings", program.STRING),
            ("ofTensors", program.TENSOR),
            ("ofComplexDoubles", program.COMPLEX),
        )
    },
)
_class("DictType", __init__=_made(program.DictType), getKeyType=_part("key"), getValueType=_part("value"))
_class("TupleType", __init__=_made(lambda elements: program.TupleType(tuple(elements))), elements=_part("elements"))
_class(
    "OptionalType",
    __init__=_made(program.optional),
    getElementType=_part("element"),
    ofTensor=_constant("OptionalType", program.optional(program.TENSOR), "ofTensor"),
)
_class("UnionType", __init__=_made(lambda members: program.union(tuple(members))), elements=_part("elements"))
_class(
    "FutureType",
    __init__=_made(program.FutureType),
    getElementType=_part("element"),
    str=lambda self: self.ir.annotation(),
)
_class("AwaitType", __init__=_made(program.AwaitType), getElementType=_part("element"))
_class("RRefType", __init__=_made(program.RRefType), getElementType=_part("element"))


def _named(name: str) -> str:
    raise UnsupportedError(f"torch._C.{name} by its name; types of classes come from what was compiled")


for _name in ("ClassType", "InterfaceType", "EnumType"):
    _class(
        _name,
        __init__=lambda self, *arguments, _name=_name: _named(_name),
        name=lambda self: self.ir.name,
        qualified_name=lambda self: self.ir.qualified_name,
        method_names=lambda self: list(self.ir.methods),
        getMethodNames=lambda self: [m.name for m in self.ir.methods],
    )
