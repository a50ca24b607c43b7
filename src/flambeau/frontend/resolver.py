"""Who the names are: what the compiler asks of the place that its source came from.

The live-Python side answers from a function's closure and globals, the archive importer from the archive's types and
constants. Local variables and TorchScript's own built-in functions are not asked for: the compiler knows them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable
from typing import TYPE_CHECKING, Protocol, runtime_checkable

if TYPE_CHECKING:
    from flambeau import ir

    from .values.sugared import SugaredValue


class Resolver(Protocol):
    """Answers for free names and for type expressions."""

    def resolve_value(self, name: str, range: ir.SourceRange) -> SugaredValue | None:
        """What a free name stands for; None if there is no such name. ScriptError if it cannot be used in a script."""

    def names(self) -> Iterable[str]:
        """The free names that there are, for suggestions: none where nobody writes by hand."""

    def resolve_type(self, expression: ast.expr, range: ir.SourceRange) -> ir.Type:
        """The type that an annotation expression denotes; ScriptError if it denotes none.

        String annotations arrive as the `ast.Constant` they are. `annotations.parse_annotation` does the work for
        everything but the names of classes.
        """


@runtime_checkable
class ImportingResolver(Resolver, Protocol):
    """A resolver of live code, which can import."""

    def resolve_import(self, module: str, name: str, range: ir.SourceRange) -> SugaredValue:
        """What `from module import name` binds (leading dots of the module are relative), or of `import module` the
        module: itself where `name` is empty, the first in its path where it is a dot. ImportError as in Python.
        """
