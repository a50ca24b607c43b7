"""The PyTorch side: scripting live functions, modules and classes; modules and functions as users hold them; archives.

The names are resolved when first asked for, so that loading an archive does not import what only scripting needs.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from flambeau.python.archives.interchange import from_torch, to_torch
    from flambeau.python.archives.loading import jit_module_from_flatbuffer, load, save, save_jit_module_to_flatbuffer
    from flambeau.python.compilation_unit import CompilationUnit
    from flambeau.python.exporting import from_exported_program, to_exported_program
    from flambeau.python.forms import (
        Attribute,
        Final,
        annotate,
        awaitable,
        awaitable_nowait,
        awaitable_wait,
        export,
        fork,
        ignore,
        interface,
        is_scripting,
        strict_fusion,
        unused,
        wait,
    )
    from flambeau.python.frames import resolver_of_frame
    from flambeau.python.functions.script_function import ScriptFunction
    from flambeau.python.modules.freezing import freeze
    from flambeau.python.modules.script_methods import script_method
    from flambeau.python.modules.script_module import ScriptModule, wrap_module
    from flambeau.python.options import (
        enable_onednn_fusion,
        export_opnames,
        fuser,
        last_executed_optimized_graph,
        onednn_fusion_enabled,
        optimize_for_inference,
        optimized_execution,
        run_frozen_optimizations,
        set_fusion_strategy,
    )
    from flambeau.python.scripting import script
    from flambeau.python.tracing import (
        TopLevelTracedModule,
        TracedModule,
        TracerWarning,
        is_tracing,
        script_if_tracing,
        trace,
        trace_module,
    )
    from flambeau.python.values.type_tests import isinstance

__all__ = [
    "Attribute",
    "CompilationUnit",
    "Final",
    "ScriptFunction",
    "ScriptModule",
    "TopLevelTracedModule",
    "TracedModule",
    "TracerWarning",
    "annotate",
    "awaitable",
    "awaitable_nowait",
    "awaitable_wait",
    "enable_onednn_fusion",
    "export",
    "export_opnames",
    "fork",
    "freeze",
    "from_exported_program",
    "from_torch",
    "fuser",
    "ignore",
    "interface",
    "is_scripting",
    "is_tracing",
    "isinstance",
    "jit_module_from_flatbuffer",
    "last_executed_optimized_graph",
    "load",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "optimized_execution",
    "resolver_of_frame",
    "run_frozen_optimizations",
    "save",
    "save_jit_module_to_flatbuffer",
    "script",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "strict_fusion",
    "to_exported_program",
    "to_torch",
    "trace",
    "trace_module",
    "unused",
    "wait",
    "wrap_module",
]

_HOMES = {
    "awaitable_wait": "forms",
    "awaitable_nowait": "forms",
    "awaitable": "forms",
    "save_jit_module_to_flatbuffer": "archives.loading",
    "jit_module_from_flatbuffer": "archives.loading",
    "last_executed_optimized_graph": "options",
    "strict_fusion": "forms",
    "isinstance": "values.type_tests",
    "set_fusion_strategy": "options",
    "run_frozen_optimizations": "options",
    "optimized_execution": "options",
    "optimize_for_inference": "options",
    "onednn_fusion_enabled": "options",
    "fuser": "options",
    "export_opnames": "options",
    "enable_onednn_fusion": "options",
    "CompilationUnit": "compilation_unit",
    "wait": "forms",
    "unused": "forms",
    "is_scripting": "forms",
    "interface": "forms",
    "ignore": "forms",
    "fork": "forms",
    "export": "forms",
    "annotate": "forms",
    "Final": "forms",
    "Attribute": "forms",
    "ScriptFunction": "functions.script_function",
    "ScriptModule": "modules.script_module",
    "TopLevelTracedModule": "tracing",
    "TracedModule": "tracing",
    "TracerWarning": "tracing",
    "freeze": "modules.freezing",
    "from_exported_program": "exporting",
    "from_torch": "archives.interchange",
    "is_tracing": "tracing",
    "load": "archives.loading",
    "resolver_of_frame": "frames",
    "save": "archives.loading",
    "script": "scripting",
    "script_if_tracing": "tracing",
    "script_method": "modules.script_methods",
    "to_torch": "archives.interchange",
    "to_exported_program": "exporting",
    "trace": "tracing",
    "trace_module": "tracing",
    "wrap_module": "modules.script_module",
}
"""The file that each name is defined in."""


def __getattr__(name: str) -> object:
    if name not in _HOMES:
        raise AttributeError(f"module 'flambeau.python' has no attribute '{name}'")
    value: object = getattr(import_module(f"flambeau.python.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
