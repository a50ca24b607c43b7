"""What Python functions take: by annotations and defaults, and by the calls that were watched.

`*args` and `**kwargs` become arguments of their own, `args_0`, `args_1`, ... and one for each keyword.
"""

from __future__ import annotations

import ast
import copy
import inspect
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from weakref import WeakKeyDictionary

from flambeau import ir
from flambeau.errors import ScriptError, UnsupportedSyntaxError
from flambeau.frontend import Definition, Resolver, Signature, notes, signature_of
from flambeau.ir import Argument
from flambeau.python.functions.source_code import definition_of
from flambeau.python.resolver import resolver_of
from flambeau.python.types.conversion import default_value
from flambeau.python.types.evidence import Observation, seen_by
from flambeau.python.types.use_evidence import used_types
from flambeau.python.unit import services, unit


def default_arguments(python_function: Callable[..., object]) -> dict[str, object]:
    """The values of a function's default arguments, by name, as scripts hold them."""
    try:
        parameters = inspect.signature(python_function).parameters.values()
    except (
        ValueError,
        TypeError,
    ):  # no signature to be had: an object implemented in C, or a `__signature__` that is none
        return {}
    return {p.name: default_value(p.default) for p in parameters if p.default is not inspect.Parameter.empty}


def overload_defaults(
    implementation: Callable[..., object], declaration: Callable[..., object], declared: Definition
) -> dict[str, object]:
    """The defaults of a function with overloads: its own, which a declaration may repeat but not change."""
    defaults = default_arguments(implementation)
    for name, value in default_arguments(declaration).items():
        if name not in defaults or (defaults[name] is not value and defaults[name] != value):
            raise UnsupportedSyntaxError(
                "Default parameters on overloads do not affect the runtime so they must equal to the default "
                f"parameter on the implementation function. Found on parameter {name}",
                declared.header_range(),
            )
    return defaults


def observed_signature(function: Callable[..., object], *, is_method: bool) -> Signature | None:
    """The signature that watched calls complete; None if none was watched."""
    return None if seen_by(function) is None else declared_signature(function, is_method=is_method)


_declared: WeakKeyDictionary[Callable[..., object], Signature] = WeakKeyDictionary()
"""What functions declare, where no calls were watched."""


def declared_signature(function: Callable[..., object], *, is_method: bool) -> Signature:
    """What a Python function takes by its annotations, defaults, and the calls that were watched."""
    observed = seen_by(function)
    if observed is not None:
        return _completed(function, observed.types, observed, is_method=is_method)
    if function not in _declared:
        definition = definition_of(function)
        _declared[function] = signature_of(
            definition,
            resolver_of(function, definition, services.sugared),
            is_method=is_method,
            defaults=default_arguments(function),
        )
    return _declared[function]


def _completed(
    function: Callable[..., object], types: Mapping[str, ir.Type], observed: Observation, *, is_method: bool
) -> Signature:
    """What a function declares, completed by the types that its arguments had in calls."""
    definition = definition_of(function)
    signature = signature_of(
        definition,
        resolver_of(function, definition, services.sugared),
        is_method=is_method,
        defaults=default_arguments(function),
        seen=types,
    )
    rest, keywords = variadic_arguments(definition.node.args, observed.rest or (), observed.keywords or {})
    return with_variadic(signature, rest, keywords)


def guessed_signatures(
    function: Callable[..., object], *, is_method: bool, last: bool, fixes_defaults: bool
) -> Iterator[Signature]:
    """Other signatures than the declared one, to be tried in turn where that does not do.

    Other types for parameters of which nothing else is known: what their use tells; for the default None an optional
    int. At `last`: nothing but None; a Tensor, as TorchScript takes it; without annotations that are wrong; with
    `fixes_defaults`, flags that only have their default.
    """
    with suppress(ScriptError):  # of annotations that are no types
        yield from _other_types(function, definition_of(function), is_method=is_method, last=last)
    if last and unit.infers_at_once:
        yield from _without_wrong_annotations(function, is_method=is_method)
    if last and fixes_defaults:
        yield from _with_fixed_flags(function, is_method=is_method)


def _without_wrong_annotations(function: Callable[..., object], *, is_method: bool) -> Iterator[Signature]:
    """The signatures without the annotations that are no types, and without that of the result, which may not be true:
    in Python they say nothing. A parameter whose annotation is no type is what its default is, or examples showed.
    """
    definition, defaults = definition_of(function), default_arguments(function)
    resolver = resolver_of(function, definition, services.sugared)
    wrong = {p.arg for p in definition.parameters if _is_no_type(p.annotation, definition, resolver)}
    observed = seen_by(function)
    if any(name not in defaults and (observed is None or name not in observed.types) for name in wrong):
        return
    is_odd = wrong or any(callable(value) for value in defaults.values())
    if not is_odd and not _is_no_type(definition.node.returns, definition, resolver):
        return
    read = {part.id for part in ast.walk(definition.node) if isinstance(part, ast.Name)}
    # A default that is no value of a script does not matter where nothing reads the parameter.
    defaults.update({name: None for name, value in defaults.items() if callable(value) and name not in read})
    plain = without_annotations(definition, wrong)
    plain.node.returns = None
    seen = {name: ir.NONE for name in wrong if defaults.get(name, ...) is None}
    if observed is not None:
        yield signature_of(plain, resolver, is_method=is_method, defaults=defaults, seen={**seen, **observed.types})
        return
    notes.went_beyond = True
    yield signature_of(plain, resolver, is_method=is_method, defaults=defaults, seen=seen)
    for last in (False, True):
        yield from _other_types(function, plain, is_method=is_method, last=last, defaults=defaults, seen=seen)


def _is_no_type(annotation: ast.expr | None, definition: Definition, resolver: Resolver) -> bool:
    if annotation is None:
        return False
    try:
        resolver.resolve_type(annotation, definition.range(annotation))
    except ScriptError:
        return True
    return False


def without_annotations(definition: Definition, names: Collection[str]) -> Definition:
    """A definition whose parameters of these names have no annotations."""
    node = copy.copy(definition.node)
    node.args = copy.copy(node.args)
    for kind in ("posonlyargs", "args", "kwonlyargs"):
        parameters = [
            ast.copy_location(ast.arg(p.arg, None), p) if p.arg in names else p for p in getattr(node.args, kind)
        ]
        setattr(node.args, kind, parameters)
    return Definition(node, definition.source)


def _with_fixed_flags(function: Callable[..., object], *, is_method: bool) -> Iterator[Signature]:
    """The signature with all flags fixed: what is None, a bool or a string by default."""
    definition, defaults = definition_of(function), default_arguments(function)
    types = {name: _FLAGS[type(value)] for name, value in defaults.items() if type(value) in _FLAGS}
    if not types or seen_by(function) is not None:
        return
    plain = without_annotations(definition, types)
    resolver = resolver_of(function, definition, services.sugared)
    signature = signature_of(plain, resolver, is_method=is_method, defaults=defaults, seen=types)
    arguments = tuple(
        Argument(a.name, types[a.name], default=a.default, kwarg_only=a.kwarg_only) if a.name in types else a
        for a in signature.arguments
    )
    fixed = frozenset(types)
    unit.fixed[function] = fixed
    yield replace(signature, arguments=arguments, fixed=fixed)


_FLAGS: dict[type, ir.Type] = {type(None): ir.NONE, bool: ir.BOOL, str: ir.STRING}


def _other_types(
    function: Callable[..., object],
    definition: Definition,
    *,
    is_method: bool,
    last: bool,
    defaults: Mapping[str, object] | None = None,
    seen: Mapping[str, ir.Type] | None = None,
) -> Iterator[Signature]:
    """Signatures with other types for parameters without annotation; `seen` are those that are settled."""
    defaults, seen = default_arguments(function) if defaults is None else defaults, seen or {}
    names = [
        p.arg
        for p in definition.parameters
        if p.annotation is None and defaults.get(p.arg, ...) is None and p.arg not in seen
    ]
    observed = seen_by(function)
    if observed is not None:
        for name in [name for name in names if observed.types.get(name) is ir.NONE and not last]:
            yield _completed(function, {**observed.types, name: ir.optional(ir.TENSOR)}, observed, is_method=is_method)
        return
    used = {
        name: ir.optional(type) if name in names else type
        for name, type in used_types(definition).items()
        if defaults.get(name) is None and name not in seen
    }
    resolver = resolver_of(function, definition, services.sugared)
    guesses: list[Mapping[str, ir.Type]] = [used] if used and not last else []
    others = [name for name in names if name not in used]
    if last and None in defaults.values():
        guesses = [dict.fromkeys(names, ir.NONE)]
    elif others and None in defaults.values():
        guesses += [{**used, name: ir.optional(ir.INT)} for name in others]
        guesses += [{**used, **dict.fromkeys(others, ir.optional(ir.INT))}]
    for guess in guesses:
        yield signature_of(definition, resolver, is_method=is_method, defaults=defaults, seen={**seen, **guess})
    if last and None in defaults.values() and (unit.none_is_tensor or not is_method):
        yield signature_of(
            definition, resolver, is_method=is_method, defaults=defaults, seen=seen or None, none_means_optional=False
        )


def variadic_arguments(
    parameters: ast.arguments, rest: Sequence[ir.Type], keywords: Mapping[str, ir.Type]
) -> tuple[list[Argument], list[Argument]]:
    """The arguments that stand for `*args` and `**kwargs`."""
    name = "" if parameters.vararg is None else parameters.vararg.arg
    return (
        [Argument(f"{name}_{i}", type) for i, type in enumerate(rest)] if name else [],
        [Argument(key, type) for key, type in keywords.items()] if parameters.kwarg is not None else [],
    )


def with_variadic(signature: Signature, rest: Sequence[Argument], keywords: Sequence[Argument]) -> Signature:
    """A signature that takes these arguments for `*args` and `**kwargs`, before all that have defaults: archives hold
    functions that way only.
    """
    if not rest and not keywords:
        return signature
    positional = [a for a in signature.arguments if not a.kwarg_only]
    if rest:
        # What `*args` takes comes after the others, which must be given then.
        positional = [Argument(a.name, a.type, broadcast=a.broadcast) for a in positional]
    named = [a for a in signature.arguments if a.kwarg_only]
    required = [a for a in (*positional, *rest, *keywords, *named) if not a.has_default]
    return Signature(
        (*required, *(a for a in (*positional, *named) if a.has_default)),
        signature.return_type,
        frozenset(a.name for a in rest),
        frozenset(a.name for a in keywords),
    )
