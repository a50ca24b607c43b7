"""What a user holds: modules, objects, functions, methods, compilation units. Nothing here needs PyTorch.

`flambeau.python` makes PyTorch's modules of these. Where PyTorch is absent an archive can be read, looked at, changed
and written through them.
"""

from __future__ import annotations

from flambeau.api.calls import Call, intercept_calls
from flambeau.api.compilation_unit import CompilationUnit
from flambeau.api.compiling import TextResolver, define_functions, define_methods
from flambeau.api.copying import Memo, deep_copy, shallow_copy
from flambeau.api.debug_state import ExecutionPlan, GraphExecutorState
from flambeau.api.explanation import explain
from flambeau.api.functions import Constants, Function, Method
from flambeau.api.members import modules_bottom_up, named_members, named_slots, named_submodules, walk_modules
from flambeau.api.modules import Module
from flambeau.api.objects import Instance, Object
from flambeau.api.placeholder import placeholder_module
from flambeau.api.presentation import Presenter, present_by, presented
from flambeau.api.services import (
    ArchiveTarget,
    ArchiveWriter,
    SourcePrinter,
    register_archive_writer,
    register_source_printer,
)

__all__ = [
    "ArchiveTarget",
    "ArchiveWriter",
    "Call",
    "CompilationUnit",
    "Constants",
    "ExecutionPlan",
    "Function",
    "GraphExecutorState",
    "Instance",
    "Memo",
    "Method",
    "Module",
    "Object",
    "Presenter",
    "SourcePrinter",
    "TextResolver",
    "deep_copy",
    "define_functions",
    "define_methods",
    "explain",
    "intercept_calls",
    "modules_bottom_up",
    "named_members",
    "named_slots",
    "named_submodules",
    "placeholder_module",
    "present_by",
    "presented",
    "register_archive_writer",
    "register_source_printer",
    "shallow_copy",
    "walk_modules",
]
