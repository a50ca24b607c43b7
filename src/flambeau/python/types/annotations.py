"""Annotations: what Python code says about types, as types.

An annotation is either syntax (`reader.of_expression(node)`; names are looked up where the code stands) or a Python
object (`reader.of_object(List[int])`); strings in either are syntax again. Both spellings of everything are known:
`typing.List[int]` and `list[int]`, `Optional[T]`, `Union[A, B]` and `A | B`.

`Literal[...]` is the type of the values that it lists. What has no TorchScript type (type variables, `Callable`, sets,
...) is a ScriptError that names it. `Tuple[T, ...]` has no fixed length, so it is one too.
"""

from __future__ import annotations

import ast
import enum
import inspect
import types
import typing
from collections.abc import Callable, Sequence
from typing import TypeAlias, final

import torch
from torch._jit_internal import BroadcastingListCls

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.frontend import expression_tree
from flambeau.ir import SourceRange, Type
from flambeau.python import special_forms
from flambeau.python.namespaces import ABSENT, Namespace
from flambeau.python.unit import services, unit

RangeOf: TypeAlias = "Callable[[ast.expr], SourceRange | None]"

_PLAIN: dict[object, Type] = {
    int: ir.INT,
    float: ir.FLOAT,
    complex: ir.COMPLEX,
    bool: ir.BOOL,
    str: ir.STRING,
    None: ir.NONE,
    type(None): ir.NONE,
    typing.Any: ir.ANY,
    inspect.Signature.empty: ir.INFERRED_TENSOR,
    list: ir.ANY_LIST,
    tuple: ir.ANY_TUPLE,
    torch.device: ir.DEVICE,
    torch.Generator: ir.GENERATOR,
    torch.Stream: ir.STREAM,
    # Elements of enumerations are ints to scripts.
    torch.dtype: ir.INT,
    torch.layout: ir.INT,
    torch.memory_format: ir.INT,
    torch.qscheme: ir.INT,
    torch.SymInt: ir.INT,
    torch.SymFloat: ir.FLOAT,
    torch.SymBool: ir.BOOL,
    torch.Size: ir.ListType(ir.INT),
}

_LITERALS = (bool, int, str, type(None))
"""The classes of what `Literal[...]` lists."""
_WORDS: dict[str, Type] = {
    "Tensor": ir.TENSOR,
    "number": ir.NUMBER,
    "Any": ir.ANY,
    "NoneType": ir.NONE,
    "Device": ir.DEVICE,
    "Generator": ir.GENERATOR,
    "Stream": ir.STREAM,
}
"""Type names that need no import, where the code's own names do not say otherwise."""

_CONSTRUCTORS: dict[object, str] = {
    list: "List",
    typing.List: "List",  # noqa: UP006 # the object itself is the key
    dict: "Dict",
    typing.Dict: "Dict",  # noqa: UP006
    tuple: "Tuple",
    typing.Tuple: "Tuple",  # noqa: UP006
    typing.Optional: "Optional",
    typing.Union: "Union",
    types.UnionType: "Union",
    typing.Final: "Final",
    typing.Annotated: "Annotated",
}
_MARKED = {"Future": ir.FutureType, "_Await": ir.AwaitType, "Awaitable": ir.AwaitType, "RRef": ir.RRefType}
"""Generic classes of torch or flambeau, which need not be imported to be recognised."""
_WORD_CONSTRUCTORS = frozenset({"List", "Dict", "Tuple", "Optional", "Union", "Final", "Future", "RRef"})

_SPELLED: dict[object, str] = {getattr(typing, name): name for name in ("Optional", "Union", "List", "Dict", "Tuple")}
_CUSTOM_CLASSES = "torch.classes."


@final
class AnnotationReader:
    """Reads the annotations of one piece of code."""

    def __init__(self, namespace: Namespace, range_of: RangeOf | None = None) -> None:
        self._namespace = namespace
        self._range_of: RangeOf = range_of or (lambda _: None)

    # --- syntax

    def of_expression(self, node: ast.expr) -> Type:
        """The type that an expression stands for; ScriptError if it stands for none."""
        match node:
            case ast.Constant(value=str() as text):
                return self.of_text(text, self._range_of(node))
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return ir.union((self.of_expression(left), self.of_expression(right)))
            case ast.Subscript(value=base, slice=inner):
                return self._of_subscript(node, base, inner)
            case ast.Tuple(elts=[]):
                return ir.TupleType(())
            case ast.Name() | ast.Attribute() | ast.Constant(value=None):
                return self._of_name(node)
            case _:
                kind = _EXPRESSION_KINDS.get(type(node), "const" if isinstance(node, ast.Constant) else "expression")
                if isinstance(node, ast.Constant) and node.value is ...:
                    kind = "dots"
                raise ScriptError(
                    f"Expression of type {kind} cannot be used in a type expression", self._range_of(node)
                )

    def of_text(self, text: str, range: SourceRange | None = None) -> Type:
        """The type that a text stands for."""
        if text.startswith(_CUSTOM_CLASSES):
            return ir.custom_class(f"__torch__.{text}")
        try:
            expression = expression_tree(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise ScriptError(f"Unknown type name '{text}'", range) from None
        return AnnotationReader(self._namespace, lambda _: range).of_expression(expression)

    def _of_name(self, node: ast.expr) -> Type:
        range = self._range_of(node)
        text = ast.unparse(node)
        if text.startswith(_CUSTOM_CLASSES):
            return ir.custom_class(f"__torch__.{text}")
        meant = self._evaluate(node)
        if meant is ABSENT:
            if text in _WORDS:
                return _WORDS[text]
            raise ScriptError(f"Unknown type name '{text}'", range)
        found = self._of_object(meant, range)
        if found is None:
            raise ScriptError(f"Unknown type name '{text}'", range)
        return found

    def _of_subscript(self, node: ast.Subscript, base: ast.expr, inner: ast.expr) -> Type:
        meant = self._evaluate(base)
        arguments = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        name = _constructor_name(meant)
        if name is None and meant is ABSENT and isinstance(base, ast.Name) and base.id in _WORD_CONSTRUCTORS:
            name = base.id
        if name == "Annotated":
            return self.of_expression(arguments[0])
        if name is None:
            return self._of_alias(node, base, meant)
        return construct(name, [self.of_expression(a) for a in arguments], self._range_of(node))

    def _of_alias(self, node: ast.Subscript, base: ast.expr, meant: object) -> Type:
        range = self._range_of(node)
        if isinstance(meant, typing.TypeVar) or meant is ABSENT or not hasattr(meant, "__getitem__"):
            found = None
        else:
            try:
                found = self._of_object(eval(ast.unparse(node), {}, _AsMapping(self._namespace)), range)
            except (TypeError, NameError, AttributeError):
                found = None
        if found is None:
            raise ScriptError(f"Unknown type constructor {ast.unparse(base)}", range)
        return found

    def _evaluate(self, node: ast.expr) -> object:
        """What a dotted name stands for, or `ABSENT`."""
        match node:
            case ast.Constant(value=None):
                return None
            case ast.Name(id=name):
                return self._namespace.find(name)
            case ast.Attribute(value=base, attr=name):
                owner = self._evaluate(base)
                return ABSENT if owner is ABSENT else getattr(owner, name, ABSENT)
            case _:
                return ABSENT

    # --- objects

    def of_object(self, annotation: object, range: SourceRange | None = None) -> Type:
        """The type that an annotation object stands for; ScriptError if it stands for none."""
        found = self._of_object(annotation, range)
        if found is None:
            raise ScriptError(f"Unknown type annotation: '{annotation}'", range)
        return found

    def _of_object(self, annotation: object, range: SourceRange | None) -> Type | None:
        if isinstance(annotation, Type):
            return annotation
        if isinstance(annotation, str):
            return self.of_text(annotation, range)
        if isinstance(annotation, typing.ForwardRef):
            return self.of_text(annotation.__forward_arg__, range)
        plain = _PLAIN.get(annotation) if _is_hashable(annotation) else None
        if plain is not None:
            return plain
        origin = typing.get_origin(annotation)
        if origin is not None:
            return self._of_generic(annotation, origin, range)
        if annotation in _SPELLED or annotation is dict:
            raise ScriptError(_without_arguments(_SPELLED.get(annotation, "dict")), range)
        if inspect.isclass(annotation):
            return self._of_class(annotation, range)
        return None

    def _of_generic(self, annotation: object, origin: object, range: SourceRange | None) -> Type | None:
        arguments = typing.get_args(annotation)
        if getattr(annotation, "__metadata__", None) is not None:
            return self._of_object(origin if origin is not typing.Annotated else arguments[0], range)
        if origin is typing.Literal:
            return ir.unify_all(tuple(_PLAIN[type(value)] for value in arguments if type(value) in _LITERALS))
        name = _constructor_name(origin)
        if name is None:
            return None
        if not arguments and origin in (list, dict, tuple):
            if annotation in _SPELLED:
                raise ScriptError(_without_arguments(_SPELLED[annotation]), range)
            return ir.TupleType(())
        if name == "Tuple" and arguments == ((),):
            return ir.TupleType(())
        if ... in arguments:
            raise ScriptError("Expression of type dots cannot be used in a type expression", range)
        return construct(name, [self.of_object(a, range) for a in arguments], range)

    def _of_class(self, cls: type, range: SourceRange | None) -> Type | None:
        if issubclass(cls, torch.Tensor) or cls in _TENSOR_CLASSES:
            return ir.TENSOR
        bound = special_forms.BOUND_AS.get(special_forms.origin(cls))
        if bound is not None:
            return ir.custom_class(bound)
        known = unit.named_types.get(cls)
        if known is not None:
            return known
        if issubclass(cls, enum.Enum) or is_named_tuple(cls) or is_interface(cls) or is_compilable(cls):
            return services.class_type(cls, range)
        return None


def construct(name: str, arguments: Sequence[Type], range: SourceRange | None) -> Type:
    """The type that a type constructor makes of its arguments; ScriptError if their number is wrong."""
    if name in ("Tuple",):
        return ir.TupleType(tuple(arguments))
    if name == "Union":
        return ir.union(arguments)
    wanted = 2 if name == "Dict" else 1
    if len(arguments) != wanted:
        raise ScriptError(
            f" expected exactly {wanted} element type{'s' if wanted > 1 else ''} but found {len(arguments)}", range
        )
    match name:
        case "List" | "BroadcastingList":
            return ir.ListType(arguments[0])
        case "Dict":
            return _dict(arguments[0], arguments[1], range)
        case "Optional":
            return ir.optional(arguments[0])
        case "Final":
            return arguments[0]
        case _:
            return _MARKED[name](arguments[0])


_DICT_KEYS = (ir.INT, ir.BOOL, ir.FLOAT, ir.COMPLEX, ir.STRING, ir.DEVICE, ir.TENSOR)


def _dict(key: Type, value: Type, range: SourceRange | None) -> Type:
    if key not in _DICT_KEYS:
        raise ScriptError(
            f"Cannot create dict for key type '{key}', only int, float, complex, Tensor, device and string keys are "
            "supported",
            range,
        )
    return ir.DictType(key, value)


def is_named_tuple(cls: type) -> bool:
    """Whether a class is a NamedTuple, of either kind."""
    return issubclass(cls, tuple) and hasattr(cls, "_fields")


def is_interface(cls: type) -> bool:
    """Whether a class was declared as an interface."""
    return "__torch_script_interface__" in vars(cls)


def is_compilable(cls: type) -> bool:
    """Whether a class may be compiled as a script class: all its own methods are written in Python."""
    if issubclass(cls, (torch.nn.Module, BaseException, type)) or cls.__module__ in ("builtins", "typing"):
        return False
    members = [getattr(cls, name, None) for name in vars(cls)]
    return all(hasattr(m, "__code__") for m in members if inspect.isroutine(m))


def _constructor_name(meant: object) -> str | None:
    if isinstance(meant, BroadcastingListCls):
        return "BroadcastingList"
    if _is_hashable(meant) and meant in _CONSTRUCTORS:
        return _CONSTRUCTORS[meant]
    name = getattr(meant, "__name__", None)
    module = getattr(meant, "__module__", None)
    if (
        inspect.isclass(meant)
        and name in _MARKED
        and isinstance(module, str)
        and module.split(".")[0] in ("torch", "flambeau")
    ):
        return str(name)
    return None


def _without_arguments(name: str) -> str:
    if name.lower() == "dict":
        return f"Attempted to use {name} without contained types. Please add contained type, e.g. {name}[int, int]"
    return f"Attempted to use {name} without a contained type. Please add a contained type, e.g. {name}[int]"


def _is_hashable(value: object) -> bool:
    try:
        hash(value)
    except TypeError:
        return False
    return True


class _AsMapping(dict[str, object]):
    """A namespace as `eval` wants it."""

    def __init__(self, namespace: Namespace) -> None:
        super().__init__()
        self._namespace = namespace

    def __missing__(self, name: str) -> object:
        found = self._namespace.find(name)
        if found is ABSENT:
            raise NameError(name)
        return found


_TENSOR_CLASSES = frozenset(
    getattr(torch, f"{kind}Tensor")
    for kind in ("Long", "Double", "Float", "Int", "Short", "Half", "Char", "Byte", "Bool")
)
_EXPRESSION_KINDS: dict[type[ast.expr], str] = {
    ast.List: "list_literal",
    ast.Dict: "dict_literal",
    ast.Tuple: "tuple_literal",
    ast.Call: "apply",
    ast.BinOp: "binary operation",
}
