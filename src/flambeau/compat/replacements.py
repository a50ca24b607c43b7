"""What unmodified programs get where they say `torch.jit.<name>`: flambeau's functions under PyTorch's signatures.

Three kinds of names: those here, which flambeau serves; `KEPT`, markers and helpers of PyTorch's that only leave data
on what they decorate, which flambeau reads; and all others, which raise UnsupportedError when they are used.
"""

from __future__ import annotations

import inspect
import os
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping, MutableMapping, Sequence
from contextlib import contextmanager
from typing import Any, BinaryIO, TypeAlias

from torch import nn

from flambeau import api, python, settings
from flambeau.compat.views import shown
from flambeau.errors import ExecutionError, TracingCheckError, UnsupportedError
from flambeau.python import (
    ScriptFunction,
    ScriptModule,
    TopLevelTracedModule,
    TracedModule,
    TracerWarning,
    resolver_of_frame,
    script_method,
)
from flambeau.runtime import Future

ArchiveFile: TypeAlias = "str | os.PathLike[str] | BinaryIO"

KEPT = frozenset(
    {
        "Attribute",
        "Final",
        "ScriptWarning",
        "annotate",
        "annotations",
        "export",
        "ignore",
        "is_scripting",
        "isinstance",
        "strict_fusion",
        "unused",
        "_IgnoreContextManager",
        "_drop",
        "_isinstance",
        "_overload",
        "_overload_method",
        "_unwrap_optional",
    }
)
"""Names that stay PyTorch's: they mark functions and values, and compile nothing."""


def script(
    obj: Any,
    optimize: object = None,
    _frames_up: int = 0,
    _rcb: object = None,
    example_inputs: Sequence[tuple[object, ...]] | Mapping[object, object] | None = None,
) -> Any:
    """`torch.jit.script`. `example_inputs` are run in Python, to learn the types of what is not annotated."""
    if optimize is not None:
        warnings.warn(
            "`optimize` is deprecated and has no effect. Use `with torch.jit.optimized_execution()` instead",
            FutureWarning,
            stacklevel=2,
        )
    return python.script(obj, example_inputs=example_inputs)


def trace(
    func: Any,
    example_inputs: Any = None,
    optimize: object = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: object = None,
    _compilation_unit: object = None,
    example_kwarg_inputs: Mapping[str, object] | None = None,
    _store_inputs: bool = True,
) -> Any:
    """`torch.jit.trace`."""
    return python.trace(
        func,
        example_inputs,
        example_kwarg_inputs=example_kwarg_inputs,
        check_trace=check_trace,
        check_inputs=check_inputs,
        check_tolerance=check_tolerance,
        strict=strict,
    )


def trace_module(
    mod: nn.Module,
    inputs: Mapping[str, object],
    optimize: object = None,
    check_trace: bool = True,
    check_inputs: Any = None,
    check_tolerance: float = 1e-5,
    strict: bool = True,
    _force_outplace: bool = False,
    _module_class: object = None,
    _compilation_unit: object = None,
    example_inputs_is_kwarg: bool = False,
    _store_inputs: bool = True,
) -> Any:
    """`torch.jit.trace_module`."""
    if example_inputs_is_kwarg:
        raise UnsupportedError("trace_module with keyword inputs; use trace with example_kwarg_inputs")
    return python.trace_module(
        mod,
        inputs,
        check_trace=check_trace,
        check_inputs=check_inputs,
        check_tolerance=check_tolerance,
        strict=strict,
    )


def load(
    f: ArchiveFile,
    map_location: Any = None,
    _extra_files: MutableMapping[str, Any] | None = None,
    _restore_shapes: bool = False,
) -> ScriptModule:
    """`torch.jit.load`."""
    return python.load(f, map_location, extra_files=_extra_files)


def save(m: Any, f: ArchiveFile, _extra_files: Mapping[str, str | bytes] | None = None) -> None:
    """`torch.jit.save`."""
    python.save(m, f, _extra_files)


def freeze(mod: Any, preserved_attrs: list[str] | None = None, optimize_numerics: bool = True) -> ScriptModule:
    """`torch.jit.freeze`."""
    return python.freeze(mod, preserved_attrs, optimize_numerics)


def optimize_for_inference(mod: Any, other_methods: list[str] | None = None) -> Any:
    """`torch.jit.optimize_for_inference`: freezes a module in eval mode."""
    if not isinstance(mod, ScriptModule):
        raise RuntimeError(
            "optimize_for_inference expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to "
            "script your 'nn.Module'."
        )
    return python.freeze(mod.eval(), other_methods) if hasattr(mod, "training") else mod


def run_frozen_optimizations(
    mod: object, optimize_numerics: bool = True, preserved_methods: list[str] | None = None
) -> None:
    """`torch.jit.run_frozen_optimizations`: nothing is left to do, `freeze` does it all."""


def interface(obj: type) -> type:
    """`torch.jit.interface`: marks a class as the interface of modules or objects."""
    if not inspect.isclass(obj):
        raise RuntimeError("interface must be applied to a class")
    obj.__torch_script_interface__ = True  # type: ignore[attr-defined]  # the mark that scripting looks for
    return obj


def fork(func: Callable[..., Any], *args: object, **kwargs: object) -> Future:
    """`torch.jit.fork` outside of scripts: runs at once and gives a future that is done."""
    future = Future()
    future.set_result(func(*args, **kwargs))
    return future


def wait(future: Future) -> Any:
    """`torch.jit.wait`."""
    return future.wait()


def script_if_tracing(fn: Callable[..., Any]) -> Callable[..., Any]:
    """`torch.jit.script_if_tracing`."""
    return python.script_if_tracing(fn)


def is_tracing() -> bool:
    """`torch.jit.is_tracing`."""
    return python.is_tracing()


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """`torch.jit.optimized_execution`: without it, the reference interpreter runs graphs as they are."""
    if should_optimize:
        yield
        return
    with settings.override(tier="interpreter"):
        yield


_strategy: list[tuple[str, int]] = [("STATIC", 2), ("DYNAMIC", 10)]


def set_fusion_strategy(strategy: list[tuple[str, int]]) -> list[tuple[str, int]]:
    """`torch.jit.set_fusion_strategy`: remembered, and returned by the next call; there is nothing to choose yet."""
    global _strategy
    for kind, _ in strategy:
        if kind not in ("STATIC", "DYNAMIC"):
            raise RuntimeError(f"FusionBehavior only supported 'STATIC' or 'DYNAMIC', got: {kind}")
    previous, _strategy = _strategy, list(strategy)
    return previous


@contextmanager
def fuser(name: str) -> Iterator[None]:
    """`torch.jit.fuser`: no fuser of PyTorch's is involved, so any name is as good."""
    yield


_onednn = False
_INSTRUCTIONS = frozenset({"aten::format", "aten::warn", "prim::RaiseException", "prim::unchecked_cast"})
"""Operators that are instructions of PyTorch's bytecode, not calls."""


def enable_onednn_fusion(enabled: bool) -> None:
    """`torch.jit.enable_onednn_fusion`: remembered only; no fuser of PyTorch's is involved."""
    global _onednn
    _onednn = bool(enabled)


def onednn_fusion_enabled() -> bool:
    """`torch.jit.onednn_fusion_enabled`: what was last asked for."""
    return _onednn


def export_opnames(m: ScriptModule) -> list[str]:
    """`torch.jit.export_opnames`: the operators that the methods of a module call, sorted."""
    found: set[str] = set()
    for name in m._c.type.methods:
        for node in m._c.get_method(name).inlined_graph.walk():
            operator = node.operator
            if operator is not None and node.kind not in _INSTRUCTIONS:
                found.add(operator.schema.qualified_name)
    return sorted(found)


class CompilationUnit(api.CompilationUnit):
    """`torch.jit.CompilationUnit`: names in its source mean what they mean where the call stands."""

    def __init__(self, lang: str = "", _frames_up: int = 0) -> None:
        super().__init__()
        if lang:
            super().define(lang, resolver_of_frame(sys._getframe(_frames_up + 1)))

    def define(self, src: str, rcb: object = None, _frames_up: int = 0) -> None:
        if rcb is not None:
            raise UnsupportedError("CompilationUnit.define with a resolution callback")
        super().define(src, resolver_of_frame(sys._getframe(_frames_up + 1)))

    def create_function(self, qualified_name: str, graph: Any, should_mangle: bool = False) -> api.Function:
        return super().create_function(qualified_name, shown(graph), should_mangle)

    def set_optimized(self, optimized: bool) -> None:
        """Without effect, as in PyTorch."""


REPLACEMENTS: dict[str, object] = {
    "CompilationUnit": CompilationUnit,
    "Error": ExecutionError,
    "Future": Future,
    "RecursiveScriptClass": api.Instance,
    "RecursiveScriptModule": ScriptModule,
    "ScriptFunction": ScriptFunction,
    "ScriptModule": ScriptModule,
    "TopLevelTracedModule": TopLevelTracedModule,
    "TracedModule": TracedModule,
    "TracerWarning": TracerWarning,
    "TracingCheckError": TracingCheckError,
    "_fork": fork,
    "_script_if_tracing": script_if_tracing,
    "_set_fusion_strategy": set_fusion_strategy,
    "_wait": wait,
    **{
        function.__name__: function
        for function in (
            *(script, trace, trace_module, load, save, freeze, optimize_for_inference, run_frozen_optimizations),
            *(interface, fork, wait, script_if_tracing, is_tracing, optimized_execution, set_fusion_strategy, fuser),
            *(script_method, enable_onednn_fusion, onednn_fusion_enabled, export_opnames),
        )
    },
}
"""The names that flambeau serves."""
REFUSED = frozenset({"last_executed_optimized_graph"})
"""Names that are not served although they do not look like functions of `torch.jit`."""
