"""Transformations of graphs, one a file; `pipelines` says which run when."""

from __future__ import annotations

from flambeau.passes.constant_pooling import pool_constants
from flambeau.passes.dead_code_elimination import eliminate_dead_code
from flambeau.passes.inlining import inline_calls
from flambeau.passes.lower_simple_tuples import lower_simple_tuples
from flambeau.passes.pass_manager import PASSES, GraphPass, graph_pass, run
from flambeau.passes.pipelines import after_compilation, optimize

__all__ = [
    "PASSES",
    "GraphPass",
    "after_compilation",
    "eliminate_dead_code",
    "graph_pass",
    "inline_calls",
    "lower_simple_tuples",
    "optimize",
    "pool_constants",
    "run",
]
