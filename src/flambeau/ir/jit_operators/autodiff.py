"""Derivatives: what scripts ask for, and what differentiation of graphs puts into them."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import CONSERVATIVE, SPECIAL, JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table("""
        aten::grad(Tensor[] outputs, Tensor[] inputs, Tensor?[]? grad_outputs=None, bool? retain_graph=None, \
bool create_graph=False, bool allow_unused=False) -> Tensor?[]
        aten::_grad_sum_to_size(Tensor(a) self, int[]? size) -> Tensor(a)
        prim::ReductionSizes(int[] size, int[] red_axes, bool keepdim=False) -> int[]
    """),
    # They accumulate into the `grad` of every leaf that they reach.
    *table(
        """
        aten::backward(Tensor self, Tensor? gradient=None, bool? retain_graph=None, bool create_graph=False) -> ()
        aten::backward.TensorList(Tensor[] tensors, Tensor?[]? grad_tensors=None, bool? retain_graph=None, \
bool create_graph=False) -> ()
        """,
        alias=CONSERVATIVE,
    ),
    *table(
        """
        prim::AutogradAdd(Any a, Any b) -> Any
        prim::AutogradAllNonZero(...) -> bool
        prim::AutogradAllZero(...) -> bool
        prim::AutogradAnyNonZero(...) -> bool
        prim::AutogradZero() -> Tensor
        prim::BroadcastSizes(...) -> int[]
        prim::ChunkSizes(...) -> ...
        prim::ConstantChunk(...) -> ...
        prim::DifferentiableGraph(...) -> ...
        prim::MMBatchSide(...) -> ...
        prim::MMTreeReduce(...) -> Tensor
        prim::RequiresGradCheck(...) -> ...
        """,
        alias=SPECIAL,
    ),
)
