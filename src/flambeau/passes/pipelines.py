"""Which passes run when. Each pipeline reads from top to bottom."""

from __future__ import annotations

from flambeau.ir import Graph

from .constant_pooling import pool_constants
from .dead_code_elimination import eliminate_dead_code
from .inlining import inline_calls
from .lower_simple_tuples import lower_simple_tuples
from .pass_manager import run


def after_compilation(graph: Graph) -> None:
    """What follows the compilation of every function: clean up what naive emission leaves behind."""
    run(graph, lower_simple_tuples, eliminate_dead_code, pool_constants)


def optimize(graph: Graph) -> None:
    """What happens to a copy of a function's graph before it is executed."""
    run(graph, inline_calls, lower_simple_tuples, eliminate_dead_code, pool_constants)
