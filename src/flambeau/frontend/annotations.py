"""Types from annotation expressions: `Optional[List[int]]`, `Tensor`, `int | None`, `__torch__.mine.Model`.

What is built of known words is read here; any other name is asked of `find_named`.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import TypeAlias

from flambeau import ir
from flambeau.errors import ScriptError

from .syntax_trees import expression_tree

FindNamed: TypeAlias = "Callable[[str], ir.Type | None]"
"""Finds the type that a dotted name stands for; None if it stands for none."""

MAX_DEPTH = 100

NAMED_TYPES: dict[str, ir.Type] = {
    "Tensor": ir.TENSOR,
    "int": ir.INT,
    "float": ir.FLOAT,
    "complex": ir.COMPLEX,
    "bool": ir.BOOL,
    "str": ir.STRING,
    "None": ir.NONE,
    "NoneType": ir.NONE,
    "Any": ir.ANY,
    "number": ir.NUMBER,
    "Device": ir.DEVICE,
    "Stream": ir.STREAM,
    "Generator": ir.GENERATOR,
    "Capsule": ir.CAPSULE,
    "list": ir.ANY_LIST,
    "tuple": ir.ANY_TUPLE,
    "torch.Tensor": ir.TENSOR,
    "torch.device": ir.DEVICE,
    "torch.dtype": ir.INT,
    "torch.layout": ir.INT,
    "torch.memory_format": ir.INT,
    "torch.Size": ir.ListType(ir.INT),
    "torch.Generator": ir.GENERATOR,
    "torch.Stream": ir.STREAM,
    "typing.Any": ir.ANY,
}
"""Words that are types."""

_BROADCASTING = {f"BroadcastingList{n}": n for n in range(1, 7)}
_SIZES = {f"_size_{n}_t": n for n in range(1, 7)}
"""Names by which `torch.nn` means a list of ints, or one int for all; TorchScript goes by the names."""
_MODULES = ("typing.", "torch.jit.", "torch.futures.", "torch.distributed.rpc.")


def parse_annotation(expression: ast.expr, range: ir.SourceRange, find_named: FindNamed) -> ir.Type:
    """The type that an expression denotes; ScriptError if it denotes none."""
    return _Parser(range, find_named).parse(expression)


def broadcast_length(expression: ast.expr | None) -> int | None:
    """The N of a parameter annotated as `BroadcastingListN[...]`, as an Optional of one, or as `_size_N_t`."""
    if isinstance(expression, ast.Name) and (found := _SIZES.get(expression.id)) is not None:
        return found
    if not isinstance(expression, ast.Subscript):
        return None
    word = _word(expression.value)
    if word == "Optional":
        return broadcast_length(expression.slice)
    return _BROADCASTING.get(word)


def dotted_name(expression: ast.expr) -> str | None:
    """`a.b.c` as text; None if the expression is something else."""
    atoms: list[str] = []
    while isinstance(expression, ast.Attribute):
        atoms.append(expression.attr)
        expression = expression.value
    if not isinstance(expression, ast.Name):
        return None
    return ".".join([expression.id, *reversed(atoms)])


def _word(expression: ast.expr) -> str:
    name = dotted_name(expression) or ""
    for module in _MODULES:
        name = name.removeprefix(module)
    return name


class _Parser:
    """Reads one annotation."""

    def __init__(self, range: ir.SourceRange, find_named: FindNamed) -> None:
        self._range = range
        self._find_named = find_named
        self._depth = 0

    def parse(self, expression: ast.expr) -> ir.Type:
        self._depth += 1
        if self._depth > MAX_DEPTH:
            raise self._error("the type is nested too deeply")
        parsed = self._parse(expression)
        self._depth -= 1
        return parsed

    def _parse(self, expression: ast.expr) -> ir.Type:
        match expression:
            case ast.Constant(value=None):
                return ir.NONE
            case ast.Constant(value=str(text)):
                return self.parse(self._quoted(text))
            case ast.Subscript():
                return self._applied(expression)
            case ast.BinOp(left=left, op=ast.BitOr(), right=right):
                return ir.union([self.parse(left), self.parse(right)])
            case ast.Name() | ast.Attribute():
                return self._named(expression)
            case ast.Constant(value=value) if value is Ellipsis:
                raise self._error("Expression of type dots cannot be used in a type expression")
            case _:
                kind = "const" if isinstance(expression, ast.Constant) else type(expression).__name__.lower()
                raise self._error(f"Expression of type {kind} cannot be used in a type expression")

    def _named(self, expression: ast.expr) -> ir.Type:
        name = dotted_name(expression)
        if name is None:
            raise self._error("Expression of type attribute cannot be used in a type expression")
        found = NAMED_TYPES.get(name) or self._find_named(name)
        if found is None:
            raise self._error(f"Unknown type name '{name}'")
        return found

    def _quoted(self, text: str) -> ast.expr:
        try:
            return expression_tree(text)
        except (SyntaxError, ValueError, RecursionError, MemoryError):
            raise self._error(f"Unknown type name '{text}'") from None

    def _applied(self, expression: ast.Subscript) -> ir.Type:
        inner = expression.slice
        elements = inner.elts if isinstance(inner, ast.Tuple) else [inner]
        match _word(expression.value):
            case "List" | "list":
                return ir.ListType(self._only(elements))
            case "Optional":
                return ir.optional(self._only(elements))
            case "Dict" | "dict":
                return self._dict(elements)
            case "Tuple" | "tuple":
                if len(elements) == 1 and isinstance(elements[0], ast.Tuple) and not elements[0].elts:
                    return ir.TupleType(())
                return ir.TupleType(tuple(map(self.parse, elements)))
            case "Union":
                return ir.union(map(self.parse, elements))
            case "Final":
                return self._only(elements)
            case "Future":
                return ir.FutureType(self._only(elements))
            case "Await" | "_Await":
                return ir.AwaitType(self._only(elements))
            case "RRef":
                return ir.RRefType(self._only(elements))
            case word if word in _BROADCASTING:
                return ir.ListType(self._only(elements))
            case word:
                raise self._error(f"Unknown type constructor {word}")

    def _only(self, elements: list[ast.expr]) -> ir.Type:
        if len(elements) != 1:
            raise self._error(f" expected exactly one element type but found {len(elements)}")
        return self.parse(elements[0])

    def _dict(self, elements: list[ast.expr]) -> ir.Type:
        if len(elements) != 2:
            raise self._error(f" expected exactly 2 element types but found {len(elements)}")
        key, value = map(self.parse, elements)
        if not is_key(key):
            raise self._error(
                f"Cannot create dict for key type '{key}', only int, float, complex, Tensor, device and string keys "
                "are "
                "supported"
            )
        return ir.DictType(key, value)

    def _error(self, message: str) -> ScriptError:
        return ScriptError(message, self._range)


_KEYS = (ir.INT, ir.FLOAT, ir.COMPLEX, ir.BOOL, ir.STRING, ir.DEVICE, ir.ANY)


def is_key(given: ir.Type) -> bool:
    """Whether dicts can have keys of a type."""
    return given in _KEYS or isinstance(given, (ir.TensorType, ir.VarType, ir.EnumType))
