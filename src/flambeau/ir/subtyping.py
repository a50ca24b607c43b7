"""Subtyping and unification of types, by TorchScript's rules.

Lists and dicts are invariant (tensors count as equal whatever is known of their shapes), tuples, futures and the like
are covariant, `bool` is no `int`, and numbers never unify to `Scalar`.
"""

from __future__ import annotations

from collections.abc import Iterable

from . import types as t
from .class_types import ClassType, EnumType, InterfaceType
from .types import Type


def is_subtype(sub: Type, sup: Type) -> bool:
    """Whether every value of `sub` is one of `sup`."""
    if sub is sup or sup is t.ANY:
        return True
    if isinstance(sub, t.UnionType):
        return all(is_subtype(member, sup) for member in sub.elements)
    if isinstance(sub, t.OptionalType):
        return is_subtype(t.NONE, sup) and is_subtype(sub.element, sup)
    if isinstance(sup, t.OptionalType):
        return sub is t.NONE or is_subtype(sub, sup.element)
    if isinstance(sup, t.UnionType):
        return any(is_subtype(sub, member) for member in sup.elements)
    if isinstance(sup, t.PrimitiveType):
        return sup in _GENERIC.get(type(sub), ()) or (sup is t.NUMBER and sub in t.NUMERIC)
    return _is_structural_subtype(sub, sup)


def _is_structural_subtype(sub: Type, sup: Type) -> bool:
    match sub, sup:
        case t.TensorType(), t.TensorType():
            return _is_tensor_subtype(sub, sup)
        case t.ListType(), t.ListType():
            return t.unshaped(sub.element) == t.unshaped(sup.element) or sup.element is t.ANY_LIST
        case t.DictType(), t.DictType():
            return t.unshaped(sub) == t.unshaped(sup)
        case t.TupleType(), t.TupleType():
            return _is_tuple_subtype(sub, sup)
        case (t.FutureType(), t.FutureType()) | (t.AwaitType(), t.AwaitType()) | (t.RRefType(), t.RRefType()):
            return is_subtype(sub.contained[0], sup.contained[0])
        case ClassType() | InterfaceType(), InterfaceType():
            return why_not_implements(sub, sup) is None
        case _:
            return sub == sup


def _is_tensor_subtype(sub: t.TensorType, sup: t.TensorType) -> bool:
    for fact in ("scalar_type", "device", "requires_grad", "undefined"):
        wanted = getattr(sup, fact)
        if wanted is not None and getattr(sub, fact) != wanted:
            return False
    return _dims_match(sub.sizes, sup.sizes) and _dims_match(sub.strides, sup.strides)


def _dims_match(sub: tuple[object, ...] | None, sup: tuple[object, ...] | None) -> bool:
    if sup is None:
        return True
    if sub is None or len(sub) != len(sup):
        return False
    return all(wanted is None or have == wanted for have, wanted in zip(sub, sup, strict=True))


def _is_tuple_subtype(sub: t.TupleType, sup: t.TupleType) -> bool:
    if sup.field_names is not None and (sub.field_names, sub.name) != (sup.field_names, sup.name):
        return False
    return len(sub.elements) == len(sup.elements) and all(map(is_subtype, sub.elements, sup.elements))


_GENERIC: dict[type[Type], tuple[t.PrimitiveType, ...]] = {
    t.ListType: (t.ANY_LIST,),
    t.TupleType: (t.ANY_TUPLE,),
    ClassType: (t.ANY_CLASS,),
    EnumType: (t.ANY_ENUM,),
    t.PrimitiveType: (),
}


def register_generic(kind: type[Type], primitive: t.PrimitiveType) -> None:
    """Declare that all types of a class are subtypes of one primitive type (`EnumType` of `AnyEnumType`)."""
    _GENERIC[kind] = (*_GENERIC.get(kind, ()), primitive)


def why_not_implements(given: ClassType | InterfaceType, interface: InterfaceType) -> str | None:
    """None if `given` has every method of the interface with a compatible schema, else the reason it does not."""
    if given is interface:
        return None
    if interface.is_module and not given.is_module:
        return f"Module interface '{interface.qualified_name}' cannot be implemented by '{given}', which is no module"
    for wanted in interface.methods:
        have = given.method_schema(wanted.name)
        if have is None:
            return (
                f"Method '{wanted.name}' is missing from '{given.qualified_name}', which interface "
                f"'{interface.qualified_name}' requires"
            )
        if not have.is_subtype_of_method(wanted):
            return (
                f"Method '{wanted.name}' of '{given.qualified_name}' is not compatible with interface "
                f"'{interface.qualified_name}': {have} against {wanted}"
            )
    return None


def optional(element: Type) -> Type:
    """`Optional[element]`, collapsed where `element` admits None already."""
    if element is t.NONE or isinstance(element, t.OptionalType):
        return element
    if isinstance(element, t.UnionType):
        return union((*element.elements, t.NONE))
    return t.OptionalType(element)


def union(elements: Iterable[Type]) -> Type:
    """The union of types: flattened, without members that another one covers, in a fixed order.

    A union of one type is that type; of T and None, `Optional[T]`; of int, float and complex, `Scalar`.
    """
    members: list[Type] = []
    for element in _flattened(elements):
        if any(is_subtype(element, m) for m in members):
            continue
        members = [m for m in members if not is_subtype(m, element)] + [element]
    if len(members) > 1 and set(members) >= t.NUMERIC:
        members = [m for m in members if m not in t.NUMERIC] + [t.NUMBER]
    if len(members) == 1:
        return members[0]
    if len(members) == 2 and t.NONE in members:
        return t.OptionalType(next(m for m in members if m is not t.NONE))
    return t.UnionType(tuple(sorted(members, key=_union_order)))


_KINDS_IN_ORDER = """
    Any Enum AnyEnum Tensor Storage Tuple List Dict Float Complex Future Await RRef Int None String Generator Quantizer
    Bool Optional Var DeviceObj StreamObj Function Class PyObject Capsule Interface QScheme ScalarType Layout
    MemoryFormat AnyList AnyTuple AnyClass SymInt SymFloat SymBool Number
"""
_KIND_ORDER = {f"{kind}Type": index for index, kind in enumerate(_KINDS_IN_ORDER.split())}


def _union_order(member: Type) -> tuple[int, str]:
    """Members stand in the order of TorchScript's kinds, those of one kind by their text."""
    return _KIND_ORDER.get(member.kind, len(_KIND_ORDER)), str(t.unshaped(member))


def _flattened(elements: Iterable[Type]) -> Iterable[Type]:
    for element in elements:
        if isinstance(element, t.UnionType):
            yield from element.elements
        elif isinstance(element, t.OptionalType):
            yield from _flattened((element.element,))
            yield t.NONE
        else:
            yield element


def rebuilt(given: Type, contained: tuple[Type, ...]) -> Type:
    """`given` over other contained types, optionals and unions kept flat."""
    if isinstance(given, t.OptionalType):
        return optional(contained[0])
    if isinstance(given, t.UnionType):
        return union(contained)
    return given.with_contained(contained)


def unify(a: Type, b: Type, *, default_to_union: bool = False, hint: Type | None = None) -> Type | None:
    """The least type that TorchScript gives to a value that is an `a` or a `b`; None if there is none.

    `hint` is the declared type of the variable; `default_to_union` joins what else would not unify.
    """
    if a is t.ANY or b is t.ANY:
        return t.ANY
    if a == b:
        return b if isinstance(a, t.TensorType) and a.inferred else a
    joined = _unify(a, b, default_to_union, hint)
    if joined is None and default_to_union:
        return union((a, b))
    return joined


def _unify(a: Type, b: Type, default_to_union: bool, hint: Type | None) -> Type | None:
    if isinstance(a, t.TensorType) and isinstance(b, t.TensorType):
        return merge_tensor_types(a, b)
    if isinstance(a, (t.ListType, t.DictType)) and t.unshaped(a) == t.unshaped(b):
        return t.unshaped(a)
    if is_subtype(a, b):
        return b
    if is_subtype(b, a):
        return a
    if a is t.NONE or b is t.NONE:
        return optional(b if a is t.NONE else a)
    if isinstance(a, t.OptionalType) or isinstance(b, t.OptionalType):
        inner = unify(_unwrapped(a), _unwrapped(b), default_to_union=default_to_union)
        return None if inner is None else optional(inner)
    if isinstance(a, t.TupleType) and isinstance(b, t.TupleType) and len(a.elements) == len(b.elements):
        pairs = zip(a.elements, b.elements, strict=True)
        elements = tuple(unify(x, y, default_to_union=default_to_union) for x, y in pairs)
        known = tuple(e for e in elements if e is not None)
        return t.TupleType(known) if len(known) == len(elements) else None
    if isinstance(a, t.FutureType) and isinstance(b, t.FutureType):
        inner = unify(a.element, b.element)
        return None if inner is None else t.FutureType(inner)
    plain_a, plain_b = t.unshaped(a), t.unshaped(b)
    if is_subtype(plain_a, plain_b):
        return plain_b
    if is_subtype(plain_b, plain_a):
        return plain_a
    if hint is not None and is_subtype(a, hint) and is_subtype(b, hint):
        return hint
    return None


def _unwrapped(given: Type) -> Type:
    return given.element if isinstance(given, t.OptionalType) else given


def merge_tensor_types(a: t.TensorType, b: t.TensorType) -> t.TensorType:
    """The facts that hold of both tensors."""

    def dims(x: tuple[object, ...] | None, y: tuple[object, ...] | None) -> tuple[object, ...] | None:
        if x is None or y is None or len(x) != len(y):
            return None
        return tuple(p if p == q else None for p, q in zip(x, y, strict=True))

    def same(fact: str) -> object:
        return getattr(a, fact) if getattr(a, fact) == getattr(b, fact) else None

    return t.TensorType(
        scalar_type=same("scalar_type"),  # type: ignore[arg-type]  # facts of one field, by name
        sizes=dims(a.sizes, b.sizes),  # type: ignore[arg-type]
        strides=dims(a.strides, b.strides),  # type: ignore[arg-type]
        device=same("device"),  # type: ignore[arg-type]
        requires_grad=same("requires_grad"),  # type: ignore[arg-type]
        undefined=same("undefined"),  # type: ignore[arg-type]
        inferred=a.inferred and b.inferred,
    )


def unify_all(elements: tuple[Type, ...], *, default_to_union: bool = False, hint: Type | None = None) -> Type | None:
    """`unify` over several types; None if they do not unify (or there are none)."""
    if not elements:
        return None
    joined: Type | None = elements[0]
    for element in elements[1:]:
        if joined is None:
            return None
        joined = unify(joined, element, default_to_union=default_to_union, hint=hint)
    return joined
