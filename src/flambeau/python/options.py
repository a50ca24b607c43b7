"""How programs run, under the names that PyTorch has for it; and what is done to modules before they serve."""

from __future__ import annotations

import operator
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import Any

from flambeau import settings
from flambeau.api import presented
from flambeau.errors import ExecutionError, ObjectError
from flambeau.ir import Graph, copy_graph
from flambeau.passes import optimize_frozen_layout
from flambeau.python.modules.freezing import freeze
from flambeau.python.modules.script_module import ScriptModule
from flambeau.runtime import last_graph

__all__ = [
    "enable_onednn_fusion",
    "export_opnames",
    "fuser",
    "last_executed_optimized_graph",
    "onednn_fusion_enabled",
    "optimize_for_inference",
    "optimized_execution",
    "run_frozen_optimizations",
    "set_fusion_strategy",
]

_INSTRUCTIONS = frozenset({"aten::format", "aten::warn", "prim::RaiseException", "prim::unchecked_cast"})
"""Operators that are instructions of PyTorch's bytecode, not calls."""


class StrategyError(ObjectError, ValueError, TypeError):
    """What is no fusion strategy: a list of pairs of one of two words and a number."""


class _State:
    strategy: Sequence[tuple[str, int]] = (("STATIC", 2), ("DYNAMIC", 10))
    onednn = False


_state = _State()


def optimize_for_inference(mod: Any, other_methods: Sequence[str] | None = None) -> Any:
    """A module ready to serve: frozen, in evaluation mode; `forward` and the methods named are kept.

    Convolutions on the CPU keep channels last in memory, which changes results by rounding. A module that is frozen
    already is changed itself.
    """
    if not isinstance(mod, ScriptModule):
        raise ObjectError(
            "optimize_for_inference expects a ScriptModule as input. Please use torch.jit.script or torch.jit.trace to "
            "script your 'nn.Module'."
        )
    ready = freeze(mod.eval(), other_methods) if mod._c.type.find_slot("training") is not None else mod
    methods = ready._c.type.methods
    for name in dict.fromkeys(("forward", *(other_methods or ()))):
        if name in methods:
            graph = copy_graph(methods[name].graph)
            optimize_frozen_layout(graph)
            methods[name].graph = graph
    return ready


def run_frozen_optimizations(
    mod: object, optimize_numerics: bool = True, preserved_methods: Sequence[str] | None = None
) -> None:
    """Nothing is left to do: `freeze` does it all."""


@contextmanager
def optimized_execution(should_optimize: bool) -> Iterator[None]:
    """Within `optimized_execution(False)`, the reference interpreter runs graphs as they are."""
    if should_optimize:
        yield
        return
    with settings.override(tier="interpreter"):
        yield


def set_fusion_strategy(strategy: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
    """How often a program may be specialised: the sum of the numbers. Gives what was set before.

    No form depends on sizes, so `STATIC` and `DYNAMIC` are the same here. It counts for forms made from now on.
    StrategyError for any other word, and for what is no number of times.
    """
    try:
        pairs = [(kind, operator.index(depth)) for kind, depth in strategy]
    except (TypeError, ValueError) as error:
        raise StrategyError(f"a fusion strategy is a list of pairs of a word and a number: {error}") from None
    for kind, depth in pairs:
        if kind not in ("STATIC", "DYNAMIC"):
            raise StrategyError(f"FusionBehavior only supported 'STATIC' or 'DYNAMIC', got: {kind}")
        if depth < 0:
            raise StrategyError(f"a program cannot be specialised {depth} times")
    previous, _state.strategy = list(_state.strategy), pairs
    settings.SPECIALIZATIONS.set(sum(depth for _, depth in strategy))
    return previous


def fuser(name: str) -> AbstractContextManager[None]:
    """No fuser of PyTorch's is involved, so any name is as good."""
    return nullcontext()


def last_executed_optimized_graph() -> Graph:
    """The optimised graph of the script that Python called last, on whatever thread. ExecutionError if there is none.

    Functions that this script called are part of its graph or have plans of their own; the reference interpreter, which
    optimises nothing, leaves no such graph.
    """
    graph = last_graph()
    if graph is None:
        raise ExecutionError("no script has been run yet, or the one that ran last is gone")
    return presented(graph)


def enable_onednn_fusion(enabled: bool) -> None:
    """Remembered only: no fuser of PyTorch's is involved."""
    _state.onednn = bool(enabled)


def onednn_fusion_enabled() -> bool:
    """What was last asked for."""
    return _state.onednn


def export_opnames(m: ScriptModule) -> list[str]:
    """The operators that the methods of a module call, sorted."""
    found: set[str] = set()
    for name in m._c.type.methods:
        for node in m._c.get_method(name).inlined_graph.walk():
            called = node.operator
            if called is not None and node.kind not in _INSTRUCTIONS:
                found.add(called.schema.qualified_name)
    return sorted(found)
