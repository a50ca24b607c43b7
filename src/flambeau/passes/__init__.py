"""Transformations of graphs, one a file; `pipelines` says which run when."""

from __future__ import annotations

from flambeau.passes.annotate_warns import annotate_warns
from flambeau.passes.canonicalize import canonicalize, canonicalize_outputs
from flambeau.passes.channels_last import put_channels_last
from flambeau.passes.common_subexpression_elimination import eliminate_common_subexpressions
from flambeau.passes.constant_pooling import pool_constants
from flambeau.passes.constant_propagation import Evaluate, fold_constants, fold_immutable_constants
from flambeau.passes.dead_code_elimination import eliminate_dead_code
from flambeau.passes.fold_frozen_convolutions import (
    fold_frozen_addition,
    fold_frozen_batch_norm,
    fold_frozen_multiplication,
)
from flambeau.passes.freeze import freeze_module
from flambeau.passes.frozen_matrices import order_matrices
from flambeau.passes.inlining import callee_of, inline_calls
from flambeau.passes.known_objects import known_objects, may_give_view, writes_tensors
from flambeau.passes.list_literals import erase_list_literals
from flambeau.passes.loop_invariant_code_motion import hoist_loop_invariants
from flambeau.passes.loop_unrolling import unroll_constant_loops, unroll_loops
from flambeau.passes.lower_simple_tuples import lower_simple_tuples
from flambeau.passes.normalize_ops import normalize_ops
from flambeau.passes.pass_manager import PASSES, GraphPass, graph_pass, pause, pausing, run
from flambeau.passes.peephole import peephole, peephole_list_idioms
from flambeau.passes.pipelines import (
    after_compilation,
    optimize,
    optimize_frozen,
    optimize_frozen_layout,
    optimize_frozen_numerics,
    register_evaluator,
    simplify,
)
from flambeau.passes.remove_dropout import remove_dropout
from flambeau.passes.remove_mutation import remove_list_mutation, remove_mutation, remove_tensor_mutation
from flambeau.passes.specialization.loop_buffers import INTO, SHORT, SLOT
from flambeau.passes.specialization.memory_reuse import FITS, REUSES
from flambeau.passes.specialization.number_lists import AS_NUMBERS
from flambeau.passes.specialization.recorded_loops import APPENDED, CARRIED, ROWS, STEP, results_belong_together
from flambeau.passes.specialization.specialize import (
    FEW,
    IF_FLOAT,
    KEEPS_MARKED,
    KNOWN_RANK,
    SHARED,
    TAKES_ROWS,
    Specialization,
    specialize,
    specialize_for,
)
from flambeau.passes.specialization.tensor_facts import fact_of_type, propagate_facts
from flambeau.passes.specialization.tensor_rules import Order, TensorFact
from flambeau.passes.specialization.unit_dimensions import UNIT_LEFT_OUT
from flambeau.passes.subgraphs import with_subgraphs
from flambeau.passes.whole_slices import remove_whole_slices

__all__ = [
    "APPENDED",
    "AS_NUMBERS",
    "CARRIED",
    "FEW",
    "FITS",
    "IF_FLOAT",
    "INTO",
    "KEEPS_MARKED",
    "KNOWN_RANK",
    "PASSES",
    "REUSES",
    "ROWS",
    "SHARED",
    "SHORT",
    "SLOT",
    "STEP",
    "TAKES_ROWS",
    "UNIT_LEFT_OUT",
    "Evaluate",
    "GraphPass",
    "Order",
    "Specialization",
    "TensorFact",
    "after_compilation",
    "annotate_warns",
    "callee_of",
    "canonicalize",
    "canonicalize_outputs",
    "eliminate_common_subexpressions",
    "eliminate_dead_code",
    "erase_list_literals",
    "fact_of_type",
    "fold_constants",
    "fold_frozen_addition",
    "fold_frozen_batch_norm",
    "fold_frozen_multiplication",
    "fold_immutable_constants",
    "freeze_module",
    "graph_pass",
    "hoist_loop_invariants",
    "inline_calls",
    "known_objects",
    "lower_simple_tuples",
    "may_give_view",
    "normalize_ops",
    "optimize",
    "optimize_frozen",
    "optimize_frozen_layout",
    "optimize_frozen_numerics",
    "order_matrices",
    "pause",
    "pausing",
    "peephole",
    "peephole_list_idioms",
    "pool_constants",
    "propagate_facts",
    "put_channels_last",
    "register_evaluator",
    "remove_dropout",
    "remove_list_mutation",
    "remove_mutation",
    "remove_tensor_mutation",
    "remove_whole_slices",
    "results_belong_together",
    "run",
    "simplify",
    "specialize",
    "specialize_for",
    "unroll_constant_loops",
    "unroll_loops",
    "with_subgraphs",
    "writes_tensors",
]
