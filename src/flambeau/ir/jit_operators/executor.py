"""Nodes that optimisation makes: fused groups, the guards before them, fallbacks, and export's two ONNX operators."""

from __future__ import annotations

from flambeau.ir.jit_operators.table import CONSERVATIVE, SPECIAL, JitOperator, table

OPERATORS: tuple[JitOperator, ...] = (
    *table(
        """
        prim::FallbackGraph(...) -> ...
        prim::FusedConcat(...) -> ...
        prim::FusionGroup(...) -> ...
        prim::StaticSubgraph(...) -> ...
        prim::TensorExprDynamicGroup(...) -> ...
        prim::TensorExprDynamicGuard(...) -> bool
        prim::TensorExprGroup(...) -> ...
        prim::TypeCheck(...) -> ...
        prim::VarConcat(...) -> Tensor
        prim::VarStack(...) -> Tensor
        prim::oneDNNFusionGroup(...) -> ...
        prim::oneDNNFusionGuard(...) -> ...
        prim::profile(...) -> ...
        prim::profile_ivalue(...) -> ...
        onnx::Reshape(Tensor input, Tensor shape) -> Tensor
        onnx::Shape(Tensor t) -> Tensor
        """,
        alias=SPECIAL,
    ),
    *table("prim::StaticRuntimeCopyOuts(...) -> ...", alias=CONSERVATIVE),
    *table("prim::Guard(Tensor(a) t) -> Tensor(a)"),
    *table(
        """
        prim::BailOut(...) -> Tensor(a)
        prim::BailoutTemplate() -> int
        """,
        effects=True,
    ),
)
