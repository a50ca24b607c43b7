"""Namespaces of operators: `torch` in an archive's code, `ops`, `math`."""

from __future__ import annotations

import cmath
import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, final

from flambeau import ir

from ..diagnostics.suggestions import similar
from .callables import BuiltinFunction
from .simple_values import ConstantValue
from .special import SpecialForm
from .sugared import SugaredValue

if TYPE_CHECKING:
    from ..emitter import Emitter


@final
@dataclass(frozen=True, slots=True, eq=False)
class OperatorNamespace(SugaredValue):
    """The operators of one namespace: `torch` in an archive's code is that of `aten`."""

    namespace: str

    @property
    def kind(self) -> str:
        return "builtin module"

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        # Archives of old versions know further names here, such as `torch.autograd`; as values they are not used.
        return BuiltinFunction(f"{self.namespace}::{name}")


@final
@dataclass(frozen=True, slots=True, eq=False)
class OperatorNamespaces(SugaredValue):
    """`ops`, which has a namespace for each name."""

    @property
    def kind(self) -> str:
        return "ops"

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        return OperatorNamespace(name)


MATH_FUNCTIONS = {
    name: f"aten::{name}"
    for name in [
        "ceil",
        "floor",
        "copysign",
        "erf",
        "erfc",
        "exp",
        "expm1",
        "fabs",
        "gamma",
        "lgamma",
        "log",
        "log10",
        "log1p",
        "pow",
        "sqrt",
        "isnan",
        "isinf",
        "isfinite",
        "asinh",
        "acosh",
        "atanh",
        "cosh",
        "sinh",
        "tanh",
        "acos",
        "asin",
        "atan",
        "atan2",
        "cos",
        "sin",
        "tan",
        "fmod",
        "modf",
        "factorial",
        "frexp",
        "degrees",
        "radians",
        "gcd",
        "ldexp",
    ]
} | {"remainder": "aten::mathremainder", "log2": "aten::log2"}
"""The functions of Python's `math` that scripts can call, with their operators."""

CMATH_FUNCTIONS = {
    name: f"aten::{name}"
    for name in [
        "isnan",
        "isfinite",
        "isinf",
        "rect",
        "log",
        "log10",
        "sqrt",
        "exp",
        "sin",
        "tan",
        "cos",
        "asin",
        "acos",
        "atan",
        "sinh",
        "cosh",
        "tanh",
        "asinh",
        "acosh",
        "atanh",
    ]
} | {"phase": "aten::angle"}
"""The functions of Python's `cmath` that scripts can call."""

_MATH_CONSTANTS = ("pi", "e", "inf", "nan", "tau")


@final
@dataclass(frozen=True, slots=True, eq=False)
class MathModule(SugaredValue):
    """Python's `math` or `cmath`."""

    module: str = "math"

    @property
    def kind(self) -> str:
        return "module"

    def attribute(self, emitter: Emitter, range: ir.SourceRange, name: str) -> SugaredValue:
        functions = MATH_FUNCTIONS if self.module == "math" else CMATH_FUNCTIONS
        if name in functions:
            return BuiltinFunction(functions[name])
        if name in _MATH_CONSTANTS:
            return ConstantValue(getattr(math if self.module == "math" else cmath, name))
        self.refuse(
            f"{self.module} has no attribute '{name}' that scripts can use",
            range,
            similar(name, lambda: (*functions, *_MATH_CONSTANTS)),
        )


SERIALIZED_NAMES: dict[str, SugaredValue] = {
    "torch": OperatorNamespace("aten"),
    "ops": OperatorNamespaces(),
    "inf": ConstantValue(math.inf),
    "nan": ConstantValue(math.nan),
    "infj": ConstantValue(complex(0, math.inf)),
    "nanj": ConstantValue(complex(0, math.nan)),
    **{name: SpecialForm(name) for name in ("fork", "awaitable", "annotate", "unchecked_cast", "uninitialized")},
}
"""The names that the source text in archives knows besides the built-in functions."""
