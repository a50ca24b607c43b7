"""Traced modules as users hold them."""

from __future__ import annotations

from flambeau.api import Module
from flambeau.ir import CompilationUnit
from flambeau.python.modules.script_module import ScriptModule
from flambeau.python.tracing.modules import TracedModules

__all__ = ["TopLevelTracedModule", "TracedModule", "wrap"]


class TracedModule(ScriptModule):
    """A scripted module whose methods were recorded; it shows itself by the name of the class that it was traced
    from.
    """

    def _get_name(self) -> str:
        return self.original_name


class TopLevelTracedModule(TracedModule):
    """The result of `trace` for a module."""


def wrap(modules: TracedModules, unit: CompilationUnit) -> TopLevelTracedModule:
    """The traced module, its submodules wrapped likewise."""
    inner = [TracedModule(Module(made, unit)) for made in modules.objects if made is not modules.root]
    root = TopLevelTracedModule(Module(modules.root, unit))
    for _ in root.modules():  # each parent keeps the wrappers of its submodules from now on
        pass
    del inner
    return root
