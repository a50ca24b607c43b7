"""flambeau, an independent TorchScript.

    scripted = flambeau.script(module)
    flambeau.save(scripted, "model.pt")
    flambeau.load("model.pt")(x)

The names below are resolved when first asked for, so that `import flambeau` imports neither torch nor llvmlite, and
what needs no tensors (`flambeau.ir`, `.frontend`, `.passes`, `.serialization`) works without them.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from flambeau import errors, settings

if TYPE_CHECKING:
    from flambeau import ir
    from flambeau.api import explain
    from flambeau.python import (
        Attribute,
        CompilationUnit,
        Final,
        ScriptFunction,
        ScriptModule,
        TracerWarning,
        annotate,
        enable_onednn_fusion,
        export,
        fork,
        freeze,
        from_exported_program,
        from_torch,
        ignore,
        interface,
        is_scripting,
        is_tracing,
        isinstance,
        jit_module_from_flatbuffer,
        last_executed_optimized_graph,
        load,
        onednn_fusion_enabled,
        optimize_for_inference,
        optimized_execution,
        run_frozen_optimizations,
        save,
        save_jit_module_to_flatbuffer,
        script,
        script_if_tracing,
        script_method,
        set_fusion_strategy,
        strict_fusion,
        to_exported_program,
        to_torch,
        trace,
        trace_module,
        unused,
        wait,
    )
    from flambeau.runtime import Future
    from flambeau.serialization import inspect, validate

__all__ = [
    "Attribute",
    "CompilationUnit",
    "Final",
    "Future",
    "ScriptFunction",
    "ScriptModule",
    "TracerWarning",
    "__version__",
    "annotate",
    "enable_onednn_fusion",
    "errors",
    "explain",
    "export",
    "fork",
    "freeze",
    "from_exported_program",
    "from_torch",
    "ignore",
    "inspect",
    "interface",
    "ir",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "jit_module_from_flatbuffer",
    "last_executed_optimized_graph",
    "load",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "optimized_execution",
    "run_frozen_optimizations",
    "save",
    "save_jit_module_to_flatbuffer",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "settings",
    "strict_fusion",
    "to_exported_program",
    "to_torch",
    "trace",
    "trace_module",
    "unused",
    "validate",
    "wait",
]

__version__ = "0.1.0"

_HOMES = {
    "save_jit_module_to_flatbuffer": "flambeau.python",
    "jit_module_from_flatbuffer": "flambeau.python",
    "last_executed_optimized_graph": "flambeau.python",
    "strict_fusion": "flambeau.python",
    "isinstance": "flambeau.python",
    "Future": "flambeau.runtime",
    "explain": "flambeau.api",
    "Attribute": "flambeau.python",
    "CompilationUnit": "flambeau.python",
    "Final": "flambeau.python",
    "annotate": "flambeau.python",
    "enable_onednn_fusion": "flambeau.python",
    "export": "flambeau.python",
    "fork": "flambeau.python",
    "ignore": "flambeau.python",
    "interface": "flambeau.python",
    "is_scripting": "flambeau.python",
    "onednn_fusion_enabled": "flambeau.python",
    "optimize_for_inference": "flambeau.python",
    "optimized_execution": "flambeau.python",
    "run_frozen_optimizations": "flambeau.python",
    "script_method": "flambeau.python",
    "set_fusion_strategy": "flambeau.python",
    "unused": "flambeau.python",
    "wait": "flambeau.python",
    "ScriptFunction": "flambeau.python",
    "ScriptModule": "flambeau.python",
    "TracerWarning": "flambeau.python",
    "freeze": "flambeau.python",
    "from_exported_program": "flambeau.python",
    "from_torch": "flambeau.python",
    "inspect": "flambeau.serialization",
    "is_tracing": "flambeau.python",
    "load": "flambeau.python",
    "save": "flambeau.python",
    "script": "flambeau.python",
    "script_if_tracing": "flambeau.python",
    "to_torch": "flambeau.python",
    "to_exported_program": "flambeau.python",
    "trace": "flambeau.python",
    "trace_module": "flambeau.python",
    "validate": "flambeau.serialization",
}
"""Where each lazily resolved name lives."""
_ROOMS = frozenset({"ir"})
"""Packages that are public names themselves."""


def __getattr__(name: str) -> object:
    if name in _ROOMS:
        return import_module(f"flambeau.{name}")
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'flambeau' has no attribute '{name}'")
    value: object = getattr(import_module(home), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
