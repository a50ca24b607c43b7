"""Python functions as script functions: compiled on first use, once each."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable, Mapping, MutableMapping
from contextlib import suppress
from copy import copy
from functools import partial
from typing import final

from flambeau.errors import ScriptError
from flambeau.frontend import Definition, Resolver, Signature, SugaredFactory, compile_definition, notes, signature_of
from flambeau.ir import Function, SourceRange, Type
from flambeau.passes import after_compilation
from flambeau.python import markers
from flambeau.python.functions.parameter_search import ParameterSearch
from flambeau.python.functions.signatures import (
    default_arguments,
    guessed_signatures,
    observed_signature,
    overload_defaults,
)
from flambeau.python.functions.source_code import definition_of
from flambeau.python.names import qualified_name
from flambeau.python.resolver import resolver_of
from flambeau.python.types.evidence import compiled_with_examples, seen_by
from flambeau.python.unit import services, unit


@final
class Compilation:
    """How a function is to be compiled; called when its graph is first asked for."""

    def __init__(
        self,
        definition: Definition,
        resolver: Resolver,
        *,
        defaults: Mapping[str, object],
        self_type: Type | None = None,
        self_value: SugaredFactory | None = None,
        signature: Signature | Callable[[], Signature | None] | None = None,
        forget: Callable[[], None] | None = None,
        guesses: Callable[[bool, bool], Iterable[Signature]] = lambda last, fixes_defaults: (),
        search: Callable[[], ParameterSearch] | None = None,
        infers: bool = False,
    ) -> None:
        self._definition = definition
        self._resolver = resolver
        self._defaults = defaults
        self._self_type = self_type
        self._self_value = self_value
        self._signature = signature
        self._forget = forget
        self._guesses = guesses
        self._search = search
        self._infers = infers
        """Whether it goes beyond TorchScript's own rules from the start."""

    def __call__(self, function: Function) -> None:
        with unit.lock:
            key = (self._definition, self._self_type, function.name)
            if key in unit.failures:
                if self._forget is not None:
                    self._forget()
                raise _again(unit.failures[key])
            try:
                self._compile(function)
            except ScriptError as error:
                if self._forget is not None:
                    self._forget()
                if unit.depth > 0:
                    unit.failures[key] = _again(error)
                raise

    def _compile(self, function: Function) -> None:
        """Compile with the declared signature, or else with the first guess that does."""
        fixes_defaults, unit.fixes_defaults = unit.fixes_defaults, False
        read_optionals, notes.read_optionals = notes.read_optionals, False
        declared: Signature | None = None
        try:
            declared = self._signature() if callable(self._signature) else self._signature
            self._compile_as(function, declared)
        except ScriptError as error:
            likely = partial(self._guesses, False, False)
            if self._compile_guessed(function, likely) or self._compile_searched(function, error):
                return
            if notes.read_optionals and self._compile_guessed(function, lambda: (declared, *likely()), unwraps=True):
                return
            if self._compile_searched(function, error, with_none=True):
                return
            if self._compile_guessed(function, partial(self._guesses, True, fixes_defaults)):
                return
            raise error from None
        finally:
            unit.fixes_defaults, notes.read_optionals = fixes_defaults, read_optionals

    def _compile_guessed(
        self, function: Function, guesses: Callable[[], Iterable[Signature | None]], *, unwraps: bool = False
    ) -> bool:
        """Compile with the first of some signatures with which the function does not always fail; False if none is."""
        with suppress(ScriptError):  # of annotations that are no types
            for guess in guesses():
                with suppress(ScriptError):
                    self._compile_as(function, guess, unwraps=unwraps)
                    if not any(node.kind == "prim::RaiseException" for node in function.graph.block):
                        return True
        return False

    def _compile_searched(self, function: Function, problem: ScriptError, *, with_none: bool = False) -> bool:
        """Compile with other types for parameters that are None by default; False if that cannot be done."""
        with suppress(ScriptError):  # of annotations that are no types
            search = None if self._search is None else self._search()
            unwraps = with_none and notes.read_optionals
            return search is not None and search.run(
                problem, lambda guess: self._compile_as(function, guess, unwraps=unwraps), with_none=with_none
            )
        return False

    def _compile_as(self, function: Function, signature: Signature | None, *, unwraps: bool = False) -> None:
        compile_definition(
            function,
            self._definition,
            self._resolver,
            self_type=self._self_type,
            self_value=self._self_value,
            signature=signature,
            defaults=self._defaults,
            finish=after_compilation,
            unwraps=unwraps,
            infers_at_once=(self._infers or unit.infers_at_once) and not _is_pytorchs(function.python_callable),
        )


def _again(error: ScriptError) -> ScriptError:
    """The same error, to be raised once more: the chain of calls grows on each way out."""
    made = copy(error)
    made.calls, made.others = list(error.calls), list(map(_again, error.others))
    return made


def function_of(python_function: Callable[..., object], range: SourceRange | None = None) -> Function:
    """The script function of a Python function; the source is read now, the body compiled when it is needed."""
    with unit.lock:
        cache = _cache_for(python_function)
        known = cache.get(python_function)
        if known is not None:
            return known
        definition = definition_of(python_function)
        made = Function(
            unit.compilation_unit.free_name(qualified_name(python_function)),
            define=Compilation(
                definition,
                resolver_of(python_function, definition, services.sugared),
                defaults=default_arguments(python_function),
                signature=lambda: observed_signature(python_function, is_method=False),
                forget=lambda: _forget(python_function, made),
                guesses=lambda last, fixes_defaults: guessed_signatures(
                    python_function, is_method=False, last=last, fixes_defaults=fixes_defaults
                ),
                search=lambda: ParameterSearch(python_function, is_method=False),
            ),
            lock=unit.lock,
        )
        made.doc = inspect.getdoc(python_function) or ""
        made.python_callable = python_function
        cache[python_function] = made
        unit.compilation_unit.add_function(made)
        return made


def _is_pytorchs(python_function: object) -> bool:
    return str(getattr(python_function, "__module__", "")).partition(".")[0] == "torch"


def _cache_for(python_function: Callable[..., object]) -> MutableMapping[Callable[..., object], Function]:
    """Where a function is kept that is compiled as things are now."""
    if seen_by(python_function):
        return compiled_with_examples
    return unit.inferred if unit.infers_at_once and not _is_pytorchs(python_function) else unit.functions


def _forget(python_function: Callable[..., object], function: Function) -> None:
    """Make a function that did not compile as if it had never been tried."""
    for cache in (unit.functions, unit.inferred, compiled_with_examples):
        cache.pop(python_function, None)
    unit.compilation_unit.functions.pop(function.qualified_name, None)


def specialized_function(python_function: Callable[..., object], signature: Signature, key: str) -> Function:
    """The version of a Python function for other types than it declares."""
    with unit.lock:
        versions = unit.specialized.setdefault(python_function, {})
        key = f"{key} {unit.infers_at_once}"
        if key not in versions:
            definition = definition_of(python_function)
            made = Function(
                unit.compilation_unit.free_name(f"{qualified_name(python_function)}__as_{len(versions) + 1}"),
                define=Compilation(
                    definition,
                    resolver_of(python_function, definition, services.sugared),
                    defaults={},
                    signature=signature,
                    forget=lambda: _forget_version(python_function, made, key),
                    infers=True,
                ),
                lock=unit.lock,
            )
            made.python_callable = python_function
            versions[key] = made
            unit.compilation_unit.add_function(made)
        return versions[key]


def _forget_version(python_function: Callable[..., object], function: Function, key: str) -> None:
    unit.specialized.get(python_function, {}).pop(key, None)
    unit.compilation_unit.functions.pop(function.qualified_name, None)


def overloads_of(python_function: Callable[..., object]) -> tuple[Function, ...]:
    """The script functions of a function with declared overloads, one for each declaration; empty if it has none."""
    with unit.lock:
        known = unit.overloads.get(python_function)
        if known is not None:
            return known
        declarations = markers.overloads_of(python_function)
        if not declarations:
            return ()
        if python_function in declarations:
            raise ScriptError(no_implementation("function", python_function))
        made = tuple(_overload(python_function, declaration, index) for index, declaration in enumerate(declarations))
        unit.overloads[python_function] = made
        return made


def _overload(implementation: Callable[..., object], declaration: Callable[..., object], index: int) -> Function:
    """The body of the implementation under the signature of a declaration."""
    declared, definition = definition_of(declaration), definition_of(implementation)
    defaults = overload_defaults(implementation, declaration, declared)
    resolver = resolver_of(declaration, declared, services.sugared)
    made = Function(
        unit.compilation_unit.free_name(f"{qualified_name(implementation)}__{index}"),
        define=Compilation(
            definition,
            resolver_of(implementation, definition, services.sugared),
            defaults=defaults,
            signature=signature_of(declared, resolver, defaults=defaults, is_overload=True),
        ),
        lock=unit.lock,
    )
    made.python_callable = implementation
    unit.compilation_unit.add_function(made)
    return made


def no_implementation(kind: str, function: Callable[..., object]) -> str:
    """What to say where overloads were declared without a body."""
    source = definition_of(function).source
    return (
        f'Implementation for the {kind} "{function.__name__}" is missing. Please make sure a definition is provided '
        f"and defined after all overload declarations.\n"
        f"{source.range().highlight()}"
    )


__all__ = [
    "Compilation",
    "default_arguments",
    "function_of",
    "no_implementation",
    "overloads_of",
    "specialized_function",
]
