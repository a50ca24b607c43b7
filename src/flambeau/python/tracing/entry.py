"""`trace` and `trace_module`: a program is run once on example inputs, and what it did becomes a script."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, final

from torch import Tensor, nn

from flambeau import settings
from flambeau.errors import TracingError
from flambeau.ir import CompilationUnit, ScriptObject
from flambeau.python.archives.saving import TRACED_INPUTS
from flambeau.python.functions.script_function import ScriptFunction
from flambeau.python.names import PREFIX, qualified_name
from flambeau.python.tracing.checking import Subject, check_trace
from flambeau.python.tracing.exported_methods import compile_exported_methods
from flambeau.python.tracing.failures import UnknownArgumentError, UntraceableError
from flambeau.python.tracing.modules import TracedModules
from flambeau.python.tracing.structures import cloned
from flambeau.python.tracing.traced_modules import wrap
from flambeau.python.tracing.tracer import Inputs, Trace, argument_names, record
from flambeau.python.unit import unit
from flambeau.python.wrappers import script_value_of


def trace(
    func: Any,
    example_inputs: Any = None,
    optimize: object = None,
    check_trace: bool = True,
    check_inputs: Iterable[Any] | None = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: object = None,
    _compilation_unit: object = None,
    example_kwarg_inputs: Mapping[str, Any] | None = None,
    _store_inputs: bool = True,
) -> Any:
    """Run a function or module on example inputs, and make a script of the operators that it called.

    A function becomes a `ScriptFunction`, a module a `ScriptModule` with the module's own parameters, whose
    submodules have the methods that were called. Inputs and outputs are tensors, and tuples, lists and dicts of
    tensors. What the program decides in Python, it decides once: `TracerWarning`s say where.

    With `check_trace`, the script and the program are run once more and compared, on the example inputs or on each of
    `check_inputs`. `strict=False` allows outputs that are dicts, and lists without a warning. With `_force_outplace`,
    operators in place are recorded as those that give a new tensor: other views of the memory do not see the change.
    With `_store_inputs`, archives of a traced module tell the shapes and types of the example inputs.
    """
    _warn_of(optimize)
    if not settings.JIT.value:
        return func
    if isinstance(script_value_of(func), ScriptObject):
        warnings.warn(
            "The input to trace is already a ScriptModule, tracing it is a no-op. Returning the object as is.",
            stacklevel=2,
        )
        return func
    inputs = _inputs_of(example_inputs, example_kwarg_inputs)
    checks = None if check_inputs is None else [_check_inputs_of(given, inputs) for given in check_inputs]
    job = _Job(strict, check_tolerance, _force_outplace, _store_inputs)
    owner = getattr(func, "__self__", None)
    module = owner if isinstance(owner, nn.Module) and func.__name__ == "forward" else func
    if isinstance(module, nn.Module):
        return job.module(module, {"forward": inputs}, None if checks is None else {"forward": checks}, check_trace)
    if isinstance(owner, nn.Module):
        raise UntraceableError(
            "trace doesn't support compiling individual module's functions.\nPlease use trace_module"
        )
    if not callable(func):
        raise UntraceableError(f"expected a function or a module as the first argument, not a {type(func).__name__}")
    return job.function(func, inputs, [inputs] if checks is None else checks, check_trace)


def trace_module(
    mod: nn.Module,
    inputs: Mapping[str, Any],
    optimize: object = None,
    check_trace: bool = True,
    check_inputs: Iterable[Mapping[str, Any]] | None = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: object = None,
    _compilation_unit: object = None,
    example_inputs_is_kwarg: bool = False,
    _store_inputs: bool = True,
) -> Any:
    """Trace several methods of a module: `inputs` holds the example inputs of each by name.

    `check_inputs` is a list of dicts of the same form. With `example_inputs_is_kwarg` the inputs are dicts, by the
    names of arguments.
    """
    _warn_of(optimize)
    if not settings.JIT.value:
        return mod
    if not isinstance(mod, nn.Module):
        raise UntraceableError("expected torch.nn.Module as the first argument")
    if not isinstance(inputs, Mapping):
        raise UntraceableError("expected a dictionary of (method_name, input) pairs")

    def converted(given: Any) -> Inputs:
        return _inputs_of(None, given) if example_inputs_is_kwarg else _inputs_of(given, None)

    methods = {name: converted(given) for name, given in inputs.items()}
    checks: dict[str, list[Inputs]] | None = None
    if check_inputs is not None:
        checks = {name: [] for name in methods}
        for given in check_inputs:
            for name in methods:
                if name in given:
                    checks[name].append(converted(given[name]))
    return _Job(strict, check_tolerance, _force_outplace, _store_inputs).module(mod, methods, checks, check_trace)


def _warn_of(optimize: object) -> None:
    if optimize is not None:
        warnings.warn("`optimize` is deprecated and has no effect.", FutureWarning, stacklevel=3)


def _inputs_of(positional: Any, keywords: Mapping[str, Any] | None) -> Inputs:
    if keywords is not None and not isinstance(keywords, Mapping):
        raise TracingError("example_kwarg_inputs should be a dict")
    if positional is None:
        if keywords is None:
            raise TracingError("example_kwarg_inputs should be a dict")
        return Inputs((), keywords)
    if isinstance(positional, (Tensor, Mapping)):
        positional = (positional,)
    elif not isinstance(positional, Sequence):
        try:
            positional = tuple(positional)
        except TypeError:
            raise TracingError(f"example inputs must be tensors, not a {type(positional).__name__}") from None
    return Inputs(positional, keywords)


def _check_inputs_of(given: Any, examples: Inputs) -> Inputs:
    by_name = bool(examples.keywords) and not examples.positional and isinstance(given, Mapping)
    return _inputs_of(None, given) if by_name else _inputs_of(given, None)


def _name_of(function: Callable[..., object]) -> str:
    if isinstance(getattr(function, "__name__", None), str):
        return qualified_name(function)
    return f"{PREFIX}.{type(function).__name__}"


@final
class _Job:
    """One call of `trace` or `trace_module`."""

    def __init__(self, strict: bool, tolerance: float, outplace: bool, stores_inputs: bool) -> None:
        self._strict = strict
        self._outplace = outplace
        self._stores_inputs = stores_inputs
        self._tolerance = tolerance

    # --- functions

    def function(
        self, function: Callable[..., Any], inputs: Inputs, checks: list[Inputs], check: bool
    ) -> ScriptFunction:
        traced = self._trace_function(function, inputs)
        with unit.lock:
            made = traced.function
            made.qualified_name = unit.compilation_unit.free_name(made.qualified_name)
            made.python_callable = function
            made.doc = getattr(function, "__doc__", None) or ""
            unit.compilation_unit.add_function(made)
        result = ScriptFunction(made)
        for given in checks if check else ():
            repeated = self._trace_function(function, _cloned(given), is_repeated=True)
            subjects = [
                Subject("trace", result),
                Subject("Python function", function),
                Subject("repeated trace", ScriptFunction(repeated.function)),
            ]
            check_trace(traced, repeated, subjects, given, self._tolerance)
        return result

    def _trace_function(self, function: Callable[..., Any], inputs: Inputs, is_repeated: bool = False) -> Trace:
        names = argument_names(function)
        return record(
            function,
            inputs,
            names,
            strict=self._strict,
            is_repeated=is_repeated,
            qualified_name=_name_of(function),
            outplace=self._outplace,
        )

    # --- modules

    def module(
        self,
        module: nn.Module,
        methods: Mapping[str, Inputs],
        checks: Mapping[str, list[Inputs]] | None,
        check: bool,
    ) -> Any:
        for name, inputs in methods.items():
            _check_names(module, name, inputs)
        with unit.lock:
            modules = TracedModules(module, unit.compilation_unit)
        result = wrap(modules, unit.compilation_unit)
        traces: dict[str, Trace] = {}
        for name, inputs in methods.items():
            traces[name] = self._trace_method(module, modules, name, inputs)
            if self._stores_inputs:
                examples = [value for _, value in inputs.named(argument_names(getattr(module, name)))]
                TRACED_INPUTS.setdefault(modules.root, {})[name] = examples
        with unit.lock:
            compile_exported_methods(module, modules)
        for name, inputs in methods.items():
            traced = traces[name]
            for given in ([inputs] if checks is None else checks[name]) if check else ():
                apart = CompilationUnit()
                copies = TracedModules(module, apart)
                repeated = self._trace_method(module, copies, name, _cloned(given), is_repeated=True)
                subjects = [
                    Subject("trace", getattr(result, name)),
                    Subject("Python function", module if name == "forward" else getattr(module, name)),
                    Subject("repeated trace", getattr(wrap(copies, apart), name)),
                ]
                check_trace(traced, repeated, subjects, given, self._tolerance)
        return result

    def _trace_method(
        self, module: nn.Module, modules: TracedModules, name: str, inputs: Inputs, is_repeated: bool = False
    ) -> Trace:
        method = getattr(module, name)
        called = module if name == "forward" else method
        traced = record(
            called,
            inputs,
            argument_names(method),
            strict=self._strict,
            is_repeated=is_repeated,
            modules=modules,
            method=name,
            outplace=self._outplace,
        )
        modules.root_type.add_method(name, traced.function)
        return traced


def _cloned(inputs: Inputs) -> Inputs:
    return Inputs(cloned(inputs.positional), cloned(inputs.keywords))


def _check_names(module: nn.Module, method: str, inputs: Inputs) -> None:
    names = argument_names(getattr(module, method))
    for name in inputs.keywords:
        if name not in names:
            raise UnknownArgumentError(
                f"'{name}' is not in {method}() method's arguments, valid arguments name are [{','.join(names)}]"
            )
