"""The names that every script knows without a definition: TorchScript's built-in functions."""

from __future__ import annotations

from flambeau import ir

from .callables import BuiltinFunction, CallableTest, CastValue, ExceptionClass, MagicMethod, PrintValue
from .special import SpecialForm
from .sugared import SugaredValue

_OPERATORS = {
    "id": "prim::id",
    "min": "prim::min",
    "max": "prim::max",
    "abs": "prim::abs",
    "all": "aten::all",
    "any": "aten::any",
    "divmod": "aten::divmod",
    "ord": "aten::ord",
    "chr": "aten::chr",
    "bin": "aten::bin",
    "pow": "aten::pow",
    "rangelist": "prim::rangelist",
    "sorted": "aten::sorted",
}
_MAGIC = {"len": "aten::len", "hex": "aten::hex", "oct": "aten::oct", "round": "aten::round", "hash": "aten::hash"}
_CASTS: dict[str, tuple[ir.Type, str]] = {
    "float": (ir.FLOAT, "aten::Float"),
    "complex": (ir.COMPLEX, "aten::Complex"),
    "int": (ir.INT, "aten::Int"),
    "bool": (ir.BOOL, "aten::Bool"),
    "str": (ir.STRING, "aten::str"),
}
_FORMS = (
    *("tuple", "list", "dict", "slice"),
    *("getattr", "hasattr", "isinstance"),
    *("range", "zip", "enumerate", "reversed", "next", "iter", "sum"),
    *("map", "callable"),
)

BUILTINS: dict[str, SugaredValue] = {
    "print": PrintValue(),
    "_to_tensor": CastValue(ir.TENSOR, "prim::NumToTensor"),
    "callable": CallableTest(),
    "AssertionError": ExceptionClass("AssertionError"),
    **{name: MagicMethod(f"__{name}__", CastValue(*cast)) for name, cast in _CASTS.items()},
    **{name: MagicMethod(f"__{name}__", BuiltinFunction(operator)) for name, operator in _MAGIC.items()},
    **{name: BuiltinFunction(operator) for name, operator in _OPERATORS.items()},
    **{name: SpecialForm(name) for name in _FORMS},
}
