"""Which passes run when. Each pipeline reads from top to bottom.

Constants are computed by the runtime, which stands above this package: it hands in how, once, by `register_evaluator`.
Until then nothing is computed while compiling, and pipelines do the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

from flambeau.errors import FlambeauError
from flambeau.ir import Function, Graph, Node

from .annotate_warns import annotate_warns
from .canonicalize import canonicalize_outputs
from .channels_last import put_channels_last
from .common_subexpression_elimination import eliminate_common_subexpressions
from .constant_pooling import pool_constants
from .constant_propagation import Evaluate, fold_constants, fold_immutable_constants
from .dead_code_elimination import eliminate_dead_code
from .fold_frozen_convolutions import fold_frozen_addition, fold_frozen_batch_norm, fold_frozen_multiplication
from .frozen_matrices import order_matrices
from .inlining import graph_of_function, inline_specialised
from .list_literals import erase_list_literals
from .lower_simple_tuples import lower_simple_tuples
from .normalize_ops import normalize_ops
from .pass_manager import bound, run
from .peephole import peephole
from .remove_dropout import remove_dropout
from .shared_facts import sharing
from .whole_slices import remove_whole_slices


def _nothing_is_evaluated(node: Node, inputs: Sequence[object]) -> Sequence[object]:
    raise FlambeauError(f"{node.kind} cannot be computed while compiling: no runtime is loaded")


_evaluate: Evaluate = _nothing_is_evaluated


def register_evaluator(evaluate: Evaluate) -> None:
    """Say how a node is computed from constant inputs; what fails must raise FlambeauError. The runtime calls this."""
    global _evaluate
    _evaluate = evaluate


def _evaluated(node: Node, inputs: Sequence[object]) -> Sequence[object]:
    return _evaluate(node, inputs)


_fold_constants = bound(fold_constants, evaluate=_evaluated, sweep=False)
_fold_immutable_constants = bound(fold_immutable_constants, evaluate=_evaluated)


def after_compilation(graph: Graph) -> None:
    """What follows the compilation of every function: clean up what naive emission leaves behind."""
    run(graph, erase_list_literals, normalize_ops, lower_simple_tuples, eliminate_dead_code)
    # Only what cannot change: lists and tensors stay computed, so that compiling twice gives the same.
    run(graph, _fold_immutable_constants)
    run(graph, pool_constants, canonicalize_outputs, annotate_warns)


def optimize(graph: Graph, graph_of: Callable[[Function], Graph] = graph_of_function) -> None:
    """What happens to a copy of a function's graph before it is executed; `graph_of` gives the graphs of callees."""
    run(graph, erase_list_literals, bound(_inline_simplified, graph_of=graph_of))
    simplify(graph)


def optimize_frozen(graph: Graph) -> None:
    """What happens to the graphs of a frozen module, whose attributes are constants."""
    run(graph, remove_dropout)
    simplify(graph)


def optimize_frozen_numerics(graph: Graph) -> None:
    """The same, and what changes results by rounding: folding into the weights of convolutions."""
    optimize_frozen(graph)
    folds = (fold_frozen_batch_norm, fold_frozen_addition, fold_frozen_multiplication)
    while run(graph, *folds, _fold_constants, eliminate_dead_code):
        pass
    run(graph, pool_constants)


def optimize_frozen_layout(graph: Graph) -> None:
    """What may follow for a module that only serves: constants lie in memory as operators like them best."""
    if run(graph, put_channels_last, order_matrices):
        run(graph, _fold_constants, eliminate_dead_code, pool_constants)


def _inline_simplified(graph: Graph, graph_of: Callable[[Function], Graph]) -> bool:
    return inline_specialised(graph, before=_decide, after=simplify, graph_of=graph_of)


def _decide(graph: Graph) -> bool:
    """What is quick and may spare inlining: find out which branches are taken."""
    return run(graph, erase_list_literals, lower_simple_tuples, _fold_constants, peephole, _fold_constants)


def simplify(graph: Graph) -> bool:
    """What any graph goes through before it is executed, calls that are still in it left alone."""
    # Folding decides branches, peepholes see through what that leaves, and merging equal nodes makes both find more.
    with sharing():
        changed = run(
            graph,
            lower_simple_tuples,
            _fold_constants,
            peephole,
            remove_whole_slices,
            eliminate_common_subexpressions,
            eliminate_dead_code,
            until_stable=True,
        )
        # Last, as everything above makes constants.
        return run(graph, pool_constants) or changed
