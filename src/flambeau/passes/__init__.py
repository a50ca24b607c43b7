"""Transformations of graphs, one a file; `pipelines` says which run when."""

from __future__ import annotations

from flambeau.passes.annotate_warns import annotate_warns
from flambeau.passes.canonicalize import canonicalize, canonicalize_outputs
from flambeau.passes.common_subexpression_elimination import eliminate_common_subexpressions
from flambeau.passes.constant_pooling import pool_constants
from flambeau.passes.constant_propagation import Evaluate, fold_constants, fold_immutable_constants
from flambeau.passes.dead_code_elimination import eliminate_dead_code
from flambeau.passes.freeze import freeze_module
from flambeau.passes.inlining import inline_calls
from flambeau.passes.list_literals import erase_list_literals
from flambeau.passes.lower_simple_tuples import lower_simple_tuples
from flambeau.passes.normalize_ops import normalize_ops
from flambeau.passes.pass_manager import PASSES, GraphPass, graph_pass, run
from flambeau.passes.peephole import peephole, peephole_list_idioms
from flambeau.passes.pipelines import after_compilation, optimize, optimize_frozen, register_evaluator, simplify
from flambeau.passes.remove_dropout import remove_dropout
from flambeau.passes.subgraphs import with_subgraphs

__all__ = [
    "PASSES",
    "Evaluate",
    "GraphPass",
    "after_compilation",
    "annotate_warns",
    "canonicalize",
    "canonicalize_outputs",
    "eliminate_common_subexpressions",
    "eliminate_dead_code",
    "erase_list_literals",
    "fold_constants",
    "fold_immutable_constants",
    "freeze_module",
    "graph_pass",
    "inline_calls",
    "lower_simple_tuples",
    "normalize_ops",
    "optimize",
    "optimize_frozen",
    "peephole",
    "peephole_list_idioms",
    "pool_constants",
    "register_evaluator",
    "remove_dropout",
    "run",
    "simplify",
    "with_subgraphs",
]
