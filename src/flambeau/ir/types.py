"""The types of TorchScript, all but the named ones that a program defines (`class_types`).

Types are immutable and compared by value; the simple ones are singletons (`INT`, `FLOAT`, ...). Each has two texts,
both TorchScript's own: `str(t)` as graphs and schemas print it (`int[]`), `t.annotation()` as Python source spells it
(`List[int]`). Subtyping and unification are in `subtyping`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeAlias, final

from flambeau.errors import ScriptError

from .scalar_types import ScalarType

Rename: TypeAlias = "Callable[[NamedType], str]"
"""How to spell a named type, where its qualified name is not what is wanted (mangling on save)."""


class Type:
    """Base of all types."""

    __slots__ = ()

    @property
    def kind(self) -> str:
        """The class name that `torch._C` knows this type by, such as `ListType`."""
        return type(self).__name__

    @property
    def contained(self) -> tuple[Type, ...]:
        """The types this one is built from, in order."""
        return ()

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        """The same type constructor over other types (`subtyping.rebuilt` keeps optionals and unions flat)."""
        return self

    def annotation(self, rename: Rename | None = None) -> str:
        """Python source text of the type."""
        return str(self)


class NamedType(Type):
    """A type that has a qualified name: classes, interfaces, enums, named tuples."""

    __slots__ = ()
    qualified_name: str

    @property
    def name(self) -> str:
        """The last atom of the qualified name."""
        return self.qualified_name.rpartition(".")[2]

    def annotation(self, rename: Rename | None = None) -> str:
        return rename(self) if rename else self.qualified_name


@final
class PrimitiveType(Type):
    """A type without parts; one object for each (`INT`, `FLOAT`, ...), compared by identity."""

    __slots__ = ("_annotation", "_kind", "_text")

    def __init__(self, kind: str, text: str, annotation: str | None = None) -> None:
        self._kind = kind
        self._text = text
        self._annotation = annotation or text

    @property
    def kind(self) -> str:
        return self._kind

    def __str__(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return self._kind

    def annotation(self, rename: Rename | None = None) -> str:
        return self._annotation

    def __reduce__(self) -> tuple[Callable[[str], PrimitiveType], tuple[str]]:
        return primitive_of_kind, (self._kind,)


INT = PrimitiveType("IntType", "int")
FLOAT = PrimitiveType("FloatType", "float")
COMPLEX = PrimitiveType("ComplexType", "complex")
BOOL = PrimitiveType("BoolType", "bool")
STRING = PrimitiveType("StringType", "str")
NONE = PrimitiveType("NoneType", "NoneType")
ANY = PrimitiveType("AnyType", "Any")
NUMBER = PrimitiveType("NumberType", "Scalar", "number")
DEVICE = PrimitiveType("DeviceObjType", "Device")
STREAM = PrimitiveType("StreamObjType", "Stream")
GENERATOR = PrimitiveType("GeneratorType", "Generator")
STORAGE = PrimitiveType("StorageType", "Storage")
QUANTIZER = PrimitiveType("QuantizerType", "Quantizer")
QSCHEME = PrimitiveType("QSchemeType", "QScheme")
SCALAR_TYPE = PrimitiveType("ScalarTypeType", "ScalarType")
LAYOUT = PrimitiveType("LayoutType", "Layout")
MEMORY_FORMAT = PrimitiveType("MemoryFormatType", "MemoryFormat")
CAPSULE = PrimitiveType("CapsuleType", "Capsule")
PY_OBJECT = PrimitiveType("PyObjectType", "PyObject")
SYM_INT = PrimitiveType("SymIntType", "SymInt", "int")
SYM_FLOAT = PrimitiveType("SymFloatType", "SymFloat", "float")
SYM_BOOL = PrimitiveType("SymBoolType", "SymBool", "bool")
ANY_LIST = PrimitiveType("AnyListType", "list")
ANY_TUPLE = PrimitiveType("AnyTupleType", "tuple")
ANY_CLASS = PrimitiveType("AnyClassType", "AnyClassType")
ANY_ENUM = PrimitiveType("AnyEnumType", "AnyEnumType")

PRIMITIVES: tuple[PrimitiveType, ...] = tuple(t for t in list(globals().values()) if isinstance(t, PrimitiveType))
"""Every primitive type, in the order of definition."""

_BY_KIND = {t.kind: t for t in PRIMITIVES}

NUMERIC = frozenset({INT, FLOAT, COMPLEX})
"""The subtypes of `Scalar`."""


def primitive_of_kind(kind: str) -> PrimitiveType:
    """The singleton of a kind such as `IntType`; KeyError if there is none."""
    return _BY_KIND[kind]


@final
@dataclass(frozen=True, slots=True)
class SymbolicDim:
    """A size known only by name: equal ids are equal sizes."""

    id: int

    def __str__(self) -> str:
        return f"SS(-{self.id})"


Dim: TypeAlias = "int | SymbolicDim | None"


@final
@dataclass(frozen=True, slots=True)
class TensorType(Type):
    """A tensor, with whatever is known of it; None is unknown throughout.

    `sizes` is None while the rank is unknown, else one entry a dimension. `inferred` marks an argument that has no
    annotation; it changes messages, not equality.
    """

    scalar_type: ScalarType | None = None
    sizes: tuple[Dim, ...] | None = None
    strides: tuple[int | None, ...] | None = None
    device: str | None = None
    requires_grad: bool | None = None
    undefined: bool | None = None
    inferred: bool = field(default=False, compare=False)

    @property
    def is_refined(self) -> bool:
        """Whether more is known than that it is a tensor."""
        return self != TENSOR

    @property
    def is_complete(self) -> bool:
        """Whether dtype, device and all sizes and strides are known."""
        return (
            self.scalar_type is not None
            and self.device is not None
            and self.sizes is not None
            and all(isinstance(s, int) for s in self.sizes)
            and self.strides is not None
            and None not in self.strides
        )

    def replace(self, **changes: object) -> TensorType:
        """A copy with other facts."""
        return replace(self, **changes)  # type: ignore[arg-type]  # checked by the dataclass's own fields

    def __str__(self) -> str:
        head = "Tensor" if self.scalar_type is None else self.scalar_type.type_name
        parts: list[str] = []
        if self.sizes is not None:
            parts += [str(s) if isinstance(s, int) else "*" for s in self.sizes]
            if self.sizes and self.strides is not None and None not in self.strides:
                parts.append(f"strides=[{', '.join(map(str, self.strides))}]")
        elif self.scalar_type is not None:
            head += "Tensor"
        if self.requires_grad is not None:
            parts.append(f"requires_grad={int(self.requires_grad)}")
        if self.device is not None:
            parts.append(f"device={self.device}")
        shown = f"({', '.join(parts)})" if parts or self.sizes is not None else ""
        return head + shown + ("[Undefined]" if self.undefined else "")

    def annotation(self, rename: Rename | None = None) -> str:
        return "Tensor"


TENSOR = TensorType()
INFERRED_TENSOR = TensorType(inferred=True)


@final
@dataclass(frozen=True, slots=True)
class ListType(Type):
    """`List[element]`; invariant in its element."""

    element: Type

    @property
    def contained(self) -> tuple[Type, ...]:
        return (self.element,)

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return ListType(contained[0])

    def __str__(self) -> str:
        return f"{self.element}[]"

    def annotation(self, rename: Rename | None = None) -> str:
        return f"List[{self.element.annotation(rename)}]"


@final
@dataclass(frozen=True, slots=True)
class DictType(Type):
    """`Dict[key, value]`, in insertion order; invariant in both."""

    key: Type
    value: Type

    @property
    def contained(self) -> tuple[Type, ...]:
        return (self.key, self.value)

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return DictType(*contained)

    def __str__(self) -> str:
        return f"Dict({self.key}, {self.value})"

    def annotation(self, rename: Rename | None = None) -> str:
        return f"Dict[{self.key.annotation(rename)}, {self.value.annotation(rename)}]"


_MAX_SIZE = 1 << 14


def _size(type: Type) -> int:
    if isinstance(type, TupleType):
        return type.size
    return 1 + sum(map(_size, type.contained))


@final
@dataclass(frozen=True, slots=True)
class TupleType(NamedType):
    """A tuple with one type an element; a NamedTuple where it has `field_names` and a `qualified_name`.

    `defaults` are the values of the last fields that have one. ScriptError if the type would consist of more than
    16,384 others: a program of a few lines can ask for any number, since each pair doubles it.
    """

    elements: tuple[Type, ...]
    qualified_name: str = ""
    field_names: tuple[str, ...] | None = None
    defaults: tuple[object, ...] = field(default=(), compare=False)
    size: int = field(init=False, compare=False, repr=False)
    """How many types this one consists of, counted each time that they occur."""

    def __post_init__(self) -> None:
        size = 1 + sum(map(_size, self.elements))
        if size > _MAX_SIZE:
            raise ScriptError(f"a tuple type consists of more than {_MAX_SIZE} others")
        object.__setattr__(self, "size", size)

    @property
    def contained(self) -> tuple[Type, ...]:
        return self.elements

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return replace(self, elements=contained)

    def __str__(self) -> str:
        if self.field_names is None:
            return f"({', '.join(map(str, self.elements))})"
        fields = (f"{n} : {t}" for n, t in zip(self.field_names, self.elements, strict=True))
        return f"NamedTuple({', '.join(fields)})"

    def annotation(self, rename: Rename | None = None) -> str:
        if self.field_names is not None and self.qualified_name:
            return rename(self) if rename else self.qualified_name
        inner = ", ".join(t.annotation(rename) for t in self.elements)
        return f"Tuple[{inner or '()'}]"


@final
@dataclass(frozen=True, slots=True)
class OptionalType(Type):
    """`Optional[element]`; make it with `subtyping.optional`, which never nests."""

    element: Type

    @property
    def contained(self) -> tuple[Type, ...]:
        return (self.element,)

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return OptionalType(contained[0])

    def __str__(self) -> str:
        return f"{self.element}?"

    def annotation(self, rename: Rename | None = None) -> str:
        return f"Optional[{self.element.annotation(rename)}]"


@final
@dataclass(frozen=True, slots=True)
class UnionType(Type):
    """One of several types, none a subtype of another; make it with `subtyping.union`."""

    elements: tuple[Type, ...]

    @property
    def contained(self) -> tuple[Type, ...]:
        return self.elements

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return UnionType(contained)

    def __str__(self) -> str:
        return f"Union({', '.join(map(str, self.elements))})"

    def annotation(self, rename: Rename | None = None) -> str:
        return f"Union[{', '.join(t.annotation(rename) for t in self.elements)}]"


@dataclass(frozen=True, slots=True)
class _WrapperType(Type):
    element: Type

    @property
    def contained(self) -> tuple[Type, ...]:
        return (self.element,)

    def with_contained(self, contained: tuple[Type, ...]) -> Type:
        return type(self)(contained[0])

    @property
    def word(self) -> str:
        return self.kind.removesuffix("Type")

    def __str__(self) -> str:
        return f"{self.word}({self.element})"

    def annotation(self, rename: Rename | None = None) -> str:
        return f"{self.word}[{self.element.annotation(rename)}]"


@final
@dataclass(frozen=True, slots=True)
class FutureType(_WrapperType):
    """The result of `fork`; covariant."""


@final
@dataclass(frozen=True, slots=True)
class AwaitType(_WrapperType):
    """A value computed when first asked for; covariant."""


@final
@dataclass(frozen=True, slots=True)
class RRefType(_WrapperType):
    """A reference to a value on another process; covariant."""


@final
@dataclass(frozen=True, slots=True)
class VarType(Type):
    """A type variable of an operator schema, such as `t` in `aten::append.t(t[](a!) self, t el)`."""

    name: str

    def __str__(self) -> str:
        return self.name


def contains_var(t: Type) -> bool:
    """Whether a type variable occurs in `t`."""
    return isinstance(t, VarType) or any(map(contains_var, t.contained))


def unshaped(t: Type) -> Type:
    """`t` with every tensor in it reduced to plain `Tensor`."""
    if isinstance(t, TensorType):
        return INFERRED_TENSOR if t.inferred else TENSOR
    contained = t.contained
    if not contained:
        return t
    plain = tuple(map(unshaped, contained))
    return t if plain == contained else t.with_contained(plain)
