"""What unmodified programs get where they say `torch.jit.<name>`: flambeau's functions under PyTorch's signatures.

Three kinds of names: those here, which flambeau serves; `KEPT`, markers and helpers of PyTorch's that only leave data
on what they decorate, which flambeau reads; and all others, which raise UnsupportedError when they are used.
"""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, MutableMapping, Sequence
from typing import Any, BinaryIO, TypeAlias

from flambeau import api, python
from flambeau.compat.views import shown
from flambeau.errors import ExecutionError, TracingCheckError
from flambeau.python import (
    ScriptFunction,
    ScriptModule,
    TopLevelTracedModule,
    TracedModule,
    TracerWarning,
)
from flambeau.runtime import Awaitable, Future

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
        "unused",
        "_IgnoreContextManager",
        "_drop",
        "_overload",
        "_overload_method",
        "_unique_state_dict",
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


_AS_THEY_ARE = (
    "enable_onednn_fusion",
    "export_opnames",
    "fork",
    "freeze",
    "fuser",
    "interface",
    "is_tracing",
    "isinstance",
    "jit_module_from_flatbuffer",
    "last_executed_optimized_graph",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "optimized_execution",
    "run_frozen_optimizations",
    "save_jit_module_to_flatbuffer",
    "script_if_tracing",
    "script_method",
    "set_fusion_strategy",
    "strict_fusion",
    "trace",
    "trace_module",
    "wait",
)
"""Functions of flambeau's that take what PyTorch's take."""


class CompilationUnit(python.CompilationUnit):
    """`torch.jit.CompilationUnit`, which takes graphs as programs see them."""

    def create_function(self, qualified_name: str, graph: Any, should_mangle: bool = False) -> api.Function:
        return super().create_function(qualified_name, shown(graph), should_mangle)


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
    "_Await": Awaitable,
    "_awaitable": python.awaitable,
    "_awaitable_nowait": python.awaitable_nowait,
    "_awaitable_wait": python.awaitable_wait,
    "_fork": python.fork,
    "_isinstance": python.isinstance,
    "_script_if_tracing": python.script_if_tracing,
    "_set_fusion_strategy": python.set_fusion_strategy,
    "_wait": python.wait,
    "load": load,
    "save": save,
    "script": script,
    **{name: getattr(python, name) for name in _AS_THEY_ARE},
}
"""The names that flambeau serves."""
