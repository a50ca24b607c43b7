"""The cheapest way to call an operator of the dispatcher.

PyTorch's Python bindings (`torch.add`, `Tensor.view`) cost about two thirds of what a call through `torch.ops` does,
methods less than functions, but they choose the overload themselves, by the types of the arguments. A call form says
what to call with which of the schema's arguments; it uses a binding only where no other overload of the name could
accept the same call, and `torch.ops` otherwise. Arguments at the end that equal their defaults are left out.

How the bindings choose (PyTorch's argument parser): the first signature that accepts every argument; a signature with a
`Tensor` stands before one with a `Scalar` in its place. Numbers are accepted for tensors by few functions only, tensors
without dimensions for numbers by all. To refuse a number for a tensor takes a tenth of a microsecond; where such a
signature would be tried in vain, one more argument, though it equals its default, rules it out by their number.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, final

import torch

from flambeau.errors import UnsupportedError
from flambeau.ir import (
    NONE,
    NOT_CONSTANT,
    Argument,
    ListType,
    Operator,
    OptionalType,
    TensorType,
    Type,
    is_subtype,
    operators_named,
)
from flambeau.runtime.aten.dispatcher import torch_operator
from flambeau.runtime.aten.enumerations import to_dtype, to_layout, to_memory_format, to_qscheme
from flambeau.runtime.aten.pooling import max_pool2d

__all__ = ["CallForm", "call_form"]


@final
@dataclass(frozen=True, slots=True, eq=False)
class CallForm:
    """`function(*positional, **keywords)`, arguments given by their index in the schema."""

    function: Callable[..., Any]
    positional: tuple[int, ...]
    keywords: tuple[tuple[str, int], ...] = ()
    conversions: Mapping[int, Callable[[Any], object]] = field(default_factory=dict)
    """What makes PyTorch's objects of the numbers that stand for dtypes and the like in scripts."""
    gives_tuple: bool = False
    """The result is a tuple where TorchScript has a list."""
    method: str = ""
    """The name under which the first argument has `function` as a method, if it does: that is the cheapest call."""


_CONVERSIONS: dict[str, Callable[[Any], object]] = {
    "ScalarType": to_dtype,
    "Layout": to_layout,
    "MemoryFormat": to_memory_format,
    "QScheme": to_qscheme,
}
_MODULES: dict[str, object] = {
    "": torch._C._VariableFunctions,
    **{name: getattr(torch._C, f"_{name}") for name in ("nn", "linalg", "fft", "special", "sparse", "nested")},
}
_NUMBERS = frozenset({"Scalar", "int", "float", "bool", "complex"})
_TAKES_NUMBERS = frozenset(
    f"aten::{name}{suffix}"
    for name in (
        *("add", "sub", "subtract", "mul", "multiply", "div", "divide", "true_divide", "floor_divide"),
        *("to", "_to_copy", "copy", "_conj"),
    )
    for suffix in ("", "_")
)
"""Functions that take numbers where the signature says `Tensor`."""
_UNBOUND = frozenset({"Tensor?[]", "Dimname", "Dimname[]", "Storage", "Stream", "Scalar[]", "complex", "Any"})
"""Kinds of arguments that the bindings see differently, or not at all."""
_RESULTS = frozenset({"Tensor", "Tensor[]", "int", "float", "bool", "Scalar"})


def call_form(operator: Operator, constants: Sequence[object], types: Sequence[Type] = ()) -> CallForm:
    """How to call an overload.

    `constants` are the arguments that are known, `NOT_CONSTANT` the others; `types` what is known of the types of all,
    where it is more than the schema says.
    """
    special = _SPECIAL.get(operator.qualified_name)
    if special is not None:
        form = special(operator, constants)
        if form is not None:
            return form
    positional, keywords = _passed(operator, constants)
    names = frozenset(name for name, _ in keywords)
    function = _binding(operator, len(positional), names, _empty_lists(constants), _nones(operator, constants, types))
    if function is None:
        return CallForm(torch_operator(operator), positional, keywords)
    conversions = {i: c for i, c in _conversions(operator).items() if i in positional or i in dict(keywords).values()}
    gives_tuple = len(operator.schema.returns) == 1 and isinstance(operator.schema.returns[0].type, ListType)
    return CallForm(function, positional, keywords, conversions, gives_tuple, _method_name(function))


def _method_name(function: Callable[..., Any]) -> str:
    """What a function is called as a method; empty if it is none, or one that Python's class hides."""
    name = getattr(function, "__name__", "")
    is_method = getattr(torch._C.TensorBase, name, None) is function
    return name if is_method and getattr(torch.Tensor, name) is function else ""


def _passed(operator: Operator, constants: Sequence[object]) -> tuple[tuple[int, ...], tuple[tuple[str, int], ...]]:
    """The arguments that a call needs: positional ones up to the last that is not its default, the others by name."""
    arguments = operator.schema.arguments
    given = [i for i, (a, c) in enumerate(zip(arguments, constants, strict=True)) if not _is_default(a, c)]
    positional = [i for i in given if not arguments[i].kwarg_only]
    count = positional[-1] + 1 if positional else 0
    if count < len(arguments) and not arguments[count].kwarg_only and _is_tried_in_vain(operator, count):
        count += 1
    return tuple(range(count)), tuple((arguments[i].name, i) for i in given if arguments[i].kwarg_only)


@cache
def _is_tried_in_vain(operator: Operator, count: int) -> bool:
    """Whether an overload that takes so many arguments and no more has a tensor where this one has a number."""
    mine = operator.schema.arguments[:count]
    for rival in operators_named(operator.name):
        theirs = [a for a in rival.schema.arguments if not a.kwarg_only]
        if rival.has_python_binding and len(theirs) == count:
            kinds = ((_kind(a), _kind(b)) for a, b in zip(theirs, mine, strict=True))
            if any(wanted == "Tensor" and given in _NUMBERS for wanted, given in kinds):
                return True
    return False


def _is_default(argument: Argument, value: object) -> bool:
    if argument.name == "reduction":
        return False  # PyTorch's bindings of losses read their default, the mean, as 0: no reduction
    if value is NOT_CONSTANT or not argument.has_default or type(value) is not type(argument.default):
        return False
    return value == argument.default


def _empty_lists(constants: Sequence[object]) -> frozenset[int]:
    """Arguments that may be an empty list, as far as is known: an empty list is one of any list type."""
    return frozenset(i for i, c in enumerate(constants) if not (isinstance(c, list) and c))


def _nones(operator: Operator, constants: Sequence[object], types: Sequence[Type]) -> frozenset[int]:
    """Arguments that may be None."""
    declared = types or [a.type for a in operator.schema.arguments]
    return frozenset(
        i
        for i, (c, t) in enumerate(zip(constants, declared, strict=True))
        if c is None or (c is NOT_CONSTANT and is_subtype(NONE, t))
    )


@cache
def _conversions(operator: Operator) -> dict[int, Callable[[Any], object]]:
    kinds = enumerate(_kind(a) for a in operator.schema.arguments)
    return {i: _CONVERSIONS[kind] for i, kind in kinds if kind in _CONVERSIONS}


# --- which binding, if any


@cache
def _binding(
    operator: Operator, count: int, keywords: frozenset[str], empty: frozenset[int], none: frozenset[int]
) -> Callable[..., Any] | None:
    """The function of PyTorch that is certain to call the overload with so many positional arguments."""
    if not _has_binding(operator) or not _says_where(operator, keywords, none):
        return None
    variant = "method" if _is_method(operator) else "function"
    if variant not in operator.variants:
        return None
    rivals = [
        o
        for o in operators_named(operator.name)
        if o is not operator and o.has_python_binding and variant in o.variants and not _has_out(o)
    ]
    if any(_may_accept(rival, operator, count, keywords, empty, none) for rival in rivals):
        return None
    holder = _MODULES[operator.python_module] if variant == "function" else torch._C.TensorBase
    return getattr(holder, operator.name.removeprefix("aten::"), None)


def _is_method(operator: Operator) -> bool:
    """Whether an overload is a method of its first argument."""
    first = operator.schema.arguments[0] if operator.schema.arguments else None
    return "method" in operator.variants and first is not None and first.name == "self" and _kind(first) == "Tensor"


def _has_binding(operator: Operator) -> bool:
    schema = operator.schema
    if not operator.has_python_binding or not operator.name.startswith("aten::") or _has_out(operator):
        return False
    if any(_kind(a) in _UNBOUND for a in schema.arguments):
        return False
    return bool(schema.returns) and all(_kind(r) in _RESULTS for r in schema.returns)


_MAKES = frozenset({"aten::arange", "aten::empty", "aten::ones", "aten::zeros"})


def _says_where(operator: Operator, keywords: frozenset[str], none: frozenset[int]) -> bool:
    """Whether a call that makes a tensor says on which device: if not, bindings also obey Python's default device."""
    if operator.schema.find_argument("pin_memory") is None:
        return True
    device = next((i for i, a in enumerate(operator.schema.arguments) if a.name == "device"), None)
    return operator.name in _MAKES and "device" in keywords and device is not None and device not in none


def _has_out(operator: Operator) -> bool:
    return any(a.is_out for a in operator.schema.arguments)


def _may_accept(
    rival: Operator,
    operator: Operator,
    count: int,
    keywords: frozenset[str],
    empty: frozenset[int],
    none: frozenset[int],
) -> bool:
    """Whether a signature might take a call that is meant for another overload of the name."""
    theirs = [a for a in rival.schema.arguments if not a.kwarg_only]
    if count > len(theirs) or not keywords <= {a.name for a in rival.schema.arguments}:
        return False
    if any(not a.has_default and a.name not in keywords for a in rival.schema.arguments if a not in theirs[:count]):
        return False
    mine = operator.schema.arguments[:count]
    takes_numbers = operator.name in _TAKES_NUMBERS
    return all(
        (i in none and isinstance(formal.declared_type, OptionalType))
        or _takes(formal, actual, takes_numbers, i in empty)
        for i, (formal, actual) in enumerate(zip(theirs, mine, strict=False))
    )


def _takes(formal: Argument, actual: Argument, takes_numbers: bool, maybe_empty: bool) -> bool:
    """Whether a parameter might accept a value (not None) of another one's type."""
    wanted, given = _kind(formal), _kind(actual)
    if wanted == given:
        return True
    if given.endswith("[]"):
        return wanted.endswith("[]") and (maybe_empty or "Dimname" not in wanted)
    if wanted == "Tensor":
        return given in _NUMBERS and takes_numbers
    if wanted == "Scalar":  # for a tensor, the signature that says `Tensor` comes first
        return given in _NUMBERS
    if wanted in ("int", "float", "complex"):
        return given in _NUMBERS or given == "Tensor"
    if wanted.endswith("[]"):
        return formal.broadcast is not None and (given in _NUMBERS or given == "Tensor")
    return (wanted, given) in (("Dimname", "str"), ("Device", "str"), ("Device", "int"))


def _kind(argument: Argument) -> str:
    """The type as schemas spell it, symbolic ints as ints and without what is optional."""
    return _type_kind(argument.declared_type)


def _type_kind(given: Type) -> str:
    if isinstance(given, OptionalType):
        return _type_kind(given.element)
    if isinstance(given, ListType):
        inner = given.element
        optional = "?" if isinstance(inner, OptionalType) else ""
        return f"{_type_kind(inner)}{optional}[]"
    if isinstance(given, TensorType):
        return "Tensor"
    return str(given).removeprefix("Sym").lower() if str(given).startswith("Sym") else str(given)


# --- overloads whose binding PyTorch wrote by hand


Special = Callable[[Operator, Sequence[object]], "CallForm | None"]
_SPECIAL: dict[str, Special] = {}


def _special(*names: str) -> Callable[[Special], Special]:
    def register(make: Special) -> Special:
        _SPECIAL.update(dict.fromkeys(names, make))
        return make

    return register


@_special(
    *(f"aten::{name}{suffix}.Scalar" for name in ("add", "sub", "mul", "div") for suffix in ("", "_")),
)
def _number_operand(operator: Operator, constants: Sequence[object]) -> CallForm | None:
    """A number for the second tensor: the binding makes the same zero-dimensional tensor of it as the overload does."""
    function = getattr(torch._C.TensorBase, operator.name.removeprefix("aten::"))
    with_alpha = len(constants) == 3 and not _is_default(operator.schema.arguments[2], constants[2])
    return CallForm(function, (0, 1), (("alpha", 2),) if with_alpha else (), method=_method_name(function))


@_special("aten::max_pool2d")
def _max_pool2d(operator: Operator, constants: Sequence[object]) -> CallForm | None:
    return CallForm(max_pool2d, *_passed(operator, constants))


_METHODS = {
    "aten::size.int": "size",
    "aten::stride.int": "stride",
    "aten::dim": "dim",
    "aten::numel": "numel",
    "aten::item": "item",
    "aten::is_floating_point": "is_floating_point",
    "aten::is_complex": "is_complex",
    "aten::storage_offset": "storage_offset",
    "aten::copy_": "copy_",
    "aten::contiguous": "contiguous",
    "aten::is_contiguous": "is_contiguous",
    "aten::to.dtype": "to",
    "aten::to.device": "to",
    "aten::to.other": "to",
    "aten::max.other": "maximum",
    "aten::min.other": "minimum",
}
"""Methods that take the arguments of the overload, and cannot mistake them for another's."""


@_special(*_METHODS)
def _method(operator: Operator, constants: Sequence[object]) -> CallForm | None:
    method = getattr(torch._C.TensorBase, _METHODS[operator.qualified_name], None)
    if method is None:
        raise UnsupportedError(f"this PyTorch has no method {operator.name}")
    arguments = operator.schema.arguments
    positional, keywords = _passed(operator, constants)
    by_name = [i for i in positional if arguments[i].name == "memory_format"]
    kept = tuple(i for i in positional if i not in by_name)
    given = (*keywords, *((arguments[i].name, i) for i in by_name))
    return CallForm(method, kept, given, _conversions(operator), method=_method_name(method))
