"""Types of parameters that are None by default, found one after the other by what does not compile.

    def forward(self, x, size=None, causal=None):
        size = default(size, x.shape[1])            no optional Tensor: an optional int
        causal = default(causal, self.causal)       an optional bool

The statement that fails says which parameters are in question. A type is taken where the definition compiles with it up
to a later statement.
"""

from __future__ import annotations

import ast
from collections.abc import Callable
from typing import final

from flambeau import ir
from flambeau.errors import ScriptError
from flambeau.frontend import Signature, signature_of
from flambeau.ir import SourceRange
from flambeau.python.functions.signatures import default_arguments, without_annotations
from flambeau.python.functions.source_code import definition_of
from flambeau.python.resolver import resolver_of
from flambeau.python.types.evidence import seen_by
from flambeau.python.unit import services

_TYPES = tuple(map(ir.optional, (ir.INT, ir.BOOL, ir.FLOAT, ir.STRING, ir.ListType(ir.INT), ir.ListType(ir.TENSOR))))


@final
class ParameterSearch:
    """The parameters of one function that are to be given other types than an optional Tensor."""

    def __init__(self, function: Callable[..., object], *, is_method: bool) -> None:
        self._definition = definition_of(function)
        self._resolver = resolver_of(function, self._definition, services.sugared)
        self._is_method = is_method
        self._defaults = default_arguments(function)
        is_open = seen_by(function) is None
        optional = [p for p in self._definition.parameters if is_open and self._defaults.get(p.arg, ...) is None]
        self._annotated = {p.arg for p in optional if p.annotation is not None}
        self._names = {p.arg for p in optional}

    def run(self, problem: ScriptError, attempt: Callable[[Signature], None], *, with_none: bool = False) -> bool:
        """Find types with which an attempt to compile does not fail, from what is wrong without; False if none does.

        `with_none`: a parameter may turn out to be nothing but None.
        """
        candidates = (*_TYPES, ir.NONE) if with_none else _TYPES
        types: dict[str, ir.Type] = {}
        found: tuple[dict[str, ir.Type], ScriptError] | None = types, problem
        while found is not None:
            types, problem = found
            place = self._statement(problem)
            names = [] if place is None else [name for name in _names_in(place) if name in self._names - types.keys()]
            found = None
            trials = [
                {**types, name: candidate}
                for name in names
                for candidate in candidates
                if candidate is ir.NONE or name not in self._annotated
            ]
            for trial in trials:
                try:
                    attempt(self._signature(trial))
                except ScriptError as error:
                    later = self._statement(error)
                    if place is not None and later is not None and later.lineno > place.lineno:
                        found = trial, error
                        break
                else:
                    return True
        return False

    def _signature(self, types: dict[str, ir.Type]) -> Signature:
        plain = without_annotations(self._definition, types)
        return signature_of(plain, self._resolver, is_method=self._is_method, defaults=self._defaults, seen=types)

    def _statement(self, error: ScriptError) -> ast.stmt | None:
        """The innermost statement of the definition in which something is wrong."""
        lines = [
            range.source.line_of(range.start) + 1
            for range in (error.range, *(place for _, place in error.calls))
            if isinstance(range, SourceRange) and range.source is self._definition.source
        ]
        found: ast.stmt | None = None
        for part in ast.walk(self._definition.node):
            if lines and isinstance(part, ast.stmt) and part.lineno <= lines[-1] <= (part.end_lineno or part.lineno):
                found = part  # outer ones come first
        return None if found is self._definition.node else found


def _names_in(statement: ast.stmt) -> list[str]:
    """The names that a statement reads; of a compound one, in its first line."""
    parts = [part for name, part in ast.iter_fields(statement) if name not in ("body", "orelse")]
    nodes = [node for part in parts for node in (part if isinstance(part, list) else [part])]
    read = [n.id for node in nodes if isinstance(node, ast.AST) for n in ast.walk(node) if isinstance(n, ast.Name)]
    return list(dict.fromkeys(read))
