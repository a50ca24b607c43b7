"""From a definition to a function's graph and schema."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import final

from flambeau import ir

from .definition import Definition
from .resolver import Resolver
from .sugared import SugaredFactory


@final
@dataclass(frozen=True, slots=True)
class Signature:
    """Types known from elsewhere than the definition's own annotations: those of its parameters (without `self`), in order,
    and of its result (None: whatever the body returns)."""

    arguments: tuple[ir.Argument, ...]
    return_type: ir.Type | None = None


def signature_of(
    definition: Definition, resolver: Resolver, *, is_method: bool = False, defaults: Mapping[str, object] | None = None
) -> Signature:
    """The signature that a definition's annotations and type comments declare; nothing is compiled.

    `defaults` are the values of default arguments where they are known; otherwise they are read off the expressions.
    """
    raise NotImplementedError


def compile_definition(
    function: ir.Function,
    definition: Definition,
    resolver: Resolver,
    *,
    self_value: SugaredFactory | None = None,
    self_type: ir.Type | None = None,
    signature: Signature | None = None,
    defaults: Mapping[str, object] | None = None,
    finish: Callable[[ir.Graph], None] | None = None,
) -> None:
    """Compile a definition: assigns `function.graph` and `function.schema`. ScriptError if it is no TorchScript.

    A method has a `self_type`, the type of its first parameter, and a `self_value`, which says what that parameter means
    (default: an object of that type). `signature` overrides annotations. `finish` transforms the graph when it is complete:
    the passes that follow every compilation.
    """
    raise NotImplementedError
