"""Special forms: names that look like functions but see the syntax of their arguments.

    annotate(List[int], [])     its first argument is a type
    isinstance(x, (int, str))   so are those
    fork(f, x)                  the call happens elsewhere

Each form is a function registered by name (`special_forms` and its neighbours hold them).
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeAlias, final

from flambeau import ir

from .sugared import SugaredValue

if TYPE_CHECKING:
    from ..emitter import Emitter

Form: TypeAlias = "Callable[[Emitter, ast.Call, SpecialForm, ir.Type | None], SugaredValue]"
"""Emits a call: the syntax of the whole call, the form itself, and the type that the context declares."""

_FORMS: dict[str, Form] = {}


def special_form(*names: str) -> Callable[[Form], Form]:
    """Register the meaning of special forms by name; ValueError if a name is taken."""

    def register(form: Form) -> Form:
        for name in names:
            if name in _FORMS:
                raise ValueError(f"special form '{name}' is registered already")
            _FORMS[name] = form
        return form

    return register


@final
@dataclass(frozen=True, slots=True, eq=False)
class SpecialForm(SugaredValue):
    """A special form by name; `self_value` is what it was looked up on (`x.tolist`), `type` a type it is about."""

    name: str
    self_value: ir.Value | None = None
    type: ir.Type | None = None

    @property
    def kind(self) -> str:
        return self.name

    @property
    def identity(self) -> object:
        return self.name if self.self_value is None else None

    def apply(self, emitter: Emitter, node: ast.Call, hint: ir.Type | None) -> SugaredValue:
        """Emit a call of the form."""
        return _FORMS[self.name](emitter, node, self, hint)
