"""Running programs: operators, the interpreter, the Python-source tier, and what decides which of them runs."""

from __future__ import annotations

from flambeau.runtime import operators  # noqa: F401
from flambeau.runtime.binding import ArgumentError, bind, from_python
from flambeau.runtime.containers import ScriptDict, ScriptList
from flambeau.runtime.executor import (
    call,
    call_guarded,
    execution_plan,
    last_graph,
    plan_if_made,
    reason_for_interpreting,
    reason_unoptimised,
)
from flambeau.runtime.futures import Awaitable, Future
from flambeau.runtime.instances import new_tuple
from flambeau.runtime.interpreter import evaluate_node, interpret
from flambeau.runtime.inward import register_inward
from flambeau.runtime.outward import outward_converter, register_outward, to_python
from flambeau.runtime.python_tier import Plan
from flambeau.runtime.text import text_of

__all__ = [
    "ArgumentError",
    "Awaitable",
    "Future",
    "Plan",
    "ScriptDict",
    "ScriptList",
    "bind",
    "call",
    "call_guarded",
    "evaluate_node",
    "execution_plan",
    "from_python",
    "interpret",
    "last_graph",
    "new_tuple",
    "outward_converter",
    "plan_if_made",
    "reason_for_interpreting",
    "reason_unoptimised",
    "register_inward",
    "register_outward",
    "text_of",
    "to_python",
]
